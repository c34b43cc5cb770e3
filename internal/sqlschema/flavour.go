package sqlschema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// The dialects.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
	MySQL      = "mysql"
)

// DefaultPrefix also begins the names in the SQL of the packages.
const DefaultPrefix = "sallyport_"

const maxPrefix = 32 // PostgreSQL truncates names at 63 bytes, MySQL refuses more than 64, and the tables add 28

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Flavour translates the SQL of a package, which is written for PostgreSQL and the default
// prefix, for the database.
type Flavour struct{ Dialect, Prefix string }

// WithDefaults returns the Flavour with the default of an empty prefix, and complains of
// each invalid field.
func (f Flavour) WithDefaults(complain configcheck.Complain) Flavour {
	switch f.Dialect {
	case SQLite, PostgreSQL, MySQL:
	case "":
		complain("Dialect", "is required: SQLite, PostgreSQL or MySQL")
	default:
		complain("Dialect", "must be SQLite, PostgreSQL or MySQL, got %q", f.Dialect)
	}
	if f.Prefix == "" {
		f.Prefix = DefaultPrefix
	}
	if !prefixes.MatchString(f.Prefix) || len(f.Prefix) > maxPrefix {
		complain("Prefix", "must be a letter, then letters, digits and underscores, lower-case, %d at most, got %q", maxPrefix, f.Prefix)
	}
	if f.Dialect == SQLite && strings.HasPrefix(f.Prefix, "sqlite_") {
		complain("Prefix", "must not begin with sqlite_, which SQLite reserves, got %q", f.Prefix)
	}
	return f
}

// Statement is one in the SQL of the database.
type Statement struct {
	Text string

	// order has the numbers of the arguments in the order in which the database takes
	// them, for one whose placeholders have no numbers.
	order []int
}

// With returns the arguments as the database takes them.
func (s Statement) With(args []any) []any {
	if s.order == nil {
		return args
	}
	ordered := make([]any, len(s.order))
	for i, number := range s.order {
		ordered[i] = args[number-1]
	}
	return ordered
}

var placeholder = regexp.MustCompile(`\$\d+`)

// SQL translates a statement.
func (f Flavour) SQL(text string) Statement {
	text = f.Named(text)
	switch f.Dialect {
	case SQLite:
		// In SQLite $1 is a named parameter; ?1 is the first argument with every driver.
		return Statement{Text: strings.ReplaceAll(text, "$", "?")}
	case MySQL:
		order := []int{}
		text = placeholder.ReplaceAllStringFunc(text, func(name string) string {
			number, err := strconv.Atoi(name[1:])
			if err != nil {
				panic(err) // the statements are part of the program
			}
			order = append(order, number)
			return "?"
		})
		return Statement{text, order}
	default:
		return Statement{Text: text}
	}
}

// Named only replaces the prefix.
func (f Flavour) Named(text string) string {
	return strings.ReplaceAll(text, DefaultPrefix, f.Prefix)
}

// Of returns the statement of the dialect, where they differ.
func (f Flavour) Of(sqlite, postgres, mysql string) Statement {
	return f.SQL(map[string]string{SQLite: sqlite, PostgreSQL: postgres, MySQL: mysql}[f.Dialect])
}
