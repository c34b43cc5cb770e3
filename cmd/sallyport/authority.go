package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// defaultAccessTTL is longer than most hosts' AccessTTL: access tokens of a session that
// has ended are then denied for longer than they last, and not for less.
const defaultAccessTTL = 24 * time.Hour

// authority returns an Authority for the store. It signs nothing that a host accepts: its
// signing key is random, and so is its refresh key, unless one is given.
func (p *process) authority(s kept, c *configuration, refreshKey []byte) (*tokens.Authority, error) {
	ttl := cmp.Or(time.Duration(c.AccessTTL.v), defaultAccessTTL)
	refresh := keys.NewSecret()
	if refreshKey != nil {
		refresh = keys.Secret(refreshKey)
	}
	a, err := tokens.New(tokens.Config{
		Store: s, APIKeys: s, Revocations: s,
		Issuer: "sallyport", Audience: "sallyport",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{refresh},
		Prefix:      c.KeyPrefix, AccessTTL: ttl, Leeway: time.Duration(c.Leeway.v),
		IdleTTL: max(ttl, 30*24*time.Hour), SessionTTL: max(ttl, 90*24*time.Hour),
		// Whether an account or a service account exists, only the host's KeyOwner knows:
		// it decides when the key is exchanged.
		KeyOwner: func(_ context.Context, o store.Owner) (store.User, error) { return store.User{ID: o.ID}, nil },
		Events:   p.log.hook(),
		Now:      p.now,
	})
	if err != nil {
		return nil, usagef("%s: %w", cmp.Or(c.file, "the configuration"), err)
	}
	return a, nil
}

// opened opens the store, and makes the Authority for it.
func (f storeFlags) opened(ctx context.Context, p *process, g *globals) (*storage, *tokens.Authority, error) {
	c, err := p.configuration(g.Config)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.open(ctx, p, c)
	if err != nil {
		return nil, nil, err
	}
	a, err := p.authority(s, c, nil)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, a, nil
}

// explained leaves out what an Authority says for a client.
func explained(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("the store: %w", err)
	}
	return err
}
