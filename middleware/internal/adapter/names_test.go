package adapter_test

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is how many lines of code an adapter may have, comments and blank lines not
// counted. What needs more belongs to package adapter, once for all frameworks.
const maxLines = 80

func TestAnAdapterIsAListOfNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"echov4", "echov5"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob("../../" + name + "/*.go")
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for _, file := range files {
				if !strings.HasSuffix(file, "_test.go") {
					lines += codeLines(t, file)
				}
			}
			// An adapter has a line for each of its 23 handlers and middlewares.
			if lines < 23 || lines > maxLines {
				t.Errorf("%d lines of code, want 23 to %d", lines, maxLines)
			}
		})
	}
}

// codeLines counts the lines of a file that have code in them.
func codeLines(t *testing.T, file string) int {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution) // without comments
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	if err := (&printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}).Fprint(&code, set, parsed); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for scanner := bufio.NewScanner(&code); scanner.Scan(); {
		if strings.TrimSpace(scanner.Text()) != "" {
			lines++
		}
	}
	return lines
}
