package sqlstore

import (
	"archive/zip"
	"bytes"
	"embed"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/internal/configcheck"
)

//go:embed migrations/*/*.sql
var files embed.FS

// migration is one file in the format of goose.
type migration struct {
	version int64
	name    string
	text    string

	// users: it concerns the table of users.
	users bool
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
			version: version, name: entry.Name(), text: f.named(string(text)), users: strings.HasPrefix(subject, "users"),
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

// Migrations returns the files that [Migrate] would run, for hosts with a
// migration tool. They are in goose's format, one file for each version, with
// c.Prefix in their names of tables, and are in the root of the file system. Each
// records its version in the table sallyport_migrations, which Open reads. If the
// Config is invalid, it returns one error that joins all defects: *ConfigError
// values.
func Migrations(c Config) (fs.FS, error) {
	wrong := configcheck.List{Package: "sqlstore"}
	c = c.withDefaults(wrong.At("Config."))
	err := wrong.Err()
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

// up returns the statements that apply the migration. As in goose, a statement
// ends with the line that ends with a semicolon.
func (m migration) up() []string {
	_, text, _ := strings.Cut(m.text, "-- +goose Up\n")
	text, _, _ = strings.Cut(text, "-- +goose Down\n")
	statements := strings.Split(strings.TrimSpace(text), ";\n")
	for i, statement := range statements {
		statements[i] = strings.TrimSuffix(statement, ";") // only the last statement has it
	}
	return statements
}
