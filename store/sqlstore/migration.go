package sqlstore

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed migrations/*/*.sql
var files embed.FS

// migration is one file, which goose could run as well.
type migration struct {
	version int64
	name    string
	text    string
	users   bool // makes the users' table
}

// migrations returns all files of the flavour, oldest first.
func (f flavour) migrations() []migration {
	folder := path.Join("migrations", string(f.dialect))
	entries, err := files.ReadDir(folder)
	if err != nil {
		panic(err) // the files are part of the program
	}
	all := make([]migration, len(entries))
	for i, entry := range entries {
		text, err := files.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			panic(err)
		}
		number, subject, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err)
		}
		all[i] = migration{
			version: version, name: entry.Name(), text: f.named(string(text)), users: subject == "users.sql",
		}
	}
	return all
}

// migrations returns the files that the Config needs, oldest first.
func (c Config) migrations() []migration {
	var needed []migration
	for _, m := range c.flavour().migrations() {
		if !m.users || c.Users == nil {
			needed = append(needed, m)
		}
	}
	return needed
}

// Migrations returns the files that [Migrate] would run, for hosts that have a
// tool for it. They are in goose's format, one file a version, with c.Prefix in
// them, and lie at the root; each says itself in the table sallyport_migrations
// that it was applied, which is where Open looks. It fails if c is wrong.
func Migrations(c Config) (fs.FS, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	// Of the standard library's file systems this is the one that can be made of
	// texts, but for that of testing/fstest, which is not for programs.
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, m := range c.migrations() {
		file, err := w.Create(m.name)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(file, m.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}

// up returns the statements that apply the migration. One ends with the line
// that ends with a semicolon, as goose has it.
func (m migration) up() ([]string, error) {
	_, text, begun := strings.Cut(m.text, "-- +goose Up\n")
	text, _, ended := strings.Cut(text, "-- +goose Down\n")
	if !begun || !ended {
		return nil, fmt.Errorf("%s: no Up, or no Down", m.name)
	}
	var statements []string
	var next strings.Builder
	for line := range strings.Lines(text) {
		if next.Len() == 0 && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, "--")) {
			continue
		}
		next.WriteString(line)
		if statement, ends := strings.CutSuffix(strings.TrimSpace(next.String()), ";"); ends {
			statements = append(statements, statement)
			next.Reset()
		}
	}
	if next.Len() > 0 {
		return nil, fmt.Errorf("%s: a statement without a semicolon: %s", m.name, next.String())
	}
	return statements, nil
}
