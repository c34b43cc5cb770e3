package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slug returns the anchor that GitHub gives a heading.
func slug(heading string) string {
	return strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestDocsLinksResolve(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := p.name
			if target != "" {
				file = filepath.Join(filepath.Dir(p.name), target)
			}
			info, err := os.Stat(filepath.Join(root, file))
			if err != nil {
				t.Errorf("%s: link to %s: %v", p.name, m[1], err)
				continue
			}
			if anchor == "" || info.IsDir() || filepath.Ext(file) != ".md" {
				continue
			}
			found := false
			for _, h := range heading.FindAllStringSubmatch(page{text: read(t, file)}.prose(), -1) {
				found = found || slug(h[1]) == anchor
			}
			if !found {
				t.Errorf("%s: link to %s: no such heading", p.name, m[1])
			}
		}
	}
}

func TestDocsEveryPageIsLinkedFromTheREADME(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := "docs/" + filepath.Base(file); !strings.Contains(readme, "("+name) {
			t.Errorf("README.md has no link to %s", name)
		}
	}
	files, err = filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		folder, name := filepath.Base(filepath.Dir(file)), filepath.Base(file)
		index := "docs/" + folder + "/README.md"
		if name == "README.md" && !strings.Contains(readme, "("+index) {
			t.Errorf("README.md has no link to %s", index)
		}
		if name != "README.md" && !strings.Contains(read(t, index), "("+name) {
			t.Errorf("%s has no link to %s", index, name)
		}
	}
}
