package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// comment matches a shell comment, which an interactive zsh takes for a command or an
	// argument.
	comment = regexp.MustCompile(`(^|\s)#`)
	// wildcard matches an unquoted wildcard, which zsh rejects if no file matches.
	wildcard = regexp.MustCompile(`[?*\[]`)
	quoted   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

func TestFaultD3ShellBlocksCanBePastedIntoBashAndZsh(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if b.language != "sh" && b.language != "bash" {
				continue
			}
			for line := range strings.Lines(b.text) {
				bare := quoted.ReplaceAllString(line, "")
				if strings.ContainsAny(bare, `'"`) {
					t.Errorf("%s:%d: a quote must end on the line that it begins on: %s", p.name, b.line, line)
				}
				if comment.MatchString(bare) {
					t.Errorf("%s:%d: an interactive zsh has no comments: %s", p.name, b.line, line)
				}
				if wildcard.MatchString(bare) {
					t.Errorf("%s:%d: a wildcard must stand between quotes: %s", p.name, b.line, line)
				}
			}
		}
	}
}

var (
	goTest = regexp.MustCompile("go test [^`\n|]+")
	flags  = regexp.MustCompile(`-(?:run|bench) ('[^']+'|\S+)`)
	local  = regexp.MustCompile(`(?:^|[\s(` + "`" + `])(\./[a-z0-9][a-z0-9/_-]*)`)
)

// A go test command whose folder or test was renamed may run no test and still pass.
func TestDocsCommandsNamePackagesAndTestsThatExist(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range local.FindAllStringSubmatch(p.text, -1) {
			if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(m[1], "/"))); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
		for _, command := range goTest.FindAllString(p.text, -1) {
			for _, f := range flags.FindAllStringSubmatch(command, -1) {
				pattern := strings.Trim(f[1], "'")
				if pattern == "^$" {
					continue
				}
				pattern, _, _ = strings.Cut(pattern, "/") // a subtest
				folder := local.FindStringSubmatch(command)
				if len(folder) == 0 || !hasTest(t, folder[1], pattern) {
					t.Errorf("%s: %s: no test matches %s", p.name, command, pattern)
				}
			}
		}
	}
}

var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Example|Fuzz)\w*)\(`)

func hasTest(t *testing.T, folder, pattern string) bool {
	t.Helper()
	want, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunction.FindAllStringSubmatch(string(code), -1) {
			if want.MatchString(m[1]) {
				return true
			}
		}
	}
	return false
}

// A newcomer finds the command that installs the package, in plain words around it.
