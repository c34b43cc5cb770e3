package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

const page = "../../docs/command-line.md"

var update = flag.Bool("update", false, "rewrite the generated part of the page")

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var blocks = regexp.MustCompile("(?s)<!-- (typed|shown|configuration) -->\n+```[a-z]*\n(.*?)```")

const endOfOutput = "--- end of output ---"

// shells are those that people paste a session into, as examples/quickstart has them.
var shells = map[string][]string{"bash": {"--norc", "-s"}, "zsh": {"-f", "-i", "-s"}}

func TestTheSessionsOfThePagePrintWhatItSays(t *testing.T) {
	t.Parallel()
	script, wants := "", []string{}
	for _, m := range blocks.FindAllStringSubmatch(readPage(t), -1) {
		switch m[1] {
		case "typed":
			script += m[2]
		case "shown":
			script += "echo '" + endOfOutput + "'\n"
			wants = append(wants, m[2])
		}
	}
	if len(wants) < 5 {
		t.Fatalf("the page has %d sessions only", len(wants))
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, arguments := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(name); err != nil {
				skip.Skip(t, "no "+name)
			}
			dir, bin := t.TempDir(), t.TempDir()
			if err := os.Symlink(program, filepath.Join(bin, "sallyport")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), name, arguments...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir, "ZDOTDIR="+dir, "PS1=", "PS2=", "PATH="+bin+":"+os.Getenv("PATH"), alone+"=1")
			cmd.Stdin = strings.NewReader(script)
			var errs strings.Builder
			cmd.Stderr = &errs
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, errs.String())
			}
			got := strings.Split(strings.ReplaceAll(string(out), "\r", ""), endOfOutput+"\n")
			if len(got) != len(wants)+1 {
				t.Fatalf("the page promises %d outputs, and there were %d:\n%s\n%s", len(wants), len(got)-1, out, errs.String())
			}
			for i, want := range wants {
				pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, ".*") + "$"
				if !regexp.MustCompile(pattern).MatchString(got[i]) {
					t.Errorf("the page says\n%s\nand it printed\n%s\n%s", want, got[i], errs.String())
				}
			}
		})
	}
}

func TestTheConfigurationOfThePageIsValid(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, m := range blocks.FindAllStringSubmatch(readPage(t), -1) {
		if m[1] == "configuration" {
			s.write(t, "sallyport.json", m[2])
		}
	}
	s.must(t, "keys secret --out DIR/refresh.key")
	s.must(t, "keys secret --out DIR/counters.key")
	s.must(t, "migrate up --store sqlite:DIR/auth.db")
	s.write(t, "store.url", "sqlite:"+s.dir+"/auth.db\n")
	r := s.run("check --config DIR/sallyport.json --counters redis://127.0.0.1:1/0 --json")
	for _, c := range decodeAll(t, r.out) {
		if c["ok"] != true && c["name"] != "counters" && c["name"] != "clock" {
			t.Errorf("%v", c)
		}
	}
}

// objects are all that --json writes.
var objects = []struct {
	value any
	by    string
}{
	{checked{Type: "check"}, "`check`"},
	{migration{Type: "migration"}, "`migrate status`, `migrate up`"},
	{key{Type: "key"}, "`keys make`, `keys rotate`, `keys show`"},
	{written{Type: "written"}, "`keys secret`"},
	{session{Type: "session"}, "`sessions list`"},
	{ended{Type: "ended"}, "`sessions end`"},
	{apiKey{Type: "api_key"}, "`api-keys make`, `list` and `revoke`"},
	{problem{Type: "problem"}, "`users import`, `api-keys import`: a bad line"},
	{imported{Type: "import"}, "`users import`, `api-keys import`: the last line"},
	{quota{Type: "quota"}, "`quota show`, `reset` and `grant`"},
	{lockout{Type: "lockout"}, "`lockout show`, `lockout lift`"},
	{event{Type: "event"}, "`events`"},
	{failure{Type: "error"}, "every command that fails, on standard error"},
}

func TestTheSchemaOfThePageIsThatOfTheProgram(t *testing.T) {
	t.Parallel()
	table := "| type | of | members |\n|---|---|---|\n"
	for _, o := range objects {
		v := reflect.ValueOf(o.value)
		members := []string{}
		for i := 1; i < v.NumField(); i++ {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if options != "" {
				name += "?"
			}
			members = append(members, "`"+name+"`")
		}
		table += fmt.Sprintf("| `%v` | %s | %s |\n", v.Field(0), o.by, strings.Join(members, ", "))
	}
	text := readPage(t)
	begin := strings.Index(text, "-update -->\n") + len("-update -->\n")
	end := strings.Index(text, "<!-- end of schema -->")
	want := text[:begin] + "\n" + table + "\n" + text[end:]
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Errorf("the table of the page is not that of the program: go test ./cmd/sallyport -run TestTheSchema -update\n%s", table)
	}
}
