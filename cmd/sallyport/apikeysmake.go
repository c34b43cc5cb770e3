package main

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

type apiKeysMake struct {
	storeFlags
	ownerFlags

	Label     string   `placeholder:"TEXT" help:"Tells the owner which key this is, such as 'CI of the shop'."`
	Scope     []string `sep:"none" placeholder:"NAME" help:"What the key may do, at most; give it several times for several scopes. Without it: all that its owner may."`
	Network   []string `sep:"none" placeholder:"CIDR" help:"Where the key may be exchanged, such as 192.0.2.0/24; give it several times for several. Without it: anywhere."`
	Expires   moment   `placeholder:"TIME" help:"When the key expires, such as 90d from now. Without it: never."`
	Out       string   `default:"-" placeholder:"FILE" help:"New file for the key, made with mode 0600; - is standard output."`
	Unchecked bool     `help:"Make the key of a user whom only the host knows, without asking whether there is one."`
}

// Help is the rest of --help.
func (apiKeysMake) Help() string {
	return `Give one of --user, --account and --service. The key is written this once: the store has only
its digest. It goes to standard output (or to --out) alone, and what it is to standard error. A
user must be in the store; if the users are in a table of the host's own, or the store is
Redis, add --unchecked. Whether there is such an account or service account, the host decides
when the key is exchanged (KeyOwner). If the host has a Prefix of its own, set key_prefix in the
configuration.

    sallyport api-keys make --user u1 --label 'CI of the shop' --expires 90d --out ci.key
    sallyport api-keys make --service nightly-import --scope read --network 192.0.2.0/24

JSON: as api-keys list, with the member key unless --out is a file.`
}

// assumed are users of the host's own whom the person at the shell says that there are.
type assumed struct{ records }

func (assumed) User(_ context.Context, id string) (store.User, error) {
	return store.User{ID: id}, nil
}

// Run runs the command.
func (c *apiKeysMake) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return err
	}
	now := p.now()
	options := tokens.KeyOptions{Label: c.Label, Scopes: c.Scope, Expires: c.Expires.when(now)}
	if len(c.Network) > 0 {
		if options.Networks, err = tokens.ParseNetworks(c.Network); err != nil {
			return usageError{err}
		}
	}
	if !options.Expires.IsZero() && !options.Expires.After(now) {
		return usagef("--expires: the key would have expired")
	}
	s, err := c.open(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	in := s.records
	if c.User != "" && s.ownsNo {
		if !c.Unchecked {
			return usagef("the users are not in %s: add --unchecked if you know that there is a user %s", s.place, c.User)
		}
		in = assumed{s.records}
	}
	a, err := p.authority(in, config, nil)
	if err != nil {
		return err
	}
	return c.make(ctx, p, out, s, a, options)
}

// make makes the key, and writes it.
func (c *apiKeysMake) make(ctx context.Context, p *process, out *output, s *storage, a *tokens.Authority, options tokens.KeyOptions) error {
	if c.Out != stdoutName { // before there is a key that is in no file
		if err := p.writeSecret(c.Out, nil); err != nil {
			return err
		}
	}
	secret, row, err := a.CreateAPIKey(ctx, c.owner(), options)
	if err != nil {
		err = c.refused(err)
		if c.Out != stdoutName {
			err = errors.Join(err, removeEmpty(c.Out))
		}
		return err
	}
	made := shown(row, p.now())
	switch {
	case c.Out != stdoutName:
		err = appendSecret(c.Out, string(secret)+"\n")
	case out.json:
		made.Key = string(secret)
	default:
		err = p.writeSecret(stdoutName, []byte(string(secret)+"\n"))
	}
	if err != nil { // no one has the key
		return errors.Join(err, s.RevokeAPIKey(context.WithoutCancel(ctx), row.ID, p.now()))
	}
	if c.Out == stdoutName && !out.json {
		out = newOutput(&process{stdout: p.stderr}, false) // so that standard output is the key alone
	}
	out.add(made)
	return out.flush()
}

// refused says what is wrong with a key that was not made.
func (c *apiKeysMake) refused(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return negativef("no user %s in the store", c.User)
	case errors.Is(err, tokens.ErrMalformed), errors.Is(err, tokens.ErrInvalidScope):
		return usageError{err}
	default:
		return explained(err)
	}
}
