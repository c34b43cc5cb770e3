package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
)

type userCommands struct {
	Import usersImport `cmd:"" help:"Import users with the password hashes of another system."`
}

type usersImport struct {
	storeFlags
	importFlags
}

// Help is the rest of --help.
func (usersImport) Help() string {
	return `The columns are id, login and password_hash, which are required, and account, tier, seats and
scopes. The hashes are those of Django, PHP, Laravel, Symfony, Spring, Werkzeug, passlib, Devise,
ASP.NET and others (docs/migrating-passwords.md); each is replaced when its user logs in. In CSV
the scopes have spaces between them; in JSON they are a list.

All lines are checked first: if one is bad, its number is reported, and nothing is written. A
user with this id and this login who is there already is left as they are, with the password
that they have by now, so the same import may be made again: after an interruption it goes on,
and a second one changes nothing. An id or a login that another user has is a bad line. The
exit code is 3 if lines are bad.

    sallyport users import users.csv --dry-run
    sallyport users import users.csv
    sallyport users import - < users.jsonl

The first two lines of a CSV:

    id,login,password_hash,tier,seats,scopes
    u1,ada,$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW,free,1,read write

JSON: {"type":"problem","line","field","message"} for each bad line, and at last
{"type":"import","lines","added","there","bad","dry_run"}.`
}

var userColumns = []string{"id", "login", "password_hash", "account", "tier", "seats", "scopes"}

// newUser is a user who is to be added.
type newUser struct {
	store.User

	hash string
}

// Run runs the command.
func (c *usersImport) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return err
	}
	s, err := c.open(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.ownsNo {
		return usagef("the users are not in %s: import them into the host's own table", s.place)
	}
	first := firsts{}
	job := importing[newUser]{
		flags: c.importFlags, what: "users", workers: workers,
		check: func(r row, complain func(field, format string, args ...any)) newUser {
			return readUser(r, config, first, complain)
		},
		write: func(ctx context.Context, u newUser) (bool, error) {
			err := s.sql.AddUserWithHash(ctx, u.User, u.hash)
			if !errors.Is(err, store.ErrConflict) {
				return err == nil, err
			}
			there, err := s.sql.User(ctx, u.ID)
			switch {
			case errors.Is(err, store.ErrNotFound):
				return false, negativef("login: another user has it")
			case err == nil && there.Login != u.Login:
				return false, negativef("id: a user with another login has it")
			}
			return false, err
		},
	}
	return job.run(ctx, p, out, userColumns)
}

// firsts are the lines in which a value stood first, by the field and the value.
type firsts map[[2]string]int

// unique complains of a value that another line has.
func (f firsts) unique(r row, field, value string, complain func(field, format string, args ...any)) {
	key := [2]string{field, value}
	if line, ok := f[key]; ok {
		complain(field, "must be unique, and line %d has it too", line)
		return
	}
	f[key] = r.line
}

const maxText = 512

// required complains of a text that no store could hold, or that is empty.
func required(field, value string, complain func(field, format string, args ...any)) {
	if value == "" {
		complain(field, "is required")
		return
	}
	optional(field, value, complain)
}

func optional(field, value string, complain func(field, format string, args ...any)) {
	if len(value) > maxText || !utf8.ValidString(value) || strings.Contains(value, "\x00") {
		complain(field, "must be valid UTF-8 without NUL, of at most %d bytes", maxText)
	}
}

// readUser returns the user of a row.
func readUser(r row, config *configuration, first firsts, complain func(field, format string, args ...any)) newUser {
	u := newUser{store.User{
		ID: r.text("id"), Login: r.text("login"), Account: r.text("account"), Tier: r.text("tier"), Scopes: scopes(r, complain), Seats: 1,
	}, r.text("password_hash")}
	required("id", u.ID, complain)
	required("login", u.Login, complain)
	optional("account", u.Account, complain)
	optional("tier", u.Tier, complain)
	if strings.HasPrefix(u.ID, "account:") || strings.HasPrefix(u.ID, "service:") {
		complain("id", "must not begin with account: or service:, as the subject of other owners of API keys does")
	}
	if _, known := config.Tiers[u.Tier]; u.Tier != "" && len(config.Tiers) > 0 && !known {
		complain("tier", "must be one of the configuration, got %q", u.Tier)
	}
	if text := r.text("seats"); text != "" {
		seats, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seats < 1 || seats >= 1<<53 {
			complain("seats", "must be a number from 1")
		}
		u.Seats = int(seats)
	}
	if u.hash == "" {
		complain("password_hash", "is required")
	} else if err := passwords.Check(u.hash); err != nil {
		complain("password_hash", "%s", strings.TrimPrefix(err.Error(), "passwords: "))
	}
	first.unique(r, "id", u.ID, complain)
	first.unique(r, "login", u.Login, complain)
	return u
}

// scopes returns the scopes of a row.
func scopes(r row, complain func(field, format string, args ...any)) []string {
	all, err := tokens.ParseScope(strings.Join(r.list("scopes"), " "))
	if err != nil {
		complain("scopes", "must be scope-tokens of RFC 6749 section 3.3, with spaces between them")
	}
	return all
}
