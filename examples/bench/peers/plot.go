package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// bar is one row of the plot.
type bar struct {
	label string
	value float64
	ours  bool
}

const (
	plotWidth  = 760
	barsBegin  = 330 // x
	barsEnd    = 690
	rowHeight  = 24
	headHeight = 34
)

// plot returns the main ratios as SVG. It has a background of its own and follows
// the reader's colour scheme, so that it is legible on a light and on a dark page. The
// description has all values, for those who do not see it.
func (f figures) plot() ([]byte, error) {
	servers, err := f.bars([]source{
		{"Echo alone", "× Echo alone", []string{"Echo alone"}, false},
		{"Sallyport, HS256", "× Echo alone", []string{oursHS}, true},
		{"echo-jwt and ulule/limiter, HS256", "× Echo alone", []string{theirsHS}, false},
		{"Sallyport, ES256, tokens seen before", "× Echo alone", []string{oursES}, true},
		{"echo-jwt and ulule/limiter, ES256", "× Echo alone", []string{theirsES}, false},
	})
	if err != nil {
		return nil, err
	}
	const cold, cache = "**Sallyport**", "**Sallyport**, from the cache"
	steps, err := f.bars([]source{
		{"verify HS256, of golang-jwt", "× golang-jwt", []string{"verify HS256", cold}, true},
		{"verify ES256, of golang-jwt", "× golang-jwt", []string{"verify ES256", cold}, true},
		{"the same, a token seen before", "× golang-jwt", []string{"verify ES256", cache}, true},
		{"refuse an old ES256 token, of golang-jwt", "× golang-jwt", []string{"a token that expired long ago, ES256", cold}, true},
		{"Bearer, HS256, of echo-jwt", "× echo-jwt", []string{"Bearer, HS256", cold + ", Echo"}, true},
		{"Protect, HS256, of echo-jwt and ulule", "× echo-jwt", []string{"Protect, HS256", cold + ", Echo"}, true},
		{"refresh, HS256, of gin-jwt", "× gin-jwt", []string{"refresh, HS256", "**Sallyport**: rotation in a store in memory"}, true},
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	height := 2*headHeight + rowHeight*(len(servers)+len(steps)) + 40
	title := "CPU that a request costs, beside what people use now"
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", escaped(title), escaped(described(servers, steps)))
	b.WriteString(`<style>
.page { fill: #ffffff; stroke: #d0d7de } text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
.head { font-weight: 600 } .ours { fill: #0969da } .others { fill: #8c959f } .one { stroke: #57606a; stroke-dasharray: 3 3 }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 } .ours { fill: #58a6ff } .others { fill: #6e7681 } .one { stroke: #8b949e } .value { stroke: #0d1117 }
}
</style>
`)
	fmt.Fprintf(&b, "<rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", plotWidth-1, height-1)
	y := 10
	y = panel(&b, y, "CPU of a whole server for each request; Echo alone is 1", servers)
	panel(&b, y+20, "CPU of one step; the usual choice is 1", steps)
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

// source says where the value of a bar stands in the tables.
type source struct {
	label, heading string
	row            []string
	ours           bool
}

func (f figures) bars(from []source) (all []bar, err error) {
	for _, s := range from {
		value, err := f.ratio(s.heading, s.row...)
		if err != nil {
			return nil, err
		}
		all = append(all, bar{s.label, value, s.ours})
	}
	return all, nil
}

// panel draws bars below a heading, and returns where it ends.
func panel(b *bytes.Buffer, y int, heading string, bars []bar) int {
	most := 1.0
	for _, one := range bars {
		most = max(most, one.value)
	}
	fmt.Fprintf(b, "<text class=\"head\" x=\"16\" y=\"%d\">%s</text>\n", y+20, escaped(heading))
	y += headHeight
	scale := float64(barsEnd-barsBegin) / most
	var values bytes.Buffer // in front of the line at 1
	for i, one := range bars {
		class := "others"
		if one.ours {
			class = "ours"
		}
		top := y + i*rowHeight
		wide := max(one.value*scale, 1)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", barsBegin-10, top+16, escaped(one.label))
		fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class, barsBegin, top+4, wide, rowHeight-8)
		fmt.Fprintf(&values, "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n", float64(barsBegin)+wide+6, top+16, short(one.value))
	}
	end := y + len(bars)*rowHeight
	one := float64(barsBegin) + scale
	fmt.Fprintf(b, "<line class=\"one\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", one, y, one, end)
	_, _ = values.WriteTo(b) // a Buffer has no errors
	return end
}

// short is a value as the tables have it.
func short(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func described(servers, steps []bar) string {
	list := func(bars []bar) string {
		all := make([]string, len(bars))
		for i, one := range bars {
			all[i] = one.label + ": " + short(one.value)
		}
		return strings.Join(all, "; ")
	}
	return "CPU of a whole Echo server for each request, of what Echo alone takes. " + list(servers) +
		". CPU of one step of Sallyport, of what the usual choice takes. " + list(steps) + "."
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a Buffer has no errors
	return b.String()
}
