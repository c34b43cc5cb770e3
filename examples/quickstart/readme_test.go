package main

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/absent"
)

// block is a fenced block below a mark in the README, with what the mark says
// behind its colon.
type block struct{ text, argument string }

func blocks(t *testing.T, mark string) []block {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []block
	for _, m := range regexp.MustCompile("(?s)<!-- "+mark+"(?:: ([^ ]+))? -->\n+```[a-z]*\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		found = append(found, block{text: m[2], argument: m[1]})
	}
	if len(found) == 0 {
		t.Fatalf("README.md has no block below <!-- %s -->", mark)
	}
	return found
}

func TestTheREADMEsSessionPrintsWhatItSays(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "sed", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			absent.Skip(t, "no "+tool+", which the README's session needs")
		}
	}
	s := serve(t)
	text := blocks(t, "session")[0].text
	text = strings.NewReplacer("http://127.0.0.1:8080", s.base, "paste-the-api-key-here", s.apiKey).Replace(text)

	const mark = "--- and then ---"
	var script, wants []string
	for line := range strings.Lines(text) {
		if want, ok := strings.CutPrefix(line, "#> "); ok {
			wants = append(wants, strings.TrimSpace(want))
			line = "echo; echo '" + mark + "'\n"
		}
		script = append(script, line)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-c", strings.Join(script, "")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Split(string(out), mark)
	if len(wants) < 6 || len(got) != len(wants)+1 {
		t.Fatalf("the README promises %d outputs, and there were %d:\n%s", len(wants), len(got)-1, out)
	}
	for i, want := range wants {
		printed := strings.TrimSpace(got[i])
		if ok, _ := path.Match(glob(want), printed); !ok {
			t.Errorf("the README says\n%s\nand it printed\n%s", want, printed)
		}
	}
}

// glob keeps * as the only wildcard, and lets it match a slash.
func glob(s string) string {
	return strings.NewReplacer(`[`, `\[`, `?`, `\?`, `\`, `\\`).Replace(s)
}

func TestTheREADMEsProgramsStandInTheTree(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"program", "excerpt"} {
		for _, b := range blocks(t, mark) {
			code, err := os.ReadFile("../../" + b.argument)
			if err != nil {
				t.Error(err)
				continue
			}
			if !strings.Contains(unindent(string(code)), unindent(b.text)) {
				t.Errorf("%s does not have what the README shows of it:\n%s", b.argument, b.text)
			}
		}
	}
}

func unindent(s string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(s, "")
}
