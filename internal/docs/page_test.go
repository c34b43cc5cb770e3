// Package docs_test checks README.md, the other pages at the root and those of docs
// against the code. It has tests only; nothing is shipped.
package docs_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// update rewrites the parts of the pages that are made from the code.
var update = flag.Bool("update", false, "rewrite the generated parts of the pages")

const root = "../.."

// page is one Markdown file. Its name is relative to the root of the repository.
type page struct{ name, text string }

// pages returns the pages that people read first.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page{filepath.ToSlash(name), read(t, name)})
		}
	}
	if len(all) < 10 {
		t.Fatalf("found only %d pages", len(all))
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is a fenced block. Its mark is the HTML comment above it, such as
// "<!-- excerpt: store/store.go -->", where mark is "excerpt" and argument the rest.
type block struct {
	line                           int
	language, mark, argument, text string
}

var mark = regexp.MustCompile(`^<!-- ([a-z]+)(?:: (.+))? -->$`)

// blocks returns the fenced blocks of a page.
func (p page) blocks() []block {
	var all []block
	var open *block
	above := ""
	for i, line := range strings.Split(p.text, "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, language: strings.TrimPrefix(trimmed, "```")}
			if m := mark.FindStringSubmatch(above); m != nil {
				open.mark, open.argument = m[1], m[2]
			}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		if trimmed != "" {
			above = trimmed
		}
	}
	return all
}

// prose is the page without its fenced blocks.
func (p page) prose() string {
	var kept []string
	inside := false
	for line := range strings.Lines(p.text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
			continue
		}
		if !inside {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// replacing is held while a page is read and written: several tests make parts of one page.
var replacing sync.Mutex

// replaced puts lines between two marks of a page, and with -update writes the
// page. Without it, a page that has other lines there fails the test.
func replaced(t *testing.T, name, begin, end, lines string) {
	t.Helper()
	replacing.Lock()
	defer replacing.Unlock()
	text := read(t, name)
	before, rest, ok := strings.Cut(text, begin+"\n")
	_, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatalf("%s has no lines between %q and %q", name, begin, end)
	}
	want := before + begin + "\n\n" + lines + "\n" + end + after
	if text == want {
		return
	}
	if !*update {
		t.Fatalf("%s: the lines below %s are out of date: run that command", name, begin)
	}
	if err := os.WriteFile(filepath.Join(root, name), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

var leading = regexp.MustCompile(`(?m)^[ \t]+`)

func unindented(s string) string { return leading.ReplaceAllString(s, "") }

func TestDocsREADMEHasAtMost200Lines(t *testing.T) {
	t.Parallel()
	if n := strings.Count(read(t, "README.md"), "\n"); n > 200 {
		t.Errorf("README.md must have 200 lines at most, got %d", n)
	}
}

var (
	requirements = regexp.MustCompile(`lists (\d+) requirements`)
	conformance  = regexp.MustCompile(`(?m)^(\d+) requirements: `)
)

func TestDocsREADMECountsTheRequirements(t *testing.T) {
	t.Parallel()
	said := requirements.FindStringSubmatch(read(t, "README.md"))
	tested := conformance.FindStringSubmatch(read(t, "examples/conformance/README.md"))
	if len(said) == 0 || len(tested) == 0 || said[1] != tested[1] {
		t.Errorf("README.md says %v, the conformance table %v", said, tested)
	}
}

// Blocks of these languages show code of the repository.
var excerpted = []string{"go", "sql", "js", "html", "dockerfile", "ini"}

func TestDocsCodeBlocksStandInTheTree(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if !slices.Contains(excerpted, b.language) {
				continue
			}
			found++
			if b.mark != "program" && b.mark != "excerpt" {
				t.Errorf("%s:%d: a block of %s must have a mark above it: <!-- excerpt: file --> or <!-- program: file -->", p.name, b.line, b.language)
				continue
			}
			code, err := os.ReadFile(filepath.Join(root, b.argument))
			if err != nil {
				t.Errorf("%s:%d: %v", p.name, b.line, err)
				continue
			}
			if strings.Contains(string(code), "\n//go:build ignore") {
				t.Errorf("%s:%d: %s is not compiled", p.name, b.line, b.argument)
			}
			if b.language == "sql" {
				b.text = strings.TrimSpace(b.text) // in Go it stands between two backquotes
			}
			if !strings.Contains(unindented(string(code)), unindented(b.text)) {
				t.Errorf("%s:%d: %s does not contain this block:\n%s", p.name, b.line, b.argument, b.text)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d blocks of code", found)
	}
}
