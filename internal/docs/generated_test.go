package docs_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

const module = "github.com/sallyport-go/sallyport"

// listed returns the packages of the module without the internal ones, and what each
// imports directly: packages of the module (inside), and other modules (outside).
func listed(t *testing.T) (names []string, inside, outside map[string][]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	inside, outside = map[string][]string{}, map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module+"/")
		if strings.HasPrefix(name, "internal/") {
			continue
		}
		names = append(names, name)
		for _, path := range words[1:] {
			local, ours := strings.CutPrefix(path, module+"/")
			first, _, _ := strings.Cut(path, "/")
			switch {
			case ours && !strings.HasPrefix(local, "internal/"):
				inside[name] = append(inside[name], local)
			case !ours && strings.Contains(first, "."):
				outside[name] = append(outside[name], moduleOf(path))
			}
		}
		outside[name] = slices.Compact(outside[name])
	}
	slices.Sort(names)
	return names, inside, outside
}

var majorVersion = regexp.MustCompile(`^v\d+$`)

// moduleOf shortens the path of a package of another module to "host/owner/name".
func moduleOf(path string) string {
	parts := strings.Split(path, "/")
	n := min(3, len(parts))
	if parts[0] == "golang.org" {
		n = 3
	}
	if len(parts) > n && majorVersion.MatchString(parts[n]) {
		n++
	}
	return strings.Join(parts[:n], "/")
}

// reaches reports whether a package imports another, directly or through others.
func reaches(inside map[string][]string, from, to string) bool {
	return slices.ContainsFunc(inside[from], func(next string) bool {
		return next == to || reaches(inside, next, to)
	})
}

func TestDocsPackagesAreWhatGoListSays(t *testing.T) {
	t.Parallel()
	_ = names(t) // opens the sources: go test must not reuse a cached result
	all, inside, outside := listed(t)
	var b strings.Builder
	b.WriteString("```mermaid\ngraph TD\n")
	id := func(name string) string { return strings.NewReplacer("/", "_").Replace(name) }
	for _, name := range all {
		fmt.Fprintf(&b, "  %s[%q]\n", id(name), name)
	}
	for _, name := range all {
		for _, next := range inside[name] {
			if !slices.ContainsFunc(inside[name], func(via string) bool { return reaches(inside, via, next) }) {
				fmt.Fprintf(&b, "  %s --> %s\n", id(name), id(next))
			}
		}
	}
	b.WriteString("```\n\n| package | imports of this module | of others |\n|---|---|---|\n")
	code := func(names []string) string {
		if len(names) == 0 {
			return ""
		}
		return "`" + strings.Join(names, "`, `") + "`"
	}
	for _, name := range all {
		fmt.Fprintf(&b, "| [`%s`](../%s) | %s | %s |\n", name, name, code(inside[name]), code(outside[name]))
	}
	replaced(t, "docs/architecture.md", "<!-- packages: go test ./internal/docs -run TestDocsPackages -update -->", "<!-- end of packages -->", b.String())
}

var (
	reasonConstant = regexp.MustCompile(`(?m)^\tReason\w+\s+Reason = "(\w+)"`)
	kindConstant   = regexp.MustCompile(`(?m)^\t\w+\s+Kind = "(\w+)"`)
)

// routes has the route on which a reason occurs most often. The other reasons occur on
// the routes of the host's API.
var routes = map[wire.Reason]wire.Route{
	wire.ReasonMethod: wire.RouteLogin, wire.ReasonMalformed: wire.RouteLogin, wire.ReasonTooLarge: wire.RouteLogin,
	wire.ReasonMissing: wire.RouteLogin, wire.ReasonGrantType: wire.RouteLogin, wire.ReasonClient: wire.RouteLogin,
	wire.ReasonClientGrant: wire.RouteLogin, wire.ReasonCredentials: wire.RouteLogin,
	wire.ReasonRefused: wire.RouteLogin,
	wire.ReasonFactor:  wire.RouteLogin, wire.ReasonScope: wire.RouteLogin,
	wire.ReasonThrottled: wire.RouteLogin, wire.ReasonUnavailable: wire.RouteLogin, wire.ReasonInternal: wire.RouteLogin,
	wire.ReasonKey: wire.RouteToken, wire.ReasonTarget: wire.RouteToken, wire.ReasonTokenType: wire.RouteToken,
	wire.ReasonNoRefresh: wire.RouteRefresh, wire.ReasonRefresh: wire.RouteRefresh, wire.ReasonEnded: wire.RouteRefresh,
}

