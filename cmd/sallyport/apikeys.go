package main

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

type apiKeyCommands struct {
	Make   apiKeysMake   `cmd:"" help:"Make an API key for a user, an account or a service account."`
	List   apiKeysList   `cmd:"" help:"List the API keys of an owner that are not revoked."`
	Revoke apiKeysRevoke `cmd:"" help:"Revoke an API key."`
	Import apiKeysImport `cmd:"" help:"Import the digests of API keys from another store of Sallyport."`
}

// ownerFlags say whose a key is.
type ownerFlags struct {
	User    string `xor:"owner" required:"" placeholder:"ID" help:"The owner is this user."`
	Account string `xor:"owner" required:"" placeholder:"ID" help:"The owner is this account."`
	Service string `xor:"owner" required:"" placeholder:"ID" help:"The owner is this service account."`
}

func (f ownerFlags) owner() store.Owner {
	switch {
	case f.Account != "":
		return store.Owner{Kind: store.OwnerAccount, ID: f.Account}
	case f.Service != "":
		return store.Owner{Kind: store.OwnerService, ID: f.Service}
	default:
		return store.Owner{ID: f.User}
	}
}

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

type apiKeysList struct {
	storeFlags
	ownerFlags
}

// Help is the rest of --help.
func (apiKeysList) Help() string {
	return `Give one of --user, --account and --service. The newest comes first. The hint is the last four
characters of a key. Expired keys are listed until they are deleted.

    sallyport api-keys list --user u1

JSON: {"type":"api_key","id","hint","owner_kind","owner","label","scopes","networks",
"created_at","expires_at","last_used_at","replaced_by","state"}, one object for each key;
owner_kind is user, account or service, and state is active or expired.`
}

type apiKeysRevoke struct {
	storeFlags

	ID     string `arg:"" help:"ID of the key, as api-keys list shows it."`
	DryRun bool   `help:"Show the key, and revoke nothing."`
}

// Help is the rest of --help.
func (apiKeysRevoke) Help() string {
	return `The key is refused at once, and so are its access tokens, if the host has this store as its
Revocations; otherwise they last until they expire. A key that replaces it is not touched. The
exit code is 3 if there is no such key, or it was revoked before.

    sallyport api-keys revoke JBSWY3DPEHPK3PXP --dry-run
    sallyport api-keys revoke JBSWY3DPEHPK3PXP

JSON: as api-keys list, with the state revoked.`
}

// apiKey is a key as it is listed.
type apiKey struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Hint       string         `json:"hint,omitempty"`
	OwnerKind  string         `json:"owner_kind"`
	Owner      string         `json:"owner"`
	Label      string         `json:"label,omitempty"`
	Scopes     []string       `json:"scopes"`
	Networks   []netip.Prefix `json:"networks"`
	CreatedAt  *time.Time     `json:"created_at"`
	ExpiresAt  *time.Time     `json:"expires_at,omitempty"`
	LastUsedAt *time.Time     `json:"last_used_at,omitempty"`
	ReplacedBy string         `json:"replaced_by,omitempty"`
	State      string         `json:"state"`
	Key        string         `json:"key,omitempty"`
}

func (apiKey) head() []string {
	return []string{"KEY", "HINT", "OWNER", "LABEL", "SCOPES", "NETWORKS", "CREATED", "EXPIRES", "LAST USED", "STATE"}
}

func (k apiKey) cells() []string {
	var networks []string
	for _, n := range k.Networks {
		networks = append(networks, n.String())
	}
	return []string{
		k.ID, k.Hint, k.OwnerKind + " " + k.Owner, k.Label, strings.Join(k.Scopes, " "), strings.Join(networks, " "),
		at(k.CreatedAt), at(k.ExpiresAt), at(k.LastUsedAt), k.State,
	}
}

func shown(k store.APIKey, now time.Time) apiKey {
	kind, state := string(k.Owner.Kind), "active"
	if k.Owner.Kind == store.OwnerUser {
		kind = "user"
	}
	switch {
	case !k.RevokedAt.IsZero():
		state = "revoked"
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		state = "expired"
	}
	return apiKey{
		"api_key", k.ID, k.Hint, kind, k.Owner.ID, k.Label, list(k.Scopes), list(k.Networks),
		when(k.CreatedAt), when(k.ExpiresAt), when(k.LastUsedAt), k.Successor, state, "",
	}
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

// Run runs the command.
func (c *apiKeysList) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	s, a, err := c.opened(ctx, p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	found := 0
	for page := (tokens.Page{Limit: store.MaxPage}); ; {
		all, after, err := a.OwnerAPIKeys(ctx, c.owner(), page)
		if err != nil {
			return explained(err)
		}
		for _, k := range all {
			found++
			out.add(shown(k, p.now()))
		}
		if after == "" {
			break
		}
		page.After = after
	}
	if found == 0 {
		out.notef("no API keys")
	}
	return nil
}

// Run runs the command.
func (c *apiKeysRevoke) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	s, a, err := c.opened(ctx, p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	k, err := s.APIKeyByID(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !k.RevokedAt.IsZero() {
		return negativef("no API key %s that is not revoked", c.ID)
	}
	if err != nil {
		return err
	}
	if !c.DryRun {
		ok, err := a.RevokeAPIKey(ctx, k.Owner, c.ID)
		if err != nil {
			return explained(err)
		}
		if !ok { // another has revoked it meanwhile
			return negativef("no API key %s that is not revoked", c.ID)
		}
		k.RevokedAt = p.now()
	}
	out.add(shown(k, p.now()))
	return nil
}
