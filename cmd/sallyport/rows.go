package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

const (
	maxLine  = 64 << 10
	maxInput = 512 << 20
)

// importFlags say where rows are read from.
type importFlags struct {
	File    string `arg:"" optional:"" default:"-" help:"CSV or JSON lines; - is standard input."`
	Format  string `default:"auto" enum:"auto,csv,jsonl" help:"csv, whose first line names the columns, or jsonl, one object a line. auto: by the end of the file's name, or by the first character."`
	SkipBad bool   `help:"Import the good lines although others are bad."`
	DryRun  bool   `help:"Check all lines, and write nothing."`
}

// row is one line of an import.
type row struct {
	line   int
	fields map[string]any // a string, or a []string
	err    error          // why the line cannot be read
}

// text returns a field that is one text.
func (r row) text(name string) string {
	switch v := r.fields[name].(type) {
	case string:
		return v
	case []string:
		return strings.Join(v, " ")
	}
	return ""
}

// list returns a field that has several texts. In CSV spaces are between them.
func (r row) list(name string) []string {
	if all, ok := r.fields[name].([]string); ok {
		return all
	}
	return strings.Fields(r.text(name))
}

// rows reads all rows. Its error is that of the whole input; that of a line is in the row.
func (f importFlags) rows(p *process, columns []string) ([]row, error) {
	in := p.stdin
	if f.File != stdoutName {
		file, err := os.Open(f.File)
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	limited := &io.LimitedReader{R: in, N: maxInput + 1}
	buffered := bufio.NewReaderSize(limited, maxLine)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	read := fromCSV
	if f.isJSON(buffered) {
		read = fromJSON
	}
	all, err := read(buffered, columns)
	switch {
	case limited.N == 0:
		return nil, usagef("%s: more than %d MiB: split it", f.File, maxInput>>20)
	case err != nil:
		return nil, usagef("%s: %w", f.File, err)
	case len(all) == 0:
		return nil, usagef("%s: no lines", f.File)
	}
	return all, nil
}

func (f importFlags) isJSON(in *bufio.Reader) bool {
	switch {
	case f.Format != "auto":
		return f.Format == "jsonl"
	case filepath.Ext(f.File) == ".csv":
		return false
	case filepath.Ext(f.File) == ".jsonl":
		return true
	}
	begin, _ := in.Peek(1)
	return string(begin) == "{"
}

func unknownColumn(name string, columns []string) error {
	return fmt.Errorf("unknown column %q: the columns are %s", name, strings.Join(columns, ", "))
}

func fromCSV(in *bufio.Reader, columns []string) (all []row, err error) {
	c := csv.NewReader(in)
	names, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.New("the first line must name the columns")
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if !slices.Contains(columns, names[i]) {
			return nil, unknownColumn(names[i], columns)
		}
		if slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("the column %q stands twice", names[i])
		}
	}
	c.FieldsPerRecord = -1 // counted here, so that one bad line is not the last that is read
	for {
		fields, err := c.Read()
		r := row{fields: map[string]any{}}
		wrong, isWrong := errors.AsType[*csv.ParseError](err)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case isWrong:
			r.line, r.err = wrong.StartLine, wrong.Err // without the text of the line
			all = append(all, r)
			continue
		case err != nil:
			return nil, err
		}
		r.line, _ = c.FieldPos(0)
		if len(fields) != len(names) {
			r.err = fmt.Errorf("must have %d fields, as the first line, got %d", len(names), len(fields))
		} else {
			for i, name := range names {
				r.fields[name] = fields[i]
			}
		}
		all = append(all, r)
	}
}

func fromJSON(in *bufio.Reader, columns []string) (all []row, err error) {
	for line := 1; ; line++ {
		text, err := in.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		end := err != nil
		text = bytes.TrimSpace(text)
		switch {
		case tooLong:
			all = append(all, row{line: line, err: fmt.Errorf("must have at most %d bytes", maxLine)})
		case len(text) > 0:
			r := row{line: line}
			r.fields, r.err = object(text, columns)
			all = append(all, r)
		}
		if end {
			return all, nil //nolint:nilerr // the end of the input
		}
	}
}

// object returns the members of a JSON object: texts, numbers and lists of texts.
func object(text []byte, columns []string) (map[string]any, error) {
	members, err := strictjson.Members(text)
	if err != nil {
		return nil, errors.New("must be a JSON object that has no member twice")
	}
	fields := map[string]any{}
	for name, raw := range members {
		var one string
		var many []string
		var number json.Number
		switch {
		case !slices.Contains(columns, name):
			return nil, unknownColumn(name, columns)
		case string(raw) == "null":
		case json.Unmarshal(raw, &one) == nil:
			fields[name] = one
		case json.Unmarshal(raw, &many) == nil:
			fields[name] = many
		case json.Unmarshal(raw, &number) == nil:
			fields[name] = number.String()
		default:
			return nil, fmt.Errorf("%s: must be a string, a number or a list of strings", name)
		}
	}
	return fields, nil
}

// problem is what is wrong with a line.
type problem struct {
	Type    string `json:"type"`
	Line    int    `json:"line"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func (problem) head() []string { return nil }

func (w problem) cells() []string {
	text := "line " + strconv.Itoa(w.Line) + ": "
	if w.Field != "" {
		text += w.Field + ": "
	}
	return []string{text + w.Message}
}

// problems are the bad lines of an import, each with what is wrong first.
type problems struct {
	all  []problem
	seen map[int]bool
}

// addf notes what is wrong with a line. It never has the value of a field that may be secret.
func (w *problems) addf(line int, field, format string, args ...any) {
	if w.seen == nil {
		w.seen = map[int]bool{}
	}
	if !w.seen[line] {
		w.seen[line] = true
		w.all = append(w.all, problem{"problem", line, field, fmt.Sprintf(format, args...)})
	}
}

// imported is what an import has done.
type imported struct {
	Type   string `json:"type"`
	Lines  int    `json:"lines"`
	Added  int    `json:"added"`
	There  int    `json:"there"`
	Bad    int    `json:"bad"`
	DryRun bool   `json:"dry_run"`
}

func (imported) head() []string { return nil }

func (i imported) cells() []string {
	if i.DryRun {
		return []string{fmt.Sprintf("%s: %d good, %d bad; nothing was written", plural(i.Lines, "line"), i.Lines-i.Bad, i.Bad)}
	}
	return []string{fmt.Sprintf("%s: %d added, %d there already, %d bad", plural(i.Lines, "line"), i.Added, i.There, i.Bad)}
}