func TestDocsStatusesAreThoseOfTheWireFormats(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| reason | route | OAuth 2.0 | Lexik | FastAPI |\n|---|---|---|---|---|\n")
	for _, m := range reasonConstant.FindAllStringSubmatch(read(t, "middleware/wire/error.go"), -1) {
		reason := wire.Reason(m[1])
		route, ok := routes[reason]
		if !ok {
			route = wire.RouteAPI
		}
		e := wire.NewError(reason, nil)
		switch reason {
		case wire.ReasonMissing:
			e = wire.Missing("username")
		case wire.ReasonGrantType:
			e.Fields = []wire.Field{{In: "body", Name: "grant_type", Value: "implicit", Want: "^password$"}}
		case wire.ReasonNoRefresh:
			e.Fields = []wire.Field{{In: "header", Name: "refresh-token", Missing: true}}
		case wire.ReasonLimited:
			e.Quota = &ratelimit.Quota{}
			e.RetryAfter = time.Minute
		case wire.ReasonThrottled:
			e.RetryAfter = time.Minute
		}
		fmt.Fprintf(&b, "| `%s` | %s |", reason, route)
		for _, d := range []wire.Dialect{wire.OAuth2{}, wire.Lexik{}, wire.FastAPI{}} {
			a := d.Refused(route, "api", e)
			fmt.Fprintf(&b, " %d `%s` |", a.Status, a.Body)
		}
		b.WriteString("\n")
	}
	replaced(t, "docs/troubleshooting.md", "<!-- statuses: go test ./internal/docs -run TestDocsStatuses -update -->", "<!-- end of statuses -->", b.String())
}

func TestDocsTroubleshootingNamesEveryReasonAndEvent(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/troubleshooting.md")
	hand, _, _ := strings.Cut(text, "<!-- statuses")
	reasons := reasonConstant.FindAllStringSubmatch(read(t, "middleware/wire/error.go"), -1)
	kinds := kindConstant.FindAllStringSubmatch(read(t, "tokens/events/events.go"), -1)
	if len(reasons) < 20 || len(kinds) < 20 {
		t.Fatalf("found only %d reasons and %d kinds", len(reasons), len(kinds))
	}
	for _, m := range reasons {
		if !strings.Contains(hand, "| `"+m[1]+"` | ") {
			t.Errorf("docs/troubleshooting.md has no row for the reason %s", m[1])
		}
	}
	for _, m := range kinds {
		if !strings.Contains(hand, "`"+m[1]+"`") {
			t.Errorf("docs/troubleshooting.md does not name the event %s", m[1])
		}
	}
}

var eventConstant = regexp.MustCompile(`(?m)^\t\w+ +(?:Event)?Kind += "(\w+)"`)

func TestDocsRunbookHasARowForEveryEvent(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/runbook.md")
	for _, file := range []string{"tokens/events/events.go", "middleware/ratelimit/event.go"} {
		kinds := eventConstant.FindAllStringSubmatch(read(t, file), -1)
		if len(kinds) < 6 {
			t.Fatalf("found only %d kinds in %s", len(kinds), file)
		}
		for _, m := range kinds {
			if !regexp.MustCompile("(?m)^\\| `" + m[1] + "` \\| [^|]{10,} \\| [^|]{5,} \\|$").MatchString(text) {
				t.Errorf("docs/runbook.md has no row for the event %s, with what it means and what to do", m[1])
			}
		}
	}
}

func TestDocsRunbookHasARowForEveryAlert(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/runbook.md")
	rules := read(t, "examples/operations/rules.yml")
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 10 {
		t.Fatalf("found only %d alerts", len(alerts))
	}
	for _, m := range alerts {
		if !regexp.MustCompile("(?m)^\\| `" + m[1] + "` \\| [^|]{10,} \\| [^|]{5,} \\|$").MatchString(text) {
			t.Errorf("docs/runbook.md has no row for the alert %s, with what it means and what to do", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Sallyport\\w+)` ").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(rules, "- alert: "+m[1]+"\n") {
			t.Errorf("docs/runbook.md has a row for the alert %s, which there is not", m[1])
		}
	}
}

var budgetDefault = regexp.MustCompile(`(?m)^\tof\w+:\s+\{"(\w+)", Budget\{(\d+), `)

func TestDocsBudgetsAreTheDefaults(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/brute-force-protection.md")
	found := budgetDefault.FindAllStringSubmatch(read(t, "middleware/bruteforce.go"), -1)
	if len(found) < 7 {
		t.Fatalf("found only %d budgets", len(found))
	}
	for _, m := range found {
		name, burst := m[1], m[2]
		if !regexp.MustCompile("(?m)^\\| `" + name + "` \\| .* \\| " + burst + "(,| in)").MatchString(text) {
			t.Errorf("docs/brute-force-protection.md has no row for %s with the default %s", name, burst)
		}
	}
}
