package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.."

// The documentation quotes the figures that are stored, and no others.
func TestTheDocumentationHasTheStoredFigures(t *testing.T) {
	t.Parallel()
	f, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.files(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what docs/figures.json says: go run ./examples/bench/peers -docs . -stored\n%v", name, err)
		}
	}
}

func copied(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	if err := os.Mkdir(filepath.Join(to, "docs"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/figures.md", "docs/figures.json"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil { //nolint:gosec // of the table
			t.Fatal(err)
		}
	}
	return to
}

func TestNewFiguresReplaceTheOldOnesInEachFile(t *testing.T) {
	t.Parallel()
	to := copied(t)
	f, err := load(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range f.Tables {
		for _, row := range table.Rows {
			if row[0] == oursHS {
				row[2] = "1.11"
			}
		}
	}
	if err := f.write(to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"README.md": "costs a whole Echo server 1.1 times the CPU", "docs/figures.md": "| 1.11 |\n", "docs/figures.json": `"1.11"`, "docs/figures.svg": ">1.11<",
	} {
		text, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: no %q, %v", name, want, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(to, "docs", "figures.md"))
	if err != nil || !strings.Contains(string(text), "tokens seen before | 1.11; ") || len(parse(string(text)).Tables) < len(f.Tables) {
		t.Errorf("the summary, or a table, is gone: %v", err)
	}
	if err := (measure{}).runFor(to, true); err != nil {
		t.Error(err)
	}
}

func TestFiguresThatAreMissingAreErrors(t *testing.T) {
	t.Parallel()
	to := copied(t)
	if err := (figures{}).write(to); err == nil {
		t.Error("no figures have no error")
	}
	f, err := load(to)
	if err != nil {
		t.Fatal(err)
	}
	f.Tables = append(f.Tables, stored{Head: []string{"a new table"}, Align: []string{"---"}})
	if err := f.write(to); err == nil || !strings.Contains(err.Error(), "a new table") {
		t.Errorf("a table that the page has not: %v", err)
	}
	if _, err := load(t.TempDir()); err == nil {
		t.Error("a repository without figures has no error")
	}
}

// The plot is XML with a title and a description, for light and for dark pages.
func TestThePlotCanBeReadByAll(t *testing.T) {
	t.Parallel()
	f, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	plot, err := f.plot()
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	whole, err := f.whole(theirsES)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`role="img" aria-labelledby="title desc"`, `<title id="title">`, `<desc id="desc">`, "prefers-color-scheme: dark", "ulule/limiter, ES256: " + short(whole)} {
		if !bytes.Contains(plot, []byte(want)) {
			t.Errorf("no %s in the plot", want)
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil || bytes.Count(readme, []byte("](docs/figures.svg)")) != 1 || bytes.Count(readme, []byte("\n")) > 200 {
		t.Errorf("the README has no plot, or more than 200 lines: %v", err)
	}
}
