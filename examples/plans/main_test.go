package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheStory(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]func(*testing.T) []string{
		"in memory": func(*testing.T) []string { return nil },
		"on Redis":  func(t *testing.T) []string { return []string{"-redis", redistest.Start(t).URL()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if err := run(t.Context(), args(t), &out); err != nil {
				t.Fatal(err)
			}
			const want = `on small: 100 requests let in, then 429
1000 more refused, for which the counters' server was asked 0 times
on large, in the same hour: 200, 4899 of 5000 left
`
			if out.String() != want {
				t.Errorf("it printed\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}
