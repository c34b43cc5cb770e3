package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

type sessionCommands struct {
	List sessionsList `cmd:"" help:"List the active sessions of a user, or of all users."`
	End  sessionsEnd  `cmd:"" help:"End a session, those of a user, or all."`
}

type sessionsList struct {
	storeFlags

	User string `xor:"whose" required:"" placeholder:"ID" help:"ID of the user, as it is in the sub of their tokens."`
	All  bool   `xor:"whose" required:"" help:"The sessions of all users."`
}

// Help is the rest of --help.
func (sessionsList) Help() string {
	return `Give --user or --all. Lists what can be refreshed now: neither ended nor expired. The newest of a user comes first.

    sallyport sessions list --user u1
    sallyport sessions list --all --json

JSON: {"type":"session","id","user","client","scopes","label","actor","created_at",
"last_used_at","ends_at"}, one object for each session. The id is the sid of its access
tokens, and no token.`
}

type sessionsEnd struct {
	storeFlags

	User    string `xor:"which" required:"" placeholder:"ID" help:"End all sessions of this user."`
	Session string `xor:"which" required:"" placeholder:"ID" help:"End this session: an ID of sessions list, or the sid of an access token."`
	All     bool   `xor:"which" required:"" help:"End the sessions of all users. Needs --yes."`
	Yes     bool   `help:"With --all: really."`
	DryRun  bool   `help:"Say what would end, and end nothing."`
}

// Help is the rest of --help.
func (sessionsEnd) Help() string {
	return `Give one of --user, --session and --all. Refresh tokens of an ended session are refused at once. Its access tokens are put on the deny
list of this store, and are refused at once too if the host has it as Revocations; otherwise
they last until they expire. Set access_ttl in the configuration if your access tokens last
for more than 24h. API keys are not touched: see sallyport api-keys revoke.

If it is interrupted, run the same command again: it ends the rest.

    sallyport sessions end --user u1 --dry-run
    sallyport sessions end --user u1
    sallyport sessions end --session 3f1c5a8e
    sallyport sessions end --all --yes

JSON: {"type":"ended","user","session","sessions","dry_run"}, one object for each user;
session is there with --session only, and sessions is how many were active.`
}

