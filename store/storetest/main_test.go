package storetest_test

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	// The rules leave much garbage and little that lives: with more of it at a time,
	// these tests take two thirds of the work.
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
