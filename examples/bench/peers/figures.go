package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// figures are what the command has printed, as docs/figures.json stores them. The
// tables of docs/figures.md, the plot, and the figures in README.md are made from
// them, so that no one of them says something else.
type figures struct {
	Origin string   `json:"origin"` // the command, the date, the machine and the versions
	Tables []stored `json:"tables"`
}

// stored is a table, cell by cell.
type stored struct {
	Head  []string   `json:"head"`
	Align []string   `json:"align"`
	Rows  [][]string `json:"rows"`
}

const originBegins = "`go run ./examples/bench/peers "

// parse reads what the command prints. It ignores what is neither a table nor the
// first line.
func parse(text string) (f figures) {
	var open *stored
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, originBegins) {
			f.Origin = strings.TrimSpace(line)
		}
		cells, ok := cellsOf(line)
		switch {
		case !ok:
			open = nil
		case open == nil:
			f.Tables = append(f.Tables, stored{Head: cells})
			open = &f.Tables[len(f.Tables)-1]
		case open.Align == nil:
			open.Align = cells
		default:
			open.Rows = append(open.Rows, cells)
		}
	}
	return f
}

func cellsOf(line string) ([]string, bool) {
	line, begins := strings.CutPrefix(line, "|")
	line, ends := strings.CutSuffix(line, "|")
	if !begins || !ends {
		return nil, false
	}
	cells := strings.Split(line, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells, true
}

// markdown returns the lines of a table, as the command prints them.
func (s stored) markdown() string {
	var b strings.Builder
	row := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| ")
			if cell != "" {
				b.WriteString(cell + " ")
			}
		}
		b.WriteString("|\n")
	}
	row(s.Head)
	b.WriteString("|" + strings.Join(s.Align, "|") + "|\n")
	for _, cells := range s.Rows {
		row(cells)
	}
	return b.String()
}

// ratio returns the number below the heading in the first row that begins with these
// cells.
func (f figures) ratio(heading string, begins ...string) (float64, error) {
	for _, t := range f.Tables {
		for column, name := range t.Head {
			if name != heading {
				continue
			}
			for _, row := range t.Rows {
				if len(row) > column && strings.Join(row[:len(begins)], "|") == strings.Join(begins, "|") {
					return strconv.ParseFloat(row[column], 64)
				}
			}
		}
	}
	return 0, fmt.Errorf("no figure %q in a row of %q", heading, begins)
}

// whole returns how much CPU a whole server takes, beside Echo alone.
func (f figures) whole(name string) (float64, error) { return f.ratio("× Echo alone", name) }

// servers of the plot and of the sentences.
const (
	oursHS, oursES     = "**Sallyport**, Protect, HS256", "**Sallyport**, Protect, ES256, from the cache"
	theirsHS, theirsES = "echo-jwt and ulule/limiter, HS256", "echo-jwt and ulule/limiter, ES256"
)

// sentence is one line that quotes figures, of a file.
type sentence struct {
	file, begins, text string
}

func (f figures) sentences() ([]sentence, error) {
	var v [4]float64
	for i, name := range []string{oursHS, oursES, theirsHS, theirsES} {
		var err error
		if v[i], err = f.whole(name); err != nil {
			return nil, err
		}
	}
	return []sentence{
		{"docs/figures.md", originBegins, f.Origin},
		{
			"docs/figures.md", "| CPU of a whole Echo server for each request",
			fmt.Sprintf("| CPU of a whole Echo server for each request, of what Echo alone takes: `Protect` with HS256; with ES256, tokens seen before | %.2f; %.2f | `go run ./examples/bench/peers` |", v[0], v[1]),
		},
		{
			"docs/figures.md", "| the same with echo-jwt and ulule/limiter",
			fmt.Sprintf("| the same with echo-jwt and ulule/limiter: HS256; ES256 | %.2f; %.2f | the same |", v[2], v[3]),
		},
		{
			"README.md", "A request that `Protect` verifies and counts costs",
			fmt.Sprintf("A request that `Protect` verifies and counts costs a whole Echo server %.1f times the CPU of Echo alone with HS256, and %.1f times with ES256 and tokens that it has seen before. With echo-jwt and ulule/limiter it is %.1f and %.1f times ([figures](docs/figures.md#requests)).", v[0], v[1], v[2], v[3]),
		},
	}, nil
}

// files returns what the files of the repository at root must contain, by their
// names. It reads those of which the figures are only a part.
func (f figures) files(root string) (map[string][]byte, error) {
	text, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return nil, err
	}
	plot, err := f.plot()
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{"docs/figures.json": append(text, '\n'), "docs/figures.svg": plot}
	sentences, err := f.sentences()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"README.md", "docs/figures.md"} {
		if all[name], err = os.ReadFile(filepath.Join(root, name)); err != nil { //nolint:gosec // of the repository
			return nil, err
		}
	}
	var wrong []error
	for _, s := range sentences {
		line := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(s.begins) + ".*$")
		if n := len(line.FindAll(all[s.file], -1)); n != 1 {
			wrong = append(wrong, fmt.Errorf("%s: %d lines begin with %q, want 1", s.file, n, s.begins))
		}
		all[s.file] = line.ReplaceAllLiteral(all[s.file], []byte(s.text))
	}
	const page = "docs/figures.md"
	for _, t := range f.Tables {
		first, _, _ := strings.Cut(t.markdown(), "\n")
		begins := bytes.Index(all[page], []byte("\n"+first+"\n"))
		if begins < 0 {
			wrong = append(wrong, fmt.Errorf("%s: no table %q", page, first))
			continue
		}
		begins++
		size := bytes.Index(all[page][begins:], []byte("\n\n"))
		if size < 0 {
			size = len(all[page]) - begins - 1
		}
		all[page] = bytes.Join([][]byte{all[page][:begins], []byte(t.markdown()), all[page][begins+size+1:]}, nil)
	}
	return all, errors.Join(wrong...)
}

// load reads the stored figures of the repository at root.
func load(root string) (f figures, err error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "figures.json")) //nolint:gosec // of the repository
	if err != nil {
		return f, err
	}
	err = json.Unmarshal(text, &f)
	return f, err
}

// write writes the figures into the files of the repository at root.
func (f figures) write(root string) error {
	all, err := f.files(root)
	if err != nil {
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil { //nolint:gosec // everybody may read it
			return err
		}
	}
	return nil
}
