package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figure is what one call costs: the least of all rounds.
type figure struct {
	ns, allocations float64
}

// figures has a figure for each benchmark, by its package and its name.
type figures map[string]figure

var (
	line      = regexp.MustCompile(`(?m)^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	nsPerCall = regexp.MustCompile(`([0-9.]+) ns/op`)
	allocs    = regexp.MustCompile(`(\d+) allocs/op`)
)

// read adds what go test has printed.
func (f figures) read(folder, text string) {
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		name := folder + " " + strings.TrimPrefix(m[1], "Benchmark")
		one := figure{number(nsPerCall, m[2]), number(allocs, m[2])}
		if old, ok := f[name]; ok {
			one = figure{min(one.ns, old.ns), min(one.allocations, old.allocations)}
		}
		f[name] = one
	}
}

func number(of *regexp.Regexp, text string) float64 {
	m := of.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64) // the pattern is that of a number
	return n
}

// compare returns a warning for each benchmark that allocates more than before, takes
// more than so many times as long, or is gone.
func compare(before, after figures, times float64) (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		was := before[name]
		is, ok := after[name]
		if !ok {
			warnings = append(warnings, name+": is measured no more")
			continue
		}
		if is.allocations > was.allocations {
			warnings = append(warnings, fmt.Sprintf("%s: %.0f allocations, %.0f before", name, is.allocations, was.allocations))
		}
		if is.ns > times*was.ns {
			warnings = append(warnings, fmt.Sprintf("%s: %.2f times as long as before", name, is.ns/was.ns))
		}
	}
	return warnings
}

func table(tag string, before, after figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| benchmark | × %s | allocations | with %s |\n|---|--:|--:|--:|\n", tag, tag)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		is := after[name]
		if was, ok := before[name]; ok {
			fmt.Fprintf(&b, "| %s | %.2f | %.0f | %.0f |\n", name, is.ns/max(was.ns, 1e-3), is.allocations, was.allocations)
			continue
		}
		fmt.Fprintf(&b, "| %s | new | %.0f | |\n", name, is.allocations)
	}
	return b.String()
}
