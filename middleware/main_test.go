package middleware_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Floods of requests leave much garbage and little that lives: with more of it
	// at a time, these tests take four fifths of the work.
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}
