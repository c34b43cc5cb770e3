package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// sessionBlock is a fenced block below the mark "session", which has commands, or
// below the mark "prints", which has what the commands above it print.
var sessionBlock = regexp.MustCompile("(?s)<!-- (session|prints) -->\n+```[a-z]*\n(.*?)```")

// endOfOutput stands in the output where a block of commands has ended.
const endOfOutput = "--- end of output ---"

// session is what the sessions of a page type, and what they print.
type session struct {
	script string
	wants  []string
}

// sessionOf returns the blocks of a page as one session: variables that one block
// sets are there in the next.
func sessionOf(t *testing.T, page string) session {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var s session
	for _, m := range sessionBlock.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "session" {
			s.script += m[2]
			continue
		}
		s.script += "echo; echo '" + endOfOutput + "'\n"
		s.wants = append(s.wants, strings.TrimSpace(m[2]))
	}
	return s
}

// shells are those that people paste a session into. Each reads it line by line, as
// it does what is pasted; zsh as an interactive shell, in which "#" begins no comment.
var shells = map[string][]string{
	"bash": {"--norc", "-s"},
	"zsh":  {"-f", "-i", "-s"},
}

func TestDocsSessionsPrintWhatThePagesSay(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "sed", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip.Skip(t, "no "+tool+", which the sessions need")
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		s := sessionOf(t, page)
		if s.script == "" {
			continue
		}
		found++
		for shell, arguments := range shells {
			t.Run(path.Base(page)+" in "+shell, func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(shell); err != nil {
					skip.Skip(t, "no "+shell)
				}
				s.check(t, shell, arguments)
			})
		}
	}
	if found < 2 {
		t.Errorf("found %d pages with a session only", found)
	}
}

func (s session) check(t *testing.T, shell string, arguments []string) {
	t.Helper()
	host := serve(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), shell, arguments...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "ZDOTDIR="+dir, "PS1=", "PS2=")
	cmd.Stdin = strings.NewReader(strings.NewReplacer("http://127.0.0.1:8080", host.base, "paste-the-api-key-here", host.apiKey).Replace(s.script))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, errs.String())
	}
	got := strings.Split(string(out), endOfOutput)
	if len(got) != len(s.wants)+1 {
		t.Fatalf("the page promises %d outputs, and there were %d:\n%s\n%s", len(s.wants), len(got)-1, out, errs.String())
	}
	for i, want := range s.wants {
		printed := strings.TrimSpace(strings.ReplaceAll(got[i], "\r", ""))
		if ok, _ := path.Match(glob(want), strings.ReplaceAll(printed, "/", "|")); !ok {
			t.Errorf("the page says\n%s\nand it printed\n%s", want, printed)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		if !strings.HasPrefix(file.Name(), ".") {
			t.Errorf("the session has made a file %q", file.Name())
		}
	}
}

// glob keeps * as the only wildcard, and lets it match a slash.
func glob(s string) string {
	return strings.NewReplacer(`[`, `\[`, `?`, `\?`, `\`, `\\`, `/`, `|`).Replace(s)
}
