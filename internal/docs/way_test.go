package docs_test

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"
)

// route is the way of one kind of request through packages middleware and
// middleware/ratelimit.
type route struct {
	story string // the function that names its steps, the first of its file
	from  string // where a request comes in; empty: the story
	most  int    // how many files the way may touch
}

var wayRoutes = []route{
	{from: "middleware.Auth.CheckLimit", story: "ratelimit.Limiter.CheckLimit", most: 6},
	{story: "middleware.Auth.CheckBearer", most: 2},
	{story: "middleware.Auth.CheckLogin", most: 11},
	{story: "middleware.Auth.CheckRefresh", most: 12},
	{story: "middleware.Auth.CheckToken", most: 13},
}

// wayEnds are the files and functions that a way does not go on through. They make,
// report or answer an error, and a request that is admitted calls none of them for more
// than that.
var wayEnds = map[string]string{
	"middleware/refusalevent.go":      "reports a request that is not admitted",
	"middleware/ratelimit/error.go":   "makes errors and tells them apart",
	"middleware/ratelimit/event.go":   "reports events to the host's hook",
	"middleware/ratelimit/refusal.go": "answers a request that is not admitted",
	"middleware/ratelimit/verdict.go": "tells the host's metrics of a decision",
	"ratelimit.Tier.check":            "finds what is wrong with a tier that Override has returned",
}

// mostLines is how long a story may be.
const mostLines = 30

// TestDocsWaysGoDownwards holds the way of a request to a few files, in an order in which
// every call goes downwards: into its own file, or into one that stands later in the
// order. So a reader who follows the calls never comes back into a file that was left for
// a deeper one, but by returning to a caller, and a call that does come back is a circle
// in the calls between files. The way ends at an interface (Counters, Dialect, the
// verifier), at the functions of the host, and at other packages, which import none of
// the two: what an implementation does behind an interface is a way of its own.
func TestDocsWaysGoDownwards(t *testing.T) {
	t.Parallel()
	_ = names(t) // opens the sources: go test must not reuse a cached result
	c := load(t)
	within := func(file string) bool {
		dir := path.Dir(file)
		return dir == "middleware" || dir == "middleware/ratelimit"
	}
	used := map[string]bool{}
	var lines strings.Builder
	lines.WriteString("| way | its files, in the order in which it enters them |\n|---|---|\n")
	for _, r := range wayRoutes {
		w := c.way(within, wayEnds)
		from := r.from
		if from == "" {
			from = r.story
		}
		w.walk(c.find(t, from))
		for end := range w.used {
			used[end] = true
		}
		t.Logf("%s: %d files: %s", from, len(w.files), strings.Join(w.files, ", "))
		if len(w.files) > r.most {
			t.Errorf("%s touches %d files, want %d or fewer: %s", from, len(w.files), r.most, strings.Join(w.files, ", "))
		}
		if calls := w.upward(); calls != "" {
			t.Errorf("%s calls upwards:\n%s", from, calls)
		}
		c.checkStory(t, r.story)
		fmt.Fprintf(&lines, "| `%s` | `%s` |\n", path.Ext(from)[1:], strings.Join(w.files, "`, `"))
	}
	for end, why := range wayEnds {
		if !used[end] {
			t.Errorf("no way ends at %s, which %s: remove it", end, why)
		}
	}
	replaced(t, "docs/architecture.md", "<!-- ways: go test ./internal/docs -run TestDocsWays -update -->", "<!-- end of ways -->", lines.String())
}

// checkStory holds a story to the first place in its file, and to a length that can be
// read at once.
func (c *code) checkStory(t *testing.T, name string) {
	t.Helper()
	story := c.functions[c.find(t, name)]
	for _, other := range c.functions {
		if c.file(other) == c.file(story) && other.Pos() < story.Pos() {
			t.Errorf("%s must be the first function of its file, behind it stands %s", name, other.Name.Name)
		}
	}
	if n := c.lines(story); n > mostLines {
		t.Errorf("%s has %d lines, want %d or fewer", name, n, mostLines)
	}
}

func (c *code) lines(n ast.Node) int {
	return c.fset.Position(n.End()).Line - c.fset.Position(n.Pos()).Line + 1
}

var limitedWay = regexp.MustCompile("`(middleware/(?:ratelimit/)?[a-z]+\\.go)`")

// TestDocsLimitedWayNamesTheFilesOfItsSteps compares the table of the way of a limited
// request with the walk.
func TestDocsLimitedWayNamesTheFilesOfItsSteps(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/architecture.md")
	_, table, _ := strings.Cut(page, "## The way of a limited request")
	table, _, _ = strings.Cut(table, "\n## ")
	steps := map[string]bool{}
	for row := range strings.Lines(table) {
		if strings.Contains(row, "`CheckLimit`:") {
			for _, m := range limitedWay.FindAllStringSubmatch(row, -1) {
				steps[m[1]] = true
			}
		}
	}
	_, walked, _ := strings.Cut(page, "| `CheckLimit` | ")
	walked, _, _ = strings.Cut(walked, "\n")
	files := limitedWay.FindAllStringSubmatch(walked, -1)
	for _, m := range files {
		if !steps[m[1]] {
			t.Errorf("no step of CheckLimit names %s, which the way enters", m[1])
		}
		delete(steps, m[1])
	}
	for file := range steps {
		t.Errorf("a step of CheckLimit names %s, which the way does not enter", file)
	}
	if len(files) == 0 {
		t.Error("the way of CheckLimit has no files")
	}
}
