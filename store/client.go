package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Clients looks up the registered OAuth clients. It is optional: see the field of
// this name in the Config of package tokens. The host registers clients in a way
// of its own.
type Clients interface {
	// Client returns the client with this ID, and ErrNotFound if there is none
	// or it may no longer be used.
	Client(ctx context.Context, id string) (Client, error)
}

// Client is an application that users log in with (RFC 6749 §2).
type Client struct {
	// ID is the client_id, for example "web". It must not be empty.
	ID string

	// Name tells people which application it is. Empty: it has no name.
	Name string

	// Secrets are the SHA-256 digests of the client's secrets, which must be random:
	// see NewClientSecret of package tokens. Each of them is accepted, so that one
	// can be replaced while the other is still in use. Empty: the client is public
	// (RFC 6749 §2.1).
	Secrets []Digest

	// Grants are the grant types that the client may use (RFC 6749), for example
	// "password" and "refresh_token". Empty: it may use none.
	Grants []string

	// Scopes are what the client may request. Empty: all scopes that the user holds.
	Scopes []string

	// Refresh says how the client's refresh tokens rotate. Empty: RefreshRotate.
	Refresh RefreshPolicy

	// Grace is how long after the first use of a refresh token of the client a
	// second use gets the same successor: 0 to 300 s. It applies only with
	// RefreshRotate. Zero: a second use ends the session.
	Grace time.Duration
}

// RefreshPolicy says how a client's refresh tokens rotate.
type RefreshPolicy string

// The policies.
const (
	// RefreshNone: the client gets no refresh tokens.
	RefreshNone RefreshPolicy = "none"

	// RefreshRotate: each refresh token is valid once, and within the client's Grace
	// again.
	RefreshRotate RefreshPolicy = "rotate"

	// RefreshStrict: each refresh token is valid once, whatever the Grace.
	RefreshStrict RefreshPolicy = "strict"
)

// MaxGrace is the maximum Grace of a Client.
const MaxGrace = 300 * time.Second

// Check returns an error that joins all defects of a client, or nil: an empty ID,
// a policy that is none of the above, or a Grace that is not 0 to MaxGrace. A
// store calls it before it registers a client. If a client in a store is invalid,
// Sallyport answers with 503.
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
