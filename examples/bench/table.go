package main

import (
	"fmt"
	"strings"
)

// table is the figures in Markdown: rates and times are medians of all rounds.
func table(o options, figures []figure) string {
	var b strings.Builder
	b.WriteString("| store |")
	for _, crowd := range crowds {
		fmt.Fprintf(&b, " %s: refreshes/s | p99 |", plural(crowd, "client"))
	}
	fmt.Fprintf(&b, " bytes a session | a refresh among %d, of what it costs among %d |\n|---|", o.many, o.few)
	b.WriteString(strings.Repeat("--:|", 2*len(crowds)+2) + "\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "| %s |", f.name)
		for k := range crowds {
			fmt.Fprintf(&b, " %.0f | %s |", median(f.perSecond[k]), short(median(f.slowest[k])))
		}
		fmt.Fprintf(&b, " %.0f | %.2f |\n", f.bytes, median(f.growth))
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// short is a time with two digits that count.
func short(milliseconds float64) string {
	switch {
	case milliseconds < 1:
		return fmt.Sprintf("%.2f ms", milliseconds)
	case milliseconds < 10:
		return fmt.Sprintf("%.1f ms", milliseconds)
	}
	return fmt.Sprintf("%.0f ms", milliseconds)
}
