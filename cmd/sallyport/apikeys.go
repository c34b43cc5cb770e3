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
