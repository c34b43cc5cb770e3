package operations_test

import (
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// graph is one graph of the picture.
type graph struct{ title, unit, expr, label string }

var graphs = []graph{
	{"Rate limits, by outcome", "requests a second", `sum by (sallyport_outcome) (rate(sallyport_limit_decisions_total[3s]))`, "sallyport_outcome"},
	{"Sessions, by event", "events a second", `sum by (sallyport_event_kind) (rate(sallyport_events_total{sallyport_event_kind=~"refresh|replay"}[3s]))`, "sallyport_event_kind"},
	{"Store, 99th percentile by operation", "milliseconds", `1000 * histogram_quantile(0.99, sum by (le, sallyport_operation) (rate(sallyport_store_operation_duration_seconds_bucket{sallyport_operation=~"session|advance_session|session_denied"}[3s])))`, "sallyport_operation"},
	{"Requests, 99th percentile by route", "milliseconds", `1000 * histogram_quantile(0.99, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket{http_route=~"/orders|/refresh"}[3s])))`, "http_route"},
}

var colours = []string{"#0b62a4", "#d9541e", "#2f7d32", "#7b3fa0"}

const (
	width, height = 460, 230
	left, top     = 52, 52
	right, bottom = 14, 54
	plotW, plotH  = width - left - right, height - top - bottom
)

// draw draws the graphs of a time from the data of Prometheus.
func draw(t *testing.T, p *prometheus, from, to time.Time, file string) {
	t.Helper()
	all, first := make([][]series, len(graphs)), float64(to.Unix())
	for i, g := range graphs {
		all[i] = p.over(t, g.expr, from, to)
		for _, s := range all[i] {
			first = min(first, s.Values[0].at())
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" role="img" aria-label="Four graphs of a run of examples/cluster, from the data of Prometheus">`+"\n", 2*width, 2*height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", 2*width, 2*height)
	for i, g := range graphs {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*width, i/2*height)
		drawGraph(&b, g, all[i], first, float64(to.Unix()))
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil { //nolint:gosec // a page of the documentation
		t.Fatal(err)
	}
}

func drawGraph(b *strings.Builder, g graph, lines []series, from, to float64) {
	most := 0.0
	for _, s := range lines {
		for _, v := range s.Values {
			if !math.IsNaN(v.value()) {
				most = max(most, v.value())
			}
		}
	}
	step := nice(most / 4)
	ceiling := math.Max(step, math.Ceil(most/step)*step)
	fmt.Fprintf(b, `<text x="%d" y="22" font-size="14" font-weight="600" fill="#111">%s</text>`+"\n", left, html.EscapeString(g.title))
	fmt.Fprintf(b, `<text x="%d" y="40" font-size="11" fill="#555">%s</text>`+"\n", left, g.unit)
	y := func(v float64) float64 { return top + plotH - v/ceiling*plotH }
	x := func(at float64) float64 { return left + (at-from)/(to-from)*plotW }
	for v := 0.0; v <= ceiling+step/2; v += step {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" font-size="11" fill="#555" text-anchor="end">%s</text>`+"\n",
			left, y(v), width-right, left-6, y(v)+4, strconv.FormatFloat(v, 'f', -1, 64))
	}
	every := nice((to - from) / 5)
	for s := 0.0; s <= to-from; s += every {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" font-size="11" fill="#555" text-anchor="middle">%s s</text>`+"\n", x(from+s), top+plotH+16, strconv.FormatFloat(s, 'f', -1, 64))
	}
	slices.SortFunc(lines, func(a, b series) int { return strings.Compare(a.Metric[g.label], b.Metric[g.label]) })
	legend := float64(left)
	for i, s := range lines {
		var d strings.Builder
		pen := "M"
		for _, v := range s.Values {
			if math.IsNaN(v.value()) {
				pen = "M"
				continue
			}
			fmt.Fprintf(&d, "%s%.1f %.1f", pen, x(v.at()), y(v.value()))
			pen = "L"
		}
		colour, name := colours[i%len(colours)], s.Metric[g.label]
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"/>`+"\n", d.String(), colour)
		fmt.Fprintf(b, `<path d="M%.0f %dh16" stroke="%s" stroke-width="3"/><text x="%.0f" y="%d" font-size="12" fill="#111">%s</text>`+"\n",
			legend, height-14, colour, legend+21, height-10, html.EscapeString(name))
		legend += 21 + 7*float64(len(name)) + 18
	}
}

// nice returns a round number that is not smaller: 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}
