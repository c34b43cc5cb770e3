package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

var sample = regexp.MustCompile(`^(\w+)\{(.*)\} (\d+(?:\.\d+)?(?:e[+]\d+)?)$`)

// scrape adds the counters that a node serves to sums, by the metric and the values of
// Sallyport's own labels.
func scrape(t *testing.T, addr string, sums map[string]float64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		m := sample.FindStringSubmatch(lines.Text())
		if len(m) < 4 || !strings.HasPrefix(m[1], "sallyport_") {
			continue
		}
		name := m[1]
		for label := range strings.SplitSeq(m[2], ",") {
			if key, value, _ := strings.Cut(label, "="); strings.HasPrefix(key, "sallyport_") {
				name += " " + strings.Trim(value, `"`)
			}
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		sums[name] += value
	}
}

// number returns the number that the report has in a line.
func number(t *testing.T, report, line string) float64 {
	t.Helper()
	m := regexp.MustCompile("(?m)^" + line).FindStringSubmatch(report)
	if m == nil {
		t.Fatalf("no line %q in\n%s", line, report)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What the nodes have counted adds up to what the clients were told and the store has.
func TestTheMetricsAddUpToTheReport(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	sums := map[string]float64{}
	o := options{
		name: "sallyport_test_" + strings.ToLower(rand.Text()), on: onRedis, database: postgrestest.Schema(t), redis: redistest.URL(t),
		nodes: 2, clients: 6, limit: 20, spare: true,
	}
	var c *cluster
	o.scraped = func(running *cluster) {
		c = running
		for _, node := range c.nodes {
			scrape(t, node.metrics, sums)
		}
	}
	var out strings.Builder
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("run: %v", err)
	}
	report := out.String()
	admitted, limited := number(t, report, `admitted +(\d+) of`), number(t, report, `refused +(\d+),`)
	loggedOut := number(t, report, `logged out, (\d+) of`)
	for name, want := range map[string]float64{
		"sallyport_limit_decisions_total admitted team":     admitted,
		"sallyport_limit_decisions_total limited team team": limited, //nolint:dupword // the tier and its policy
		"sallyport_events_total limited team":               limited,
		"sallyport_bearer_checks_total accepted":            admitted + limited,
		"sallyport_bearer_checks_total bearer":              loggedOut * float64(o.nodes),
		"sallyport_events_total bearer_refused bearer":      loggedOut * float64(o.nodes),
		"sallyport_events_total login":                      number(t, report, `logged in (\d+) times`),
		"sallyport_events_total refresh":                    number(t, report, `rotated +(\d+) refresh`),
		"sallyport_events_total replay":                     number(t, report, `replayed +(\d+),`),
		"sallyport_events_total logout":                     loggedOut,
	} {
		if sums[name] != want {
			t.Errorf("%s = %v, and the report says %v", name, sums[name], want)
		}
	}
	// each event of each kind was counted
	kinds := map[string]float64{}
	for name, value := range sums {
		if rest, ok := strings.CutPrefix(name, "sallyport_events_total "); ok {
			kind, _, _ := strings.Cut(rest, " ")
			kinds[kind] += value
		}
	}
	got := map[string]float64{}
	for kind, n := range c.events() {
		got[kind] = float64(n)
	}
	if fmt.Sprint(kinds) != fmt.Sprint(got) {
		t.Errorf("counted are %v\nhappened  %v", kinds, got)
	}
	if t.Failed() {
		t.Logf("%s\n%v", report, sums)
	}
}
