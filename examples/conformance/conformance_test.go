// Package conformance_test holds what RFC 6749, 6750, 7009, 7515, 7517, 7519,
// 7638, 7662, 8414, 8725, 9068, 9457 and 9700, OAuth 2.1, ASVS 5 and NIST SP
// 800-63B ask of an authorization server and of an API behind one, as far as one
// or two HTTP exchanges can tell. Each statement is a subtest, at both doors, and
// a line of the table in README.md, which is made of the results.
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

// statement is what a standard asks.
type statement struct {
	number int
	grade  string // as in the source; MUST* where it speaks to the client or is advice, and the check is ours
	says   string
	source string

	// check makes the exchanges. Nil: the statement does not apply.
	check func(*testing.T, opener)

	// unfrozen: check runs outside of the bubble in which the clock stands still.
	unfrozen bool

	// note says where a dialect deviates and why, or why the statement does not
	// apply.
	note string
}

var update = flag.Bool("update", false, "write the table anew")

// all are the statements, by number.
var all = slices.Concat(
	requests, clientAuthentication, grants, refusals, refreshes, rotations, bearers, webTokens,
	keysAndMetadata, revocations, problems, throttles, sessions,
)

//nolint:paralleltest,tparallel // the table is made when all of them are through
func TestConformance(t *testing.T) {
	t.Parallel()
	results := make([]string, len(all))
	t.Run("statement", func(t *testing.T) {
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
				for _, door := range doors {
					t.Run(door.name, func(t *testing.T) {
						if s.unfrozen {
							s.check(t, door.open)
							return
						}
						synctest.Test(t, func(t *testing.T) { s.check(t, door.open) })
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
		t.Error("README.md is not the table of these results; go test ./examples/conformance -update writes it")
	}
}

// Nobody may lose a statement, or count one twice.
func TestEveryStatementIsThere(t *testing.T) {
	t.Parallel()
	if len(all) != 190 {
		t.Errorf("there are %d statements, want 190", len(all))
	}
	for i, s := range all {
		if s.number != i+1 {
			t.Fatalf("statement %d stands where %d should", s.number, i+1)
		}
		if s.says == "" || s.source == "" || s.grade == "" {
			t.Errorf("statement %d: %+v", s.number, s)
		}
	}
}

func table(results []string) string {
	var b strings.Builder
	counts := map[string]int{}
	for _, r := range results {
		counts[r]++
	}
	b.WriteString("# What the standards ask, and what Sallyport does\n\n" +
		"Each line is a subtest of `TestConformance`, which makes the exchange at the net/http door and at the Echo door; " +
		"the table is made of its results. `go test -run 'TestConformance/statement/D084' ./examples/conformance -v` runs one.\n\n")
	fmt.Fprintf(&b, "%d statements: %d held, %d held with a deviation that is explained, %d do not apply, %d fail.\n\n",
		len(results), counts["held"], counts["held, but"], counts["does not apply"], counts["FAILS"])
	b.WriteString("MUST\\* stands where the source speaks to the client or gives advice, and the check on the server is ours.\n\n" +
		"| | grade | statement | source | result | |\n|---|---|---|---|---|---|\n")
	for i, s := range all {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", s.number, strings.ReplaceAll(s.grade, "*", `\*`), s.says, s.source, results[i], s.note)
	}
	return b.String()
}
