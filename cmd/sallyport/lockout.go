package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/sallyport-go/sallyport/middleware"
)

type lockoutCommands struct {
	Show lockoutShow `cmd:"" help:"Show whether the next login is rejected by brute-force protection."`
	Lift lockoutLift `cmd:"" help:"Give a login or an address its failed attempts back."`
}

// lockoutHelp is what the commands have in common.
const lockoutHelp = `
The configuration must have the counters of the host, the file of its first refresh key (the
counters are named by pseudonyms that are made with it) and, if the host has set them, its
brute_force budgets. A small sallyport.json:

    {
      "counters": {"url": "redis://127.0.0.1:6379/0", "secret": {"file": "counters.key"}},
      "refresh_key": {"file": "refresh.key"},
      "brute_force": {"login": {"burst": 50, "every": "30m"}}
    }

The refresh key is RefreshKeys[0] of the host, and the secret Config.Secret of rediscounters or
sqlcounters; each file has it as text, or in hexadecimal or base64 with "encoding": "hex" or
"base64". Counters in SQL have the URL of a PostgreSQL or MariaDB server, or sqlite:FILE. A host
that has a SameLogin of its own must do this in its own program (Auth.InspectLogin,
Auth.LiftLockout).
`

// attemptFlags say whose attempts they are.
type attemptFlags struct {
	Login   string      `placeholder:"NAME" help:"The login, as the user types it."`
	Address addressFlag `placeholder:"ADDRESS" help:"Address of the client, as the throttled event has it."`
}

type lockoutShow struct {
	counterFlags
	attemptFlags
}

// Help is the rest of --help.
func (lockoutShow) Help() string {
	return `Give --login, --address or both. The exit code is 0 whether it is locked or not.
` + lockoutHelp + `
    sallyport lockout show --login ada
    sallyport lockout show --login ada --address 192.0.2.7

JSON: {"type":"lockout","login","address","pseudonym","known","locked","policy",
"retry_after_seconds","dry_run"}; the pseudonym is what events call the login, and known is
true if the login has succeeded from the address before.`
}

type lockoutLift struct {
	counterFlags
	attemptFlags

	DryRun bool `help:"Show the lockout, and lift nothing."`
}

// Help is the rest of --help.
func (lockoutLift) Help() string {
	return `Give --login, --address or both, and take the address from the throttled event: without it, what
the login has failed from one address stays. It shows what is locked afterwards. To lift the
lockout of an account, do it for each login of its users.
` + lockoutHelp + `
    sallyport lockout lift --login ada --address 192.0.2.7
    sallyport lockout lift --address 192.0.2.7 --dry-run

JSON: as lockout show.`
}

// lockout is whether a login is rejected.
type lockout struct {
	Type       string  `json:"type"`
	Login      string  `json:"login,omitempty"`
	Address    string  `json:"address,omitempty"`
	Pseudonym  string  `json:"pseudonym,omitempty"`
	Known      bool    `json:"known"`
	Locked     bool    `json:"locked"`
	Policy     string  `json:"policy,omitempty"`
	RetryAfter float64 `json:"retry_after_seconds"`
	DryRun     bool    `json:"dry_run"`
}

func (lockout) head() []string {
	return []string{"LOGIN", "ADDRESS", "LOCKED", "POLICY", "RETRY AFTER", "KNOWN", "PSEUDONYM"}
}

func (l lockout) cells() []string {
	locked, known := "no", "no"
	if l.Locked {
		locked = "yes"
	}
	if l.Known {
		known = "yes"
	}
	return []string{l.Login, l.Address, locked, l.Policy, strconv.FormatFloat(l.RetryAfter, 'f', 0, 64) + "s", known, l.Pseudonym}
}

// withAuth calls do, unless that is nil, and then shows the lockout.
func (f attemptFlags) withAuth(ctx context.Context, p *process, out *output, g *globals, counters counterFlags, isDry bool, do func(*middleware.Auth) error) (err error) {
	if f.Login == "" && !f.Address.IsValid() {
		return usagef("whose lockout? Give --login, --address or both")
	}
	c, err := counters.open(p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	auth, err := c.auth(p)
	if err != nil {
		return err
	}
	if do != nil && !isDry {
		if err := do(auth); err != nil {
			return err
		}
	}
	l, err := auth.InspectLogin(ctx, f.Login, f.Address.Addr)
	if err != nil {
		return err
	}
	row := lockout{Type: "lockout", Login: f.Login, Pseudonym: l.Pseudonym, Known: l.Known, Locked: l.Locked, Policy: l.Policy, RetryAfter: l.RetryAfter.Seconds(), DryRun: isDry}
	if f.Address.IsValid() {
		row.Address = f.Address.String()
	}
	out.add(row)
	return nil
}

// Run runs the command.
func (c *lockoutShow) Run(ctx context.Context, p *process, out *output, g *globals) error {
	return c.withAuth(ctx, p, out, g, c.counterFlags, false, nil)
}

// Run runs the command.
func (c *lockoutLift) Run(ctx context.Context, p *process, out *output, g *globals) error {
	return c.withAuth(ctx, p, out, g, c.counterFlags, c.DryRun, func(a *middleware.Auth) error {
		return a.LiftLockout(ctx, c.Login, c.Address.Addr)
	})
}
