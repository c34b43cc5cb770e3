package store

import (
	"context"
	"time"
)

// Clients knows the OAuth clients that are registered. A store that has it is
// named in a field of its own; nothing asks for it by type assertion. How
// clients come into it is the host's affair.
type Clients interface {
	// Client returns the client with this ID, and ErrNotFound if there is none
	// or it may no longer be used.
	Client(ctx context.Context, id string) (Client, error)
}

// Client is an application that users log in through: RFC 6749 §2.
type Client struct {
	// ID is the client_id. Never empty.
	ID string

	// Name tells people which application it is.
	Name string

	// Secrets are the SHA-256 digests of the client's secrets, which are random:
	// each of them is good, so that one can be replaced while the other still
	// works. None makes the client public.
	Secrets []Digest

	// Grants are the grant types that the client may use, as RFC 6749 spells
	// them ("password", "refresh_token").
	Grants []string

	// Scopes are what the client may ask for; empty: whatever the user holds.
	Scopes []string

	// Refresh is what becomes of its refresh tokens; empty: RefreshRotate.
	Refresh RefreshPolicy

	// Grace is how long after its first use a refresh token of the client is
	// answered again with the same successor: 300 s at most. It counts where
	// Refresh is RefreshRotate.
	Grace time.Duration
}

// RefreshPolicy is what becomes of a client's refresh tokens.
type RefreshPolicy string

// The policies.
const (
	RefreshNone   RefreshPolicy = "none"   // it gets none
	RefreshRotate RefreshPolicy = "rotate" // one use each, and the client's Grace
	RefreshStrict RefreshPolicy = "strict" // one use each, whatever the Grace
)
