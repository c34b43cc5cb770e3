package operations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// dashboard is what Grafana reads of dashboard.json, as far as it must be right.
type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Query string }
	}
	Panels []struct {
		ID          int
		Type        string
		Title       string
		Datasource  struct{ Type, UID string }
		GridPos     struct{ X, Y, W, H int }
		FieldConfig struct {
			Defaults struct{ Unit string }
		}
		Targets []struct {
			RefID        string
			Expr         string
			LegendFormat string
			Datasource   struct{ Type, UID string }
		}
	}
}

func read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func readDashboard(tb testing.TB) (d dashboard) {
	tb.Helper()
	if err := json.Unmarshal([]byte(read(tb, "dashboard.json")), &d); err != nil {
		tb.Fatal(err)
	}
	return d
}

// expressions returns the expressions of the dashboard and of the alerts, as Prometheus
// gets them.
func expressions(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for _, p := range readDashboard(tb).Panels {
		for _, target := range p.Targets {
			all = append(all, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ +expr: '(.*)'$`).FindAllStringSubmatch(read(tb, "rules.yml"), -1) {
		all = append(all, m[1])
	}
	if len(all) < 20 {
		tb.Fatalf("only %d expressions", len(all))
	}
	return all
}

// reported returns the names that the metrics of otelauth have in Prometheus.
func reported(tb testing.TB) map[string]bool {
	tb.Helper()
	source := read(tb, "../../middleware/otelauth/otelauth.go") + read(tb, "../../middleware/otelauth/keys.go")
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(counter|seconds|Gauge)\("([a-z_.]+)"`).FindAllStringSubmatch(source, -1) {
		name := strings.ReplaceAll(m[2], ".", "_")
		switch m[1] {
		case "counter":
			names[name+"_total"] = true
		case "seconds":
			names[name+"_seconds_bucket"] = true
		default:
			names[name+"_seconds"] = true
		}
	}
	if len(names) != 8 {
		tb.Fatalf("metrics = %v", names)
	}
	return names
}

func TestTheDashboardIsComplete(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 30 || len(d.Templating.List) != 1 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("dashboard = %+v", d)
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Type != "timeseries" || p.Title == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel = %+v", p)
		}
		ids[p.ID] = true
		if p.GridPos.W < 1 || p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H < 1 {
			t.Errorf("%s: its place is %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, taken := cells[cell]; taken {
					t.Fatalf("%s covers %s", p.Title, other)
				}
				cells[cell] = p.Title
			}
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.RefID == "" || target.Expr == "" || target.LegendFormat == "" || target.Datasource != p.Datasource {
				t.Errorf("%s: target = %+v", p.Title, target)
			}
			refs[target.RefID] = true
		}
		if len(refs) == 0 {
			t.Errorf("%s has no target", p.Title)
		}
	}
	if len(ids) < 8 {
		t.Errorf("only %d panels", len(ids))
	}
}

var metricName = regexp.MustCompile(`\b(?:sallyport|http_server)_[a-z_]+(?:_total|_bucket|_seconds)\b`)

func TestEachMetricThatIsUsedIsReportedAndEachReportedOneIsShown(t *testing.T) {
	t.Parallel()
	names, used := reported(t), map[string]bool{}
	for _, e := range expressions(t) {
		found := metricName.FindAllString(e, -1)
		if len(found) == 0 {
			t.Errorf("no metric in %s", e)
		}
		for _, name := range found {
			used[name] = true
			if !names[name] {
				t.Errorf("nothing reports %s, in %s", name, e)
			}
		}
	}
	for name := range names {
		if !used[name] {
			t.Errorf("%s is neither in the dashboard nor in an alert", name)
		}
	}
}

