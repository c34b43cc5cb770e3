package middleware

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// CreatedKey is a new API key. Key is the secret: it is not stored and cannot be read
// again.
type CreatedKey struct {
	Key    tokens.Secret
	APIKey store.APIKey
}

// CheckAPIKeys returns the API keys of the user who is signed in, for GET: those
// that were not revoked, expired ones too.
func (a *Auth) CheckAPIKeys(r *http.Request) ([]store.APIKey, error) {
	p, err := a.keyOwner(r, http.MethodGet, http.MethodHead)
	if err != nil {
		return nil, err
	}
	return a.tokens.UserAPIKeys(a.located(r), p.Subject)
}

// APIKeys answers what CheckAPIKeys decides, in JSON.
func (a *Auth) APIKeys(w http.ResponseWriter, r *http.Request) {
	keys, err := a.CheckAPIKeys(r)
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.APIKeysListed(keys).Write(w)
}

// CheckCreateAPIKey makes an API key for the user who is signed in, for POST. The
// body is a JSON object:
//
//	{"label": "CI of the shop", "scope": "read write", "expires_in": 7776000}
//
// in which nothing is required, and nothing else may be. Without a scope the key
// has that of the access token, and it never has more; without expires_in, in
// seconds, it does not expire. See [tokens.Authority.CreateOwnAPIKey].
func (a *Auth) CheckCreateAPIKey(r *http.Request) (CreatedKey, error) {
	p, err := a.keyOwner(r, http.MethodPost)
	if err != nil {
		return CreatedKey{}, err
	}
	wish, err := a.readKeyWish(r)
	if err != nil {
		return CreatedKey{}, err
	}
	key, row, err := a.tokens.CreateOwnAPIKey(a.located(r), p, wish.label, wish.scopes, wish.expires)
	return CreatedKey{key, row}, err
}

// CreateAPIKey answers what CheckCreateAPIKey decides. The answer is the only
// place in which the key is ever shown.
func (a *Auth) CreateAPIKey(w http.ResponseWriter, r *http.Request) {
	k, err := a.CheckCreateAPIKey(r)
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.APIKeyCreated(k).Write(w)
}

// CheckRevokeAPIKey ends the API key of the user who is signed in that has this
// ID, for DELETE. If id is empty, it is that of the path, as EndSession describes. It
// is committed when CheckRevokeAPIKey returns nil, and runs to
// its end also if the client disconnects, as CheckLogout does.
func (a *Auth) CheckRevokeAPIKey(r *http.Request, id string) error {
	r = undisturbed(r)
	p, err := a.keyOwner(r, http.MethodDelete)
	if err != nil {
		return err
	}
	return found(a.tokens.RevokeAPIKey(a.located(r), p.Subject, pathID(r, id)))
}

// RevokeAPIKey answers what CheckRevokeAPIKey decides. The ID is in the path, as that
// of EndSession is.
func (a *Auth) RevokeAPIKey(w http.ResponseWriter, r *http.Request) {
	a.done(w, r, a.CheckRevokeAPIKey(r, ""))
}

// errNoKeys means that the handler is mounted but tokens.Config.APIKeys is nil.
var errNoKeys = errors.New("middleware: the Authority has no APIKeys")

func (a *Auth) keyOwner(r *http.Request, methods ...string) (tokens.Principal, error) {
	p, err := a.signedIn(r, methods...)
	if err == nil && !a.tokens.ExchangesKeys() {
		err = wire.NewError(wire.ReasonInternal, errNoKeys)
	}
	return p, err
}

// keyWish is what a new key is to be.
type keyWish struct {
	label   string
	scopes  []string
	expires time.Time
}

var errKeyWish = errors.New("the body has a member that is not read here, or one of another type")

func (a *Auth) readKeyWish(r *http.Request) (keyWish, error) {
	object, err := wire.ReadObject(r, a.reads())
	if err != nil {
		return keyWish{}, err
	}
	var wish keyWish
	for name, value := range object {
		ok := false
		switch name {
		case "label":
			wish.label, ok = value.(string)
		case "scope":
			var scope string
			if scope, ok = value.(string); ok {
				if wish.scopes, err = tokens.ParseScope(scope); err != nil {
					return keyWish{}, err
				}
			}
		case "expires_in":
			var seconds float64
			seconds, ok = value.(float64)
			ok = ok && seconds >= 1 && seconds <= maxExpiresIn && seconds == math.Trunc(seconds)
			wish.expires = a.now().Add(time.Duration(seconds) * time.Second)
		}
		if !ok { // a misspelt end must not make a key without one
			return keyWish{}, wire.NewError(wire.ReasonMalformed, errKeyWish)
		}
	}
	return wish, nil
}

// maxExpiresIn is a hundred years, in seconds.
const maxExpiresIn = 100 * 365 * 24 * 60 * 60

type keyJSON struct {
	ID         string     `json:"id"`
	Key        string     `json:"key,omitempty"`
	Label      string     `json:"label"`
	Scope      string     `json:"scope,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

func newKeyJSON(k store.APIKey) keyJSON {
	j := keyJSON{ID: k.ID, Label: k.Label, Scope: strings.Join(k.Scopes, " "), CreatedAt: k.CreatedAt}
	if !k.ExpiresAt.IsZero() {
		j.ExpiresAt = &k.ExpiresAt
	}
	if !k.LastUsedAt.IsZero() {
		j.LastUsedAt = &k.LastUsedAt
	}
	return j
}

// APIKeysListed answers with keys, in the order that they have. No key can be
// made from what it says.
func (*Auth) APIKeysListed(keys []store.APIKey) wire.Answer {
	body := struct {
		Keys []keyJSON `json:"api_keys"`
	}{[]keyJSON{}}
	for _, k := range keys {
		body.Keys = append(body.Keys, newKeyJSON(k))
	}
	return wire.JSON(http.StatusOK, body)
}

// APIKeyCreated answers with a new key: 201.
func (*Auth) APIKeyCreated(k CreatedKey) wire.Answer {
	j := newKeyJSON(k.APIKey)
	j.Key = string(k.Key)
	return wire.JSON(http.StatusCreated, j)
}
