// Package words_test holds everything that a person reads to plain technical
// English: no pictures where the field has a word of its own.
package words_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// picture is a word that hides what a thing is.
type picture struct {
	word  string // a regular expression of whole words
	plain string // what to write
}

var pictures = []picture{
	{`doors?|porch(es)?`, "Auth, handler, endpoint, adapter, attack surface: whichever it is"},
	{`rooms?`, "package, capacity, size, buffer dst"},
	{`houses?`, "module, repository, host"},
	{`lodg(er|ers|ing|ings)|luggage`, "dependency"},
	{`arrows?`, "import rule"},
	{`strangers?`, "unauthenticated caller, unknown caller"},
	{`thie(f|ves)`, "attacker"},
	{`holes?`, "vulnerability, defect, gap"},
	{`guess(es|ed|ing)?`, "brute-force protection, failed attempt"},
	{`hostile`, "invalid, malicious"},
	{`ordeals?`, "crash test, fault injection"},
	{`shel(f|ves)`, "store"},
	{`casts? a shadow`, "is in shadow mode"},
	{`could not say|cannot say`, "returned an error, failed"},
	{`opens? (nothing|no \w+)`, "is refused"},
	{`whoever|nobody`, "name the caller"},
}

func TestNoPictures(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pictures {
			at := p.finder()
			for i, line := range strings.Split(string(text), "\n") {
				found := at.FindString(strings.ReplaceAll(line, "http.NoBody", "")) // net/http's own name
				if found == "" {
					continue
				}
				t.Errorf("%s:%d: %q: write %s", file, i+1, found, p.plain)
			}
		}
	}
}

// A word counts wherever letters of another kind surround it, so that newDoor and
// door_test.go are found, and indoors is not.
func (p picture) finder() *regexp.Regexp {
	return regexp.MustCompile(`\b(?i:` + p.word + `)\b|(?:[a-z0-9])(?:` + titled(p.word) + `)(?:[A-Z0-9_]|\b)|\b(?:` + p.word + `)[A-Z_]`)
}

// titled is the expression with its words' first letters in upper case.
func titled(word string) string {
	parts := strings.Split(word, "|")
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "|")
}

// files are those that people read, tests and docs included.
func files(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.go", "*.md").Output()
	if err != nil {
		t.Fatalf("git does not list the files: %v", err)
	}
	var all []string
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		if file == "internal/words/words_test.go" {
			continue
		}
		all = append(all, file)
	}
	if len(all) == 0 {
		t.Fatal("no file is looked at")
	}
	return all
}

// A check that finds nothing anywhere checks nothing.
func TestPicturesAreFound(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"the front door", "func newDoor()", "type door struct", "doorTest", "Whoever knocks", "the store could not say"} {
		found := false
		for _, p := range pictures {
			found = found || p.finder().MatchString(text)
		}
		if !found {
			t.Errorf("%q is not found", text)
		}
	}
	for _, text := range []string{"indoors", "whole", "borrow", "guessable", "arrowhead"} {
		for _, p := range pictures {
			if p.finder().MatchString(text) {
				t.Errorf("%q is found by %s", text, p.word)
			}
		}
	}
}