// promtool runs promtool in this folder.
func promtool(tb testing.TB, args ...string) {
	tb.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		skip.Skip(tb, "no promtool on this machine")
	}
	if out, err := exec.CommandContext(tb.Context(), "promtool", args...).CombinedOutput(); err != nil {
		tb.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestTheAlertsAreValidAndFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "rules.yml")
	promtool(t, "check", "config", "--syntax-only", "prometheus.yml")
	if os.Getenv("SALLYPORT_OPERATIONS") != "" { // it takes a second
		promtool(t, "test", "rules", "rules_test.yml")
	}
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(read(t, "rules.yml"), -1)
	tests := read(t, "rules_test.yml")
	for _, m := range alerts {
		if !strings.Contains(tests, "- name: "+m[1]+" fires\n") || !strings.Contains(tests, "alertname: "+m[1]+"}") {
			t.Errorf("rules_test.yml does not test when %s fires, and when not", m[1])
		}
	}
	if len(alerts) < 10 {
		t.Errorf("only %d alerts", len(alerts))
	}
}

// The rules as a file, with one rule for each expression of the dashboard, are how
// promtool parses them.
func TestPromtoolParsesEachExpressionOfTheDashboard(t *testing.T) {
	t.Parallel()
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, e := range expressions(t) {
		fmt.Fprintf(&rules, "  - record: dashboard:expr:%d\n    expr: '%s'\n", i, e)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

var update = os.Getenv("SALLYPORT_OPERATIONS") == "update"

// A real Prometheus scrapes a real cluster, and what it has adds up to what the cluster
// reports.
func TestPrometheusScrapesTheCluster(t *testing.T) {
	t.Parallel()
	if os.Getenv("SALLYPORT_OPERATIONS") == "" {
		t.Skip("SALLYPORT_OPERATIONS is not set") //nolint:forbidigo // .ci/run sets it
	}
	p := startPrometheus(t)
	c := startCluster(t, filepath.Join(p.dir, "targets.json"))
	c.waitFor(t, " nodes behind ")
	began := time.Now()
	c.waitFor(t, "the load has ended")
	ended := time.Now()
	// both nodes have been scraped since, and the rules were evaluated
	p.until(t, fmt.Sprintf(`count(timestamp(up{job="sallyport"} == 1) > %d)`, ended.Unix()+2), 3)

	got := map[string]float64{}
	for name, query := range map[string]string{
		"admitted": `sum(sallyport_limit_decisions_total{sallyport_outcome="admitted",sallyport_tier="team"})`,
		"refused":  `sum(sallyport_limit_decisions_total{sallyport_outcome="limited",sallyport_policy="team"})`,
		"rotated":  `sum(sallyport_events_total{sallyport_event_kind="refresh"})`,
		"replayed": `sum(sallyport_events_total{sallyport_event_kind="replay"})`,
		"logins":   `sum(sallyport_events_total{sallyport_event_kind="login"})`,
		"checks":   `sum(sallyport_bearer_checks_total{sallyport_outcome="accepted"})`,
	} {
		got[name] = p.value(t, query)
	}
	for _, e := range expressions(t) {
		p.query(t, e)
	}
	known := p.names(t)
	for name := range reported(t) {
		// the cluster rotates no key, and seldom waits for a connection
		if !slices.Contains(known, name) && name != "sallyport_signing_key_age_seconds" && name != "sallyport_counters_connection_wait_seconds_bucket" {
			t.Errorf("Prometheus has no %s", name)
		}
	}
	p.healthyRules(t)
	if update {
		draw(t, p, began.Add(-time.Second), ended.Add(2*time.Second), "../../docs/operations.svg")
	}

	report := c.end(t)
	want := map[string]float64{}
	for name, line := range map[string]string{
		"admitted": `admitted +(\d+) of`, "refused": `refused +(\d+),`, "rotated": `rotated +(\d+) refresh`,
		"replayed": `replayed +(\d+),`, "logins": `logged in (\d+) times`,
	} {
		m := regexp.MustCompile("(?m)^" + line).FindStringSubmatch(report)
		if m == nil {
			t.Fatalf("no line %q in\n%s", line, report)
		}
		var n float64
		_, _ = fmt.Sscan(m[1], &n)
		want[name] = n
	}
	want["checks"] = want["admitted"] + want["refused"]
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Prometheus has %v\nthe report  %v", got, want)
	}
	t.Logf("Prometheus has what the report says: %v", got)
}

// waiting is how often a test asks again for what takes time.
const waiting = 200 * time.Millisecond

// poll asks until ok.
func poll(ctx context.Context, ok func() bool) bool {
	again := time.NewTicker(waiting)
	defer again.Stop()
	for range 300 {
		if ok() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
	return false
}