// session is an active session.
type session struct {
	Type       string     `json:"type"`
	ID         string     `json:"id"`
	User       string     `json:"user"`
	Client     string     `json:"client,omitempty"`
	Scopes     []string   `json:"scopes"`
	Label      string     `json:"label,omitempty"`
	Actor      string     `json:"actor,omitempty"`
	CreatedAt  *time.Time `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	EndsAt     *time.Time `json:"ends_at"`
}

func (session) head() []string {
	return []string{"SESSION", "USER", "CLIENT", "LABEL", "CREATED", "LAST USED", "ENDS"}
}

func (s session) cells() []string {
	return []string{s.ID, s.User, s.Client, s.Label, at(s.CreatedAt), at(s.LastUsedAt), at(s.EndsAt)}
}

// ended is a user whose sessions have ended.
type ended struct {
	Type     string `json:"type"`
	User     string `json:"user"`
	Session  string `json:"session,omitempty"`
	Sessions int    `json:"sessions"`
	DryRun   bool   `json:"dry_run"`
}

func (e ended) head() []string {
	if e.DryRun {
		return []string{"USER", "SESSIONS THAT WOULD END"}
	}
	return []string{"USER", "SESSIONS ENDED"}
}

func (e ended) cells() []string { return []string{e.User, strconv.Itoa(e.Sessions)} }

// Run runs the command.
func (c *sessionsList) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	s, a, err := c.opened(ctx, p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	found := 0
	add := func(open tokens.OpenSession, user string) {
		found++
		out.add(session{
			"session", open.ID, user, open.ClientID, list(open.Scopes), open.Label, open.Actor,
			when(open.CreatedAt), when(open.LastUsedAt), when(open.ExpiresAt),
		})
	}
	if c.User != "" {
		err = eachSession(ctx, a, c.User, add)
	} else {
		err = eachUser(ctx, s, func(user string) error { return eachSession(ctx, a, user, add) })
	}
	if err == nil && found == 0 {
		out.notef("no active sessions")
	}
	return err
}

// eachSession calls do with each active session of a user.
func eachSession(ctx context.Context, a *tokens.Authority, user string, do func(tokens.OpenSession, string)) error {
	for page := (tokens.Page{Limit: store.MaxPage}); ; {
		all, after, err := a.Sessions(ctx, user, page)
		if err != nil {
			return explained(err)
		}
		for _, open := range all {
			do(open, user)
		}
		if after == "" {
			return nil
		}
		page.After = after
	}
}

// eachUser calls do once for each user who may have sessions.
func eachUser(ctx context.Context, s *storage, do func(user string) error) error {
	seen := map[string]bool{} // Redis may yield a user twice
	for user, err := range s.UsersWithSessions(ctx) {
		if err != nil {
			return err
		}
		if seen[user] {
			continue
		}
		seen[user] = true
		if err := do(user); err != nil {
			return err
		}
	}
	return nil
}

// Run runs the command.
func (c *sessionsEnd) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	if c.All && !c.Yes && !c.DryRun {
		return usagef("this ends the sessions of every user: look with --dry-run first, then add --yes")
	}
	s, a, err := c.opened(ctx, p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	switch {
	case c.Session != "":
		return c.one(ctx, s, a, out)
	case c.User != "":
		return c.ofUser(ctx, a, out, c.User)
	default:
		return c.ofAll(ctx, p, s, a, out)
	}
}

// one ends one session.
func (c *sessionsEnd) one(ctx context.Context, s *storage, a *tokens.Authority, out *output) error {
	found, err := s.Session(ctx, c.Session)
	if errors.Is(err, store.ErrNotFound) || err == nil && !found.RevokedAt.IsZero() {
		return negativef("no active session %s", c.Session)
	}
	if err != nil {
		return err
	}
	if !c.DryRun {
		ok, err := a.EndSession(ctx, found.UserID, c.Session)
		if err != nil {
			return explained(err)
		}
		if !ok { // another has ended it meanwhile
			return negativef("no active session %s", c.Session)
		}
	}
	out.add(ended{"ended", found.UserID, c.Session, 1, c.DryRun})
	return nil
}

// ofUser ends the sessions of one user.
func (c *sessionsEnd) ofUser(ctx context.Context, a *tokens.Authority, out *output, user string) error {
	n := 0
	if err := eachSession(ctx, a, user, func(tokens.OpenSession, string) { n++ }); err != nil {
		return err
	}
	if !c.DryRun { // also if there is none, so that what an interrupted call has ended is denied
		if err := a.LogoutEverywhere(ctx, user); err != nil {
			return explained(err)
		}
	}
	out.add(ended{"ended", user, "", n, c.DryRun})
	return nil
}

// ofAll ends all sessions.
func (c *sessionsEnd) ofAll(ctx context.Context, p *process, s *storage, a *tokens.Authority, out *output) error {
	var users []string
	looking := p.meter("users found", 0)
	err := eachUser(ctx, s, func(user string) error {
		users = append(users, user)
		looking.add()
		return nil
	})
	looking.end()
	if err != nil {
		return err
	}
	ending := p.meter("users", len(users))
	defer ending.end()
	for i, user := range users {
		err := ctx.Err() // an end completes even if ctx is done
		if err == nil {
			err = c.ofUser(ctx, a, out, user)
		}
		if err != nil && c.DryRun {
			return err
		}
		if err != nil {
			return &partial{"ended the sessions of " + strconv.Itoa(i) + " of " + plural(len(users), "user") + "; the same command ends the rest", err}
		}
		ending.add()
	}
	if len(users) == 0 {
		out.notef("no sessions")
	}
	return nil
}
