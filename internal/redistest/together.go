package redistest

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
)

// RunTogether is [Run] for tests that wait for servers more than they compute, and have
// the time to: four times as many of them run at a time, unless the flag -parallel
// says how many.
func RunTogether(m *testing.M) int {
	flag.Parse() //nolint:revive // TestMain is the main of a test
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
			panic(err) // the flag is testing's
		}
	}
	return Run(m)
}
