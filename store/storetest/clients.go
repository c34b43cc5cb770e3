package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const knowsClient = "Client returns the client with this ID, and ErrNotFound if there is none or it may no longer be used."

var clientRules = []rule{
	{
		name:  "Client returns the client",
		says:  knowsClient,
		why:   "a client that loses its secrets is a public one, and one that loses its grants, scopes or policy may do what the host has not allowed it",
		check: returnsClient,
	},
	{
		name:  "Client says ErrNotFound of an unknown ID",
		says:  knowsClient,
		why:   "any other error means 503, and a client that retries for ever; no error lets anybody be a client",
		check: missesUnknownClient,
	},
	{
		name:  "Client says ErrNotFound of one that may no longer be used",
		says:  knowsClient,
		why:   "an application whose secret was stolen is taken out, and goes on logging users in",
		check: missesRemovedClient,
	},
	{
		name:  "Client IDs are compared byte by byte",
		says:  byteByByte,
		why:   "an application goes under two names, and what is limited or ended under the one is open under the other",
		check: keepsClientIDsApart,
	},
	{
		name:  "A slice of a client belongs to the caller",
		says:  callersSlices,
		why:   "a request that narrows its own scopes would change what every request through the client may do",
		check: givesOutCopiesOfClient,
	},
	{
		name:  "A done context is no answer about clients",
		says:  doneContext,
		why:   "a request that ran out of time would be told that its client is not registered",
		check: saysNothingOfClientsWhenDone,
	},
}

// newClient returns a new confidential client.
func newClient() store.Client {
	return store.Client{
		ID:      unique("client"),
		Name:    `The "shop" & its 🔑`,
		Secrets: []store.Digest{sha256.Sum256([]byte(rand.Text())), sha256.Sum256([]byte(rand.Text()))},
		Grants:  []string{"refresh_token", "password"},
		Scopes:  []string{"articles:write", "articles:read"},
		Refresh: store.RefreshRotate,
		Grace:   10 * time.Second,
	}
}

// registers creates the client, if the fixture can.
func (t *trial) registers(c store.Client) store.Client {
	if t.Clients == nil || t.SetClient == nil {
		t.skipf("needs Fixture.Clients and Fixture.SetClient")
	}
	given := c
	given.Secrets, given.Grants, given.Scopes = slices.Clone(c.Secrets), slices.Clone(c.Grants), slices.Clone(c.Scopes)
	t.must(t.SetClient(t.ctx, given), "Fixture.SetClient(%q)", c.ID)
	return c
}

// findsClient fails the rule unless the store has exactly this client.
func (t *trial) findsClient(want store.Client, after string) {
	got, err := t.Clients.Client(t.ctx, want.ID)
	t.must(err, "Client(%q), after %s", want.ID, after)
	if d := difference(got, want); d != "" {
		t.failf("Client(%q), after %s: %s", want.ID, after, d)
	}
}

func (t *trial) missesClient(id, after string) {
	_, err := t.Clients.Client(t.ctx, id)
	t.wants(err, store.ErrNotFound, "Client(%q), after %s", id, after)
}

func returnsClient(t *trial) {
	confidential, public := newClient(), newClient()
	public.Name, public.Secrets, public.Grants, public.Scopes, public.Refresh, public.Grace = "", nil, nil, nil, "", 0
	strict, none := newClient(), newClient()
	strict.Refresh, strict.Secrets, strict.Grace = store.RefreshStrict, strict.Secrets[:1], store.MaxGrace
	none.Refresh, none.Scopes = store.RefreshNone, []string{"b", "a,b", `d'e`, "{c}", "a"}
	all := []store.Client{confidential, public, strict, none}
	for _, c := range all {
		t.registers(c)
	}
	for _, c := range all {
		t.findsClient(c, "Fixture.SetClient")
	}
}

func missesUnknownClient(t *trial) {
	t.registers(newClient())
	t.missesClient(unique("unknown"), "nothing")
	t.missesClient("", "nothing")
}

func missesRemovedClient(t *trial) {
	removed, other := t.registers(newClient()), t.registers(newClient())
	if t.RemoveClient == nil {
		t.skipf("needs Fixture.RemoveClient")
	}
	t.findsClient(removed, "Fixture.SetClient") // so that the store can cache it
	t.must(t.RemoveClient(t.ctx, removed.ID), "Fixture.RemoveClient(%q)", removed.ID)
	t.missesClient(removed.ID, "Fixture.RemoveClient")
	t.findsClient(other, "Fixture.RemoveClient of another")
}

func keepsClientIDsApart(t *trial) {
	c := newClient()
	c.ID = unique("Shop_é%ß 🔑 a")
	t.registers(c)
	for _, id := range append(lookAlikes(c.ID), strings.TrimSuffix(c.ID, c.ID[len(c.ID)-1:])) {
		t.missesClient(id, "Fixture.SetClient of one that looks alike")
	}
	t.findsClient(c, "looks at others")
}

func givesOutCopiesOfClient(t *trial) {
	c := t.registers(newClient())
	got, err := t.Clients.Client(t.ctx, c.ID)
	t.must(err, "Client(%q)", c.ID)
	spoil(got.Grants)
	spoil(got.Scopes)
	for i := range got.Secrets {
		got.Secrets[i] = store.Digest{}
	}
	t.findsClient(c, "a change of the slices that Client returned")
}

func saysNothingOfClientsWhenDone(t *trial) {
	c := t.registers(newClient())
	var calls []call
	for _, id := range []string{c.ID, unique("unknown")} {
		calls = append(calls, call{"Client", func(ctx context.Context) error {
			_, err := t.Clients.Client(ctx, id)
			return err
		}})
	}
	t.sayNothingWhenDone(calls)
}
