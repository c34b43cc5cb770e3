package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// commandLine is all that can be typed.
type commandLine struct {
	globals

	Check    checkCommand    `cmd:"" help:"Check a configuration against its store: schema, settings, rights, clocks."`
	Migrate  migrateCommands `cmd:"" help:"See and run the migrations of a store and of counters in SQL."`
	Keys     keysCommands    `cmd:"" help:"Make, rotate and show signing keys and other secrets."`
	Sessions sessionCommands `cmd:"" help:"List and end sessions."`
	APIKeys  apiKeyCommands  `cmd:"" name:"api-keys" help:"Make, list, revoke and import API keys."`
	Users    userCommands    `cmd:"" help:"Import users with the password hashes of another system."`
	Quota    quotaCommands   `cmd:"" help:"Look at, reset and grant quota."`
	Lockout  lockoutCommands `cmd:"" help:"Look at and lift the lockout of a login or an address."`
	Events   eventsCommand   `cmd:"" help:"Filter and follow the events in a log."`
}

// globals are the flags of all commands.
type globals struct {
	Config string `placeholder:"FILE" help:"Configuration. Without it: $$SALLYPORT_CONFIG, or sallyport.json of this folder if there is one."`
	JSON   bool   `name:"json" help:"Write one JSON object a line."`
	Log    string `placeholder:"FILE" help:"Append the security events of this command (sessions and API keys that are made or ended) to FILE, as events.Log writes them in a host; - is standard error. Without it: $$SALLYPORT_LOG, or none is written."`
}

func newParser(c *commandLine, p *process) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("sallyport"),
		kong.Description(`Administers what Sallyport keeps: sessions, API keys, users, quotas, signing keys.

Name the store once, for all commands:

    export SALLYPORT_STORE=postgres://shop@db.internal/shop
    sallyport check
    sallyport sessions list --user u1

A URL with a password in it goes into $SALLYPORT_STORE or into a file (--store-file), never
into the command line, which every process of the machine can read.

Exit codes: 0 done; 1 failed; 2 wrong command line or configuration, nothing was done; 3 it
worked and the answer is no (not found, pending, bad lines, a failed check); 130 interrupted.`),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.Vars{"store": storeHelp},
	)
}

// span is a duration in a flag or in the configuration: as Go writes one, or in days.
type span time.Duration

// UnmarshalText reads 90s, 24h, 1h30m or 90d.
func (s *span) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	*s = span(d)
	return err
}

var errSpan = errors.New("must be a time such as 90s, 24h or 90d")

func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%w, got %q", errSpan, text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%w, got %q", errSpan, text)
	}
	return d, nil
}

// moment is a time in a flag: RFC 3339, or so long from now.
type moment struct {
	at   time.Time
	from time.Duration
	set  bool
}

// UnmarshalText reads 2026-12-31T00:00:00Z, or 24h.
func (m *moment) UnmarshalText(text []byte) error {
	m.set = true
	if d, err := parseSpan(string(text)); err == nil {
		m.from = d
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("must be a time such as 2026-12-31T00:00:00Z, or 24h from now, got %q", text)
	}
	m.at = at.UTC()
	return nil
}

// when returns the time, in whole seconds, or zero if the flag was not given.
func (m moment) when(now time.Time) time.Time {
	switch {
	case !m.set:
		return time.Time{}
	case m.at.IsZero():
		return seconds(now.Add(m.from))
	default:
		return seconds(m.at)
	}
}

// seconds returns a time as JSON Web Keys can have it, not before t.
func seconds(t time.Time) time.Time {
	whole := t.UTC().Truncate(time.Second)
	if whole.Before(t) {
		return whole.Add(time.Second)
	}
	return whole
}
