package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-go/sallyport/store"
)

// clientFunc is a list of clients.
type clientFunc func(ctx context.Context, id string) (store.Client, error)

func (f clientFunc) Client(ctx context.Context, id string) (store.Client, error) { return f(ctx, id) }

// showing changes clients on their way out.
func showing(change func(c *store.Client)) func(r *rig) {
	return func(r *rig) {
		r.Clients = clientFunc(func(ctx context.Context, id string) (store.Client, error) {
			c, err := r.lists.Client(ctx, id)
			change(&c)
			return c, err
		})
	}
}

// clientErr replaces the error of a client that is not there.
func clientErr(instead error) func(r *rig) {
	return func(r *rig) {
		r.Clients = clientFunc(func(ctx context.Context, id string) (store.Client, error) {
			c, err := r.lists.Client(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				err = instead
			}
			return c, err
		})
	}
}

// namingClients changes the IDs of clients, wherever they are named.
func namingClients(change func(id string) string) func(r *rig) {
	return func(r *rig) {
		r.SetClient = func(ctx context.Context, c store.Client) error {
			c.Name, c.ID = c.ID, change(c.ID)
			return r.lists.setClient(ctx, c)
		}
		r.Clients = clientFunc(func(ctx context.Context, id string) (store.Client, error) {
			c, err := r.lists.Client(ctx, change(id))
			c.ID = id
			return c, err
		})
	}
}

var clientViolations = []violation{
	{"Client loses the second secret", "Client returns the client", showing(func(c *store.Client) { c.Secrets = c.Secrets[:min(1, len(c.Secrets))] })},
	{"Client gives a public client a secret of nothing", "Client returns the client", showing(func(c *store.Client) {
		if len(c.Secrets) == 0 {
			c.Secrets = []store.Digest{{}}
		}
	})},
	{"Client loses the policy", "Client returns the client", showing(func(c *store.Client) { c.Refresh = store.RefreshRotate })},
	{"Client loses the grace", "Client returns the client", showing(func(c *store.Client) { c.Grace = 0 })},
	{"Client sorts the scopes", "Client returns the client", showing(func(c *store.Client) { slices.Sort(c.Scopes) })},
	{"Client returns no client and no error", "Client says ErrNotFound of an unknown ID", clientErr(nil)},
	{"Client returns the driver's error", "Client says ErrNotFound of an unknown ID", clientErr(errDriver)},
	{"Client says ErrBadCredentials", "Client says ErrNotFound of an unknown ID", clientErr(store.ErrBadCredentials)},
	{"Client remembers what it has seen", "Client says ErrNotFound of one that may no longer be used", func(r *rig) {
		var seen sync.Map
		r.Clients = clientFunc(func(ctx context.Context, id string) (store.Client, error) {
			c, err := r.lists.Client(ctx, id)
			if err == nil {
				seen.Store(id, c)
			} else if old, ok := seen.Load(id); ok {
				return old.(store.Client), nil
			}
			return c, err
		})
	}},
	{"client IDs are folded", "Client IDs are compared byte by byte", namingClients(strings.ToLower)},
	{"client IDs are trimmed", "Client IDs are compared byte by byte", namingClients(strings.TrimSpace)},
	{"Client gives its own slices out", "A slice of a client belongs to the caller", func(r *rig) { r.Clients = clientFunc(r.lists.own) }},
	{"Client takes a done context for ErrNotFound", "A done context is no answer about clients", func(r *rig) {
		r.Clients = clientFunc(func(ctx context.Context, id string) (store.Client, error) {
			c, err := r.lists.Client(ctx, id)
			return c, whenDone(err, store.ErrNotFound)
		})
	}},
}
