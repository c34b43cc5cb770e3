package tokens

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// KeyOptions are what an API key is created with. The zero value is a key that may do
// all that its owner may, from anywhere, until it is revoked.
type KeyOptions struct {
	// Label tells the owner which key this is, for example "CI of the shop". Characters
	// that cannot be printed are removed, and it is cut at 200 bytes.
	Label string

	// Scopes narrow the key permanently: it never allows more, whatever scopes the owner
	// gets later. At most 64. Nil does not narrow. Empty and not nil, as what is left
	// after narrowing, is ErrInvalidScope.
	Scopes []string

	// Expires is when the key expires. Zero: never.
	Expires time.Time

	// Networks are where the key may be exchanged: a client with another address gets
	// ErrInvalidKey. At most store.MaxNetworks, each without bits set behind its length;
	// ParseNetworks reads them. An access token of the key can be used anywhere. Nil:
	// anywhere. Empty and not nil is ErrMalformed.
	Networks []netip.Prefix
}

// check returns what is wrong with the options, and sets their Networks to what a store
// keeps.
func (o *KeyOptions) check() (err error) {
	if err := checkScopes(o.Scopes); err != nil {
		return err
	}
	o.Networks, err = normalNetworks(o.Networks)
	return err
}

// CreateAPIKey creates an API key for an owner: a user, or an account or a service
// account that Config.KeyOwner knows. The key is returned only here: the store gets
// its digest. Use CreateOwnAPIKey if a user requests the key: this method does not
// check what the requester may do.
//
// The access tokens of the key have the owner's Subject as their "sub", and the
// account, the tier, the seats and the scopes that the owner has at the exchange. A
// key of a user has the CredentialVersion that the user has now: see
// Config.PasswordEndsAPIKeys.
//
// It returns ErrMalformed if the owner does not exist, Config.APIKeys is nil, or the
// networks are invalid, ErrInvalidScope, or ErrUnavailable, also if the user's
// credentials change meanwhile.
func (a *Authority) CreateAPIKey(ctx context.Context, owner store.Owner, o KeyOptions) (Secret, store.APIKey, error) {
	if a.apiKeys == nil {
		return "", store.APIKey{}, errNoAPIKeys
	}
	if err := a.checkOwner(owner); err != nil {
		return "", store.APIKey{}, err
	}
	if err := o.check(); err != nil {
		return "", store.APIKey{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	user, err := a.owner(ctx, owner, ErrMalformed)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	text, k := a.newKey(owner, user.CredentialVersion, o)
	return a.createKey(ctx, user, text, k, ErrUnavailable, nil)
}

var errNoAPIKeys = fmt.Errorf("%w: Config.APIKeys is not set", ErrMalformed)

// newKey makes a key and its row. Nothing is written.
func (a *Authority) newKey(owner store.Owner, version string, o KeyOptions) (Secret, store.APIKey) {
	text := a.prefix + "_ak_" + rand.Text()
	text += checksum(text)
	return Secret(text), store.APIKey{
		ID: rand.Text(), Digest: sha256.Sum256([]byte(text)), Hint: text[len(text)-hintLength:], Owner: owner, CredentialVersion: version,
		Label: label(o.Label), Scopes: both(o.Scopes, o.Scopes), Networks: o.Networks,
		CreatedAt: a.now(), ExpiresAt: o.Expires.UTC().Truncate(time.Microsecond),
	}
}

// hintLength is the length of a key's Hint: a part of the checksum.
const hintLength = 4

// createKey writes a key of an owner, and reads a user again after the write. Its last
// step is that of a replacement, if it is not nil. If the user's credentials have
// changed, it returns refused. After any error the key is revoked, and not returned.
func (a *Authority) createKey(
	ctx context.Context, user store.User, text Secret, k store.APIKey, refused error, last func(context.Context) error,
) (Secret, store.APIKey, error) {
	if err := a.apiKeys.CreateAPIKey(ctx, k); err != nil {
		return "", store.APIKey{}, a.failed(ctx, unavailable("create API key", err))
	}
	var err error
	if k.Owner.Kind == store.OwnerUser { // no other owner has credentials that could have changed
		err = a.unmoved(ctx, user, refused)
	}
	if err == nil && last != nil {
		err = last(ctx)
	}
	if err != nil {
		within, cancel := a.bounded(ctx)
		defer cancel()
		_ = a.apiKeys.RevokeAPIKey(within, k.ID, a.now()) // it was not returned
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	a.Report(ctx, keyEvent(events.KeyCreated, k))
	return text, k, nil
}
