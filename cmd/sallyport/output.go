package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// record is one result: an object in JSON, a row of a table otherwise.
type record interface {
	head() []string
	cells() []string
}

// output writes the results of a command.
type output struct {
	w     io.Writer
	json  bool
	table *tabwriter.Writer
	head  string // of the table that was begun
	rows  int
	err   error // the first, such as a closed pipe
}

func newOutput(p *process, asJSON bool) *output {
	o := &output{w: p.stdout, json: asJSON}
	o.table = tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	return o
}

// rowsAtATime is how many rows of a table are aligned with one another.
const rowsAtATime = 1000

// add writes a result.
func (o *output) add(r record) {
	if o.json {
		o.keep(writeJSON(o.w, r))
		return
	}
	if head := strings.Join(r.head(), "\t"); head != o.head {
		o.keep(o.table.Flush())
		if head != "" {
			o.keepf("%s\n", head)
		}
		o.head = head
	}
	cells := r.cells()
	for i, cell := range cells {
		cells[i] = clean(cell)
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	o.keepf("%s\n", strings.Join(cells, "\t"))
	o.rows++
	if o.rows%rowsAtATime == 0 {
		o.keep(o.table.Flush())
	}
}

// notef writes a sentence for people.
func (o *output) notef(format string, args ...any) {
	if o.json {
		return
	}
	o.keep(o.table.Flush())
	o.head = ""
	_, err := fmt.Fprintln(o.w, clean(fmt.Sprintf(format, args...), '\n'))
	o.keep(err)
}

func (o *output) keepf(format string, args ...any) {
	_, err := fmt.Fprintf(o.table, format, args...)
	o.keep(err)
}

func (o *output) keep(err error) {
	if o.err == nil {
		o.err = err
	}
}

// flush writes what is still to be written, and returns the first error.
func (o *output) flush() error {
	o.keep(o.table.Flush())
	return o.err
}

func writeJSON(w io.Writer, v any) error {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(line.Bytes())
	return err
}

// clean returns a text without the control characters that a terminal would obey: what
// users have typed is in logins and labels. It keeps the runes of keep.
func clean(text string, keep ...rune) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) || len(keep) > 0 && r == keep[0] {
			b.WriteRune(r)
			continue
		}
		if r == '\t' {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

// stamp is a time in a table, "" if it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// when is a time in JSON, absent if it is zero.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// list is a list in JSON: [] and not null.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// meter shows on a terminal how far a long work is, and when it will be done.
type meter struct {
	w            io.Writer // nil: it shows nothing
	what         string
	total, done  int // total 0: unknown
	began, shown time.Time
	now          func() time.Time
}

func (p *process) meter(what string, total int) *meter {
	m := &meter{what: what, total: total, began: p.now(), now: p.now}
	if p.progress {
		m.w = p.stderr
	}
	return m
}

const betweenShown = 200 * time.Millisecond

// add counts one piece of the work.
func (m *meter) add() {
	m.done++
	if m.w == nil {
		return
	}
	now := m.now()
	if now.Sub(m.shown) < betweenShown {
		return
	}
	m.shown = now
	_, _ = fmt.Fprintf(m.w, "\r\x1b[K%s", m.line(now))
}

// line is what is shown.
func (m *meter) line(now time.Time) string {
	if m.total == 0 {
		return fmt.Sprintf("%s: %d", m.what, m.done)
	}
	left := time.Duration(float64(now.Sub(m.began)) / float64(m.done) * float64(m.total-m.done))
	return fmt.Sprintf("%s: %d of %d, %d%%, %v left", m.what, m.done, m.total, 100*m.done/m.total, left.Round(time.Second))
}

// end takes the line away.
func (m *meter) end() {
	if m.w != nil && !m.shown.IsZero() {
		_, _ = fmt.Fprint(m.w, "\r\x1b[K")
	}
}
