package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// The worlds are this program: in a test that is the test's.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "-world" {
		if err := serveWorld(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestEveryKindHasARow(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	var out strings.Builder
	o := options{sizes: []int{1, 10, 60}, cores: []int{2}, rounds: 1, requests: 8, flat: 1e9, flatStore: 1e9}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if n := len(regexp.MustCompile(`(?m)^\| `+k.name+` \| \d+ \| \d+\.\d\d \| \d+\.\d\d \| \d* \|$`).FindAllString(out.String(), -1)); n != 1 {
			t.Errorf("%d rows of %s, want one:\n%s", n, k.name, out.String())
		}
	}
}

func TestWhatGrowsIsAnError(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	o := options{sizes: []int{1, 10, 100}, cores: []int{1, 2}, rounds: 1, requests: 8, flat: 0, flatStore: 0, only: "in memory"}
	err := run(t.Context(), o, t.Output())
	whole := 0
	for _, k := range kinds {
		if strings.Contains(k.name, o.only) {
			whole += len(o.cores)
		}
	}
	if err == nil || strings.Count(err.Error(), "times as much") != whole {
		t.Errorf("run: %v", err)
	}
	if text := fmt.Sprint(err, "\n"); !strings.Contains(text, "among 100 as among 10\n") || !strings.Contains(text, "among 100 as among 1\n") {
		t.Errorf("a refresh is not compared with what it is to be compared with: %v", err)
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-most", "1000"}, {"-rounds", "0"}, {"-requests", "0"}, {"-cores", "none"}, {"-cores", "0"}, {"extra"}} {
		if err := start(t.Context(), args, t.Output()); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if err := serveWorld([]string{"nothing", "1", "1", "1"}, strings.NewReader(""), t.Output()); err == nil {
		t.Error("a kind that is unknown has no error")
	}
}

func TestNumbersAndMeans(t *testing.T) {
	t.Parallel()
	if got := number(1) + ", " + number(1000) + ", " + number(1_000_000); got != "1, 1 000, 1 000 000" {
		t.Error(got)
	}
	if got := mean([]float64{100, 1, 2, 3, 0}); got != 2 {
		t.Errorf("the mean without the lowest and the highest is %v", got)
	}
}
