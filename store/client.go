package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Clients looks up the registered OAuth clients. A store that has it is
// named in a field of its own; nothing asks for it by type assertion. The
// host registers the clients by means of its own.
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

// MaxGrace is the longest Grace of a Client.
const MaxGrace = 300 * time.Second

// Check returns all that is wrong with a client at once, or nil: an ID that is
// empty, a policy that is none of the above, a Grace that is negative or more
// than MaxGrace. A store calls it before it registers a client; one that is
// wrong all the same is as good as one that could not be read.
func (c Client) Check() error {
	var errs []error
	if c.ID == "" {
		errs = append(errs, errors.New("store: Client.ID: must not be empty"))
	}
	switch c.Refresh {
	case "", RefreshNone, RefreshRotate, RefreshStrict:
	default:
		errs = append(errs, fmt.Errorf("store: Client.Refresh: must be one of the policies, got %q", c.Refresh))
	}
	if c.Grace < 0 || c.Grace > MaxGrace {
		errs = append(errs, fmt.Errorf("store: Client.Grace: must be 0 to %v, got %v", MaxGrace, c.Grace))
	}
	return errors.Join(errs...)
}
