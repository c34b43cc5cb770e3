package main

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
)

// introspector is the client that may ask what a token is good for.
const introspector = "demo-api"

// register registers a public client and a confidential one, whose secret is made
// at each start. They are in memory with every -store.
func register(ctx context.Context) (store.Clients, tokens.Secret, error) {
	clients, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, "", err
	}
	secret, digest := tokens.NewClientSecret()
	grants := []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}
	err = errors.Join(
		clients.SetClient(ctx, store.Client{ID: "demo-app", Name: "An app without a secret", Grants: grants}),
		clients.SetClient(ctx, store.Client{ID: introspector, Name: "Another API", Secrets: []store.Digest{digest}, Grants: grants}),
	)
	return clients, secret, err
}
