package sqlschema

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// migration is one file in the format of goose.
type migration struct {
	version int64
	name    string
	text    string

	subject string // the name of the file behind its number
}

// migrations returns all files of the dialect, oldest first.
func (s Schema) migrations() []migration {
	folder := path.Join("migrations", s.Dialect)
	entries, err := fs.ReadDir(s.Files, folder)
	if err != nil {
		panic(err) // the files are part of the program
	}
	all := make([]migration, len(entries))
	for i, entry := range entries {
		text, err := fs.ReadFile(s.Files, path.Join(folder, entry.Name()))
		if err != nil {
			panic(err)
		}
		number, subject, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err)
		}
		all[i] = migration{
			version: version, name: entry.Name(), text: s.Named(string(text)), subject: subject,
		}
	}
	return all
}

// needed returns the files that are not left out, oldest first.
func (s Schema) needed() []migration {
	return slices.DeleteFunc(s.migrations(), func(m migration) bool { return s.Omits != nil && s.Omits(m.subject) })
}

// Archive returns the files that Migrate would run, in the root of the file system.
func (s Schema) Archive() (fs.FS, error) {
	// Of the standard library's file systems this is the one that can be made of
	// texts, but for that of testing/fstest, which is not for programs.
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, m := range s.needed() {
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

// up returns the statements that apply the migration. As in goose, a statement ends with
// the line that ends with a semicolon, or stands between two marks.
func (m migration) up() (statements []string) {
	_, text, _ := strings.Cut(m.text, "-- +goose Up\n")
	text, _, _ = strings.Cut(text, "-- +goose Down\n")
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		before, marked, found := strings.Cut(text, "-- +goose StatementBegin\n")
		var statement string
		if found && !strings.Contains(before, ";\n") {
			statement, text, _ = strings.Cut(marked, "\n-- +goose StatementEnd")
		} else {
			statement, text, _ = strings.Cut(text, ";\n")
		}
		statements = append(statements, strings.TrimSuffix(statement, ";"))
	}
	return statements
}
