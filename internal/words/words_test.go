// Package words_test holds everything that a person reads to plain technical
// English: no pictures where the field has a word of its own.
package words_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// picture is a group of words that hide what a thing is.
type picture struct {
	words string // separated by spaces; a hyphen stands for a space
	plain string // what to write
}

var pictures = []picture{
	{"door doors porch porches", "Auth, handler, endpoint, adapter, attack surface: whichever it is"},
	{"room rooms", "package, capacity, size, buffer dst"},
	{"house houses", "module, repository, host"},
	{"lodger lodgers lodging lodgings luggage", "dependency"},
	{"arrow arrows", "import rule"},
	{"stranger strangers", "unauthenticated caller, unknown caller"},
	{"thief thieves", "attacker"},
	{"hole holes", "vulnerability, defect, gap"},
	{"guess guesses guessed guessing", "brute-force protection, failed attempt"},
	{"hostile", "invalid, malicious"},
	{"ordeal ordeals", "crash test, fault injection"},
	{"shelf shelves", "store"},
	{"cast-a-shadow casts-a-shadow", "is in shadow mode"},
	{"could-not-say cannot-say", "returned an error, failed"},
	{"opens-nothing open-nothing opens-no open-no", "is refused"},
	{"whoever nobody", "name the caller"},
}

func TestNoPictures(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range find(file) {
			t.Errorf("the name of %s: %s", file, found)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, found := range find(line) {
				t.Errorf("%s:%d: %s", file, i+1, found)
			}
		}
	}
}

// A word counts as a whole word and as a part of an identifier or a file name, so
// that newDoor and door_test.go are found, and indoors is not.
var finders = sync.OnceValue(func() (all []*regexp.Regexp) {
	for _, p := range pictures {
		words := strings.Split(p.words, " ")
		phrases := strings.ReplaceAll(strings.Join(words, "|"), "-", " ")
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		all = append(all, regexp.MustCompile(`(?:\b|_)(?i:`+phrases+`)(?:\b|_)|[A-Za-z0-9](?:`+strings.Join(words, "|")+`)(?:[A-Z0-9_]|\b)|\b(?i:`+phrases+`)[A-Z]`))
	}
	return all
})

// candidates match every line that a finder may match, and few others.
var candidates = sync.OnceValue(func() *regexp.Regexp {
	var stems []string
	for _, p := range pictures {
		for w := range strings.SplitSeq(p.words, " ") {
			stems = append(stems, strings.ReplaceAll(w, "-", " "))
		}
	}
	return regexp.MustCompile(`(?i:` + strings.Join(stems, "|") + `)`)
})

// find lists the pictures in a line, each with what to write.
func find(line string) (found []string) {
	if !candidates().MatchString(line) {
		return nil
	}
	line = strings.ReplaceAll(line, "http.NoBody", "") // net/http's own name
	for i, at := range finders() {
		if word := at.FindString(line); word != "" {
			found = append(found, fmt.Sprintf("%q: write %s", word, pictures[i].plain))
		}
	}
	return found
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
	for _, text := range []string{
		"the front door", "func newDoor()", "type door struct", "doorTest", "door_test.go", "open_door", "Whoever knocks",
		"the store could not say", "newLodgers()", "TestAStrangerIsLimited", "it opens no session", "NOBODY",
	} {
		if len(find(text)) == 0 {
			t.Errorf("%q is not found", text)
		}
	}
	for _, text := range []string{"indoors", "whole", "borrow", "guessable", "arrowhead", "http.NoBody", "opens one", "shadow mode"} {
		if found := find(text); len(found) > 0 {
			t.Errorf("%q is found: %q", text, found)
		}
	}
}
