// Package conformance_test holds what RFC 6749, 6750, 7009, 7515, 7517, 7519,
// 7638, 7662, 8414, 8725, 9068, 9457 and 9700, OAuth 2.1, ASVS 5 and NIST SP
// 800-63B ask of an authorization server and of an API behind one, as far as one
// or two HTTP exchanges can tell. Each requirement is a subtest on net/http, Echo v4 and
// Echo v5, and a line of the table in README.md, which is generated from the results.
package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // it tells of a server that is not there on purpose
	goleak.VerifyTestMain(m)
}

// requirement is one requirement of a standard.
type requirement struct {
	number int
	grade  string // as in the source; MUST* if the source addresses the client or gives advice, and the check on the server is ours
	says   string
	source string

	// check makes the exchanges. Nil: the requirement does not apply.
	check func(*testing.T, opener)

	// unfrozen runs check with the real clock, outside of a synctest bubble.
	unfrozen bool

	// note is the reason for a deviation, or why the requirement does not apply.
	note string
}

var update = flag.Bool("update", false, "rewrite the table in README.md")

// all are the requirements, sorted by number.
var all = slices.Concat(
	requests, clientAuthentication, grants, refusals, refreshes, rotations, bearers, webTokens,
	keysAndMetadata, revocations, problems, throttles, sessions,
)

//nolint:paralleltest,tparallel // the table is written when all subtests have ended
func TestConformance(t *testing.T) {
	t.Parallel()
	results := make([]string, len(all))
	t.Run("requirement", func(t *testing.T) {
		for i, s := range all {
			name := fmt.Sprintf("D%03d %s", s.number, s.says)
			if s.check == nil {
				results[i] = "does not apply"
				t.Run(name, func(t *testing.T) {
					if s.note == "" {
						t.Error("it is skipped without a reason")
					}
					t.Skip(s.note) //nolint:forbidigo // it does not apply
				})
				continue
			}
			results[i] = "held"
			if s.note != "" {
				results[i] = "held, but"
			}
			t.Run(name, func(t *testing.T) {
				for _, adapter := range adapters {
					t.Run(adapter.name, func(t *testing.T) {
						if s.unfrozen {
							s.check(t, adapter.open)
							return
						}
						synctest.Test(t, func(t *testing.T) { s.check(t, adapter.open) })
					})
				}
				if t.Failed() {
					results[i] = "FAILS"
				}
			})
		}
	})
	want := table(results)
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Error("README.md differs from the table of these results; go test ./examples/conformance -update rewrites it")
	}
}

// Each requirement is there exactly once.
func TestEveryRequirementIsThere(t *testing.T) {
	t.Parallel()
	if len(all) != 190 {
		t.Errorf("there are %d requirements, want 190", len(all))
	}
	for i, s := range all {
		if s.number != i+1 {
			t.Fatalf("got requirement %d, want %d", s.number, i+1)
		}
		if s.says == "" || s.source == "" || s.grade == "" {
			t.Errorf("requirement %d: %+v", s.number, s)
		}
	}
}

func table(results []string) string {
	var b strings.Builder
	counts := map[string]int{}
	for _, r := range results {
		counts[r]++
	}
	b.WriteString("# Conformance with the standards\n\n" +
		"Each line is a subtest of `TestConformance`, which is run on net/http, Echo v4 and Echo v5; " +
		"the table is generated from its results. `go test -run 'TestConformance/requirement/D084' ./examples/conformance -v` runs one.\n\n")
	fmt.Fprintf(&b, "%d requirements: %d held, %d held with a deviation that is explained, %d do not apply, %d fail.\n\n",
		len(results), counts["held"], counts["held, but"], counts["does not apply"], counts["FAILS"])
	b.WriteString("MUST\\* marks a requirement whose source addresses the client or gives advice; the check on the server is ours.\n\n" +
		"| | grade | requirement | source | result | |\n|---|---|---|---|---|---|\n")
	for i, s := range all {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", s.number, strings.ReplaceAll(s.grade, "*", `\*`), s.says, s.source, results[i], s.note)
	}
	return b.String()
}
