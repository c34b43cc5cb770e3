package middleware

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// CreatedKey is a new API key.
type CreatedKey struct {
	// Key is the key itself. It is not stored and cannot be read again.
	Key tokens.Secret

	// APIKey is its row in the store.
	APIKey store.APIKey
}

// KeyList is a page of the API keys of one user, the newest first.
type KeyList struct {
	// Keys are the keys, the newest first.
	Keys []store.APIKey

	// Next is the parameter after of the page behind this one. Empty: this is the
	// last.
	Next string
}

// CheckAPIKeys returns a page of the API keys of the user who is signed in that are
// not revoked, expired ones too. The URL selects the page as that of CheckSessions.
// The user is that of the principal in the request's context, or else of its access
// token. The method must be GET or HEAD. The access token must satisfy
// Config.AccountScope.
func (a *Auth) CheckAPIKeys(r *http.Request) (KeyList, error) {
	list, err := a.checkAPIKeys(r)
	return list, a.told(r, "APIKeys", err)
}

func (a *Auth) checkAPIKeys(r *http.Request) (KeyList, error) {
	p, err := a.keyOwner(r, http.MethodGet, http.MethodHead)
	if err != nil {
		return KeyList{}, err
	}
	page, err := pageOf(r)
	if err != nil {
		return KeyList{}, err
	}
	keys, next, err := a.tokens.OwnerAPIKeys(a.located(r), p.Owner(), page)
	return KeyList{keys, next}, err
}

// APIKeys is a handler that writes the API keys of CheckAPIKeys as JSON, without
// the keys themselves.
func (a *Auth) APIKeys(w http.ResponseWriter, r *http.Request) {
	keys, err := a.CheckAPIKeys(r)
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.APIKeysListed(keys).Write(w)
}

// CheckCreateAPIKey creates an API key for the user who is signed in. The method
// must be POST. The access token must satisfy Config.AccountScope. The body is a
// JSON object with Content-Type application/json:
//
//	{"label": "CI of the shop", "scope": "read write", "expires_in": 7776000, "networks": ["192.0.2.0/24"]}
//
// All members are optional, and no other is allowed. Without scope the key has
// that of the access token, and it never has more. expires_in is in seconds, 1 to
// 3153600000; without it the key does not expire. networks are where the key may be
// exchanged, 1 to 32 texts as [tokens.ParseNetworks] reads them; without it anywhere.
// See [tokens.Authority.CreateOwnAPIKey].
func (a *Auth) CheckCreateAPIKey(r *http.Request) (CreatedKey, error) {
	key, err := a.checkCreateAPIKey(r)
	return key, a.told(r, "CreateAPIKey", err)
}

func (a *Auth) checkCreateAPIKey(r *http.Request) (CreatedKey, error) {
	p, err := a.keyOwner(r, http.MethodPost)
	if err != nil {
		return CreatedKey{}, err
	}
	wish, err := a.readKeyWish(r)
	if err != nil {
		return CreatedKey{}, err
	}
	key, row, err := a.tokens.CreateOwnAPIKey(a.located(r), p, wish)
	return CreatedKey{key, row}, err
}

// CreateAPIKey is a handler that creates the API key of CheckCreateAPIKey and
// writes it with 201. The response is the only place in which the key is ever
// shown.
func (a *Auth) CreateAPIKey(w http.ResponseWriter, r *http.Request) {
	k, err := a.CheckCreateAPIKey(r)
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.APIKeyCreated(k).Write(w)
}

// CheckReplaceAPIKey creates a new API key in the place of one of the user who is
// signed in, for a rotation. Its ID is as in CheckRevokeAPIKey, so that the route is
// POST beside the DELETE of that. The access token must satisfy Config.AccountScope. The
// body is a JSON object with Content-Type application/json:
//
//	{"overlap": 3600, "expires_in": 7776000}
//
// Both members are optional, and no other is allowed. overlap is how long the old key
// keeps working, in whole seconds from 0, at most [tokens.Config].KeyOverlap, which it
// is by default. expires_in is as in CheckCreateAPIKey; without it the new key lasts as
// long as the old one did. A user without such a key, or whose key does not work any
// more, gets ReasonNotFound, and one whose key has a successor that works gets
// ReasonReplaced. See [tokens.Authority.ReplaceOwnAPIKey].
func (a *Auth) CheckReplaceAPIKey(r *http.Request, id string) (CreatedKey, error) {
	key, err := a.checkReplaceAPIKey(r, id)
	return key, a.told(r, "ReplaceAPIKey", err)
}

func (a *Auth) checkReplaceAPIKey(r *http.Request, id string) (CreatedKey, error) {
	p, err := a.keyOwner(r, http.MethodPost)
	if err != nil {
		return CreatedKey{}, err
	}
	wish, err := a.readReplacement(r)
	if err != nil {
		return CreatedKey{}, err
	}
	key, row, err := a.tokens.ReplaceOwnAPIKey(a.located(r), p, pathID(r, id), wish)
	if errors.Is(err, tokens.ErrInvalidKey) {
		err = wire.NewError(wire.ReasonNotFound, err)
	}
	return CreatedKey{key, row}, err
}

// ReplaceAPIKey is a handler that creates the API key of CheckReplaceAPIKey and writes
// it with 201. The response is the only place in which the key is ever shown.
func (a *Auth) ReplaceAPIKey(w http.ResponseWriter, r *http.Request) {
	k, err := a.CheckReplaceAPIKey(r, "")
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.APIKeyCreated(k).Write(w)
}

// CheckRevokeAPIKey ends the API key with this ID of the user who is signed in.
// If id is empty, the ID is taken from the path, as EndSession describes. The
// method must be DELETE. The access token must satisfy Config.AccountScope. When
// it returns nil, the revocation is committed. It completes even if the client
// disconnects. A user without such a key gets ReasonNotFound.
func (a *Auth) CheckRevokeAPIKey(r *http.Request, id string) error {
	r = undisturbed(r)
	p, err := a.keyOwner(r, http.MethodDelete)
	if err == nil {
		err = found(a.tokens.RevokeAPIKey(a.located(r), p.Owner(), pathID(r, id)))
	}
	return a.told(r, "RevokeAPIKey", err)
}

// RevokeAPIKey is a handler that ends the API key of CheckRevokeAPIKey, and
// writes 204. Its ID is in the path, as that of EndSession is.
func (a *Auth) RevokeAPIKey(w http.ResponseWriter, r *http.Request) {
	a.done(w, r, a.CheckRevokeAPIKey(r, ""))
}

// errNoKeys means that the handler is mounted but tokens.Config.APIKeys is nil.
var errNoKeys = errors.New("middleware: tokens.Config.APIKeys is nil: the handlers of API keys cannot work")

func (a *Auth) keyOwner(r *http.Request, methods ...string) (tokens.Principal, error) {
	p, err := a.signedIn(r, methods...)
	if err == nil && !a.tokens.ExchangesKeys() {
		err = a.unworkable(r, errNoKeys)
	}
	return p, err
}

// keyWish are the members of a request for a new key, and replacementWish those of one in
// the place of another.
var (
	keyWish = []wire.Param{
		{Name: "label"},
		{Name: "scope"},
		{Name: "expires_in", Type: typeInteger, Least: 1, Most: maxExpiresIn},
		{Name: "networks", Type: typeArray, Least: 1, Most: store.MaxNetworks},
	}
	replacementWish = []wire.Param{
		{Name: "overlap", Type: typeInteger, Most: maxExpiresIn},
		{Name: "expires_in", Type: typeInteger, Least: 1, Most: maxExpiresIn},
	}
)

const (
	typeInteger = "integer"
	typeArray   = "array"

	// maxExpiresIn is a hundred years, in seconds.
	maxExpiresIn = 100 * 365 * 24 * 60 * 60
)

var errKeyWish = errors.New("the body has a member that is not read here, or one of another type")

// readWish reads a JSON object that has no other members than these: a misspelt
// expires_in must not create a key without an expiry.
func (a *Auth) readWish(r *http.Request, members []wire.Param) (map[string]any, error) {
	object, err := wire.ReadObject(r, a.reads())
	if err != nil {
		return nil, err
	}
	for name, value := range object {
		i := slices.IndexFunc(members, func(m wire.Param) bool { return m.Name == name })
		if i < 0 || !isOf(members[i], value) {
			return nil, wire.NewError(wire.ReasonMalformed, errKeyWish)
		}
	}
	return object, nil
}

// isOf reports whether a value is one of a member. What an array holds is not looked at.
func isOf(m wire.Param, value any) bool {
	switch m.Type {
	case typeInteger:
		n, ok := value.(float64)
		return ok && n >= float64(m.Least) && n <= float64(m.Most) && n == math.Trunc(n)
	case typeArray:
		return true
	}
	_, ok := value.(string)
	return ok
}

// readKeyWish reads the request for a new key.
func (a *Auth) readKeyWish(r *http.Request) (wish tokens.KeyOptions, err error) {
	object, err := a.readWish(r, keyWish)
	if err != nil {
		return tokens.KeyOptions{}, err
	}
	wish.Label, _ = object["label"].(string)
	if scope, ok := object["scope"].(string); ok {
		if wish.Scopes, err = tokens.ParseScope(scope); err != nil {
			return tokens.KeyOptions{}, err
		}
	}
	if networks, ok := object["networks"]; ok {
		if wish.Networks, err = networksOf(networks); err != nil {
			return tokens.KeyOptions{}, err
		}
	}
	wish.Expires = a.inSeconds(object["expires_in"])
	return wish, nil
}

// readReplacement reads the request for a new key in the place of another.
func (a *Auth) readReplacement(r *http.Request) (tokens.Replacement, error) {
	object, err := a.readWish(r, replacementWish)
	if err != nil {
		return tokens.Replacement{}, err
	}
	return tokens.Replacement{Until: a.inSeconds(object["overlap"]), Expires: a.inSeconds(object["expires_in"])}, nil
}

// inSeconds returns the time that is a whole number of seconds from now, or the zero time
// without one.
func (a *Auth) inSeconds(value any) time.Time {
	seconds, ok := value.(float64)
	if !ok {
		return time.Time{}
	}
	return a.now().Add(time.Duration(seconds) * time.Second)
}

// networksOf reads networks from a JSON value. No empty list: a key that was narrowed to
// no network must not be one that may be used anywhere.
func networksOf(value any) ([]netip.Prefix, error) {
	wrong := func(cause error) error {
		e := wire.NewError(wire.ReasonMalformed, cause)
		e.Description = "networks must be 1 to 32 addresses or networks in CIDR notation, without bits behind their length"
		return e
	}
	list, ok := value.([]any)
	if !ok || len(list) == 0 || len(list) > store.MaxNetworks {
		return nil, wrong(errKeyWish)
	}
	texts := make([]string, len(list))
	for i, item := range list {
		if texts[i], ok = item.(string); !ok {
			return nil, wrong(errKeyWish)
		}
	}
	networks, err := tokens.ParseNetworks(texts)
	if err != nil {
		return nil, wrong(err)
	}
	return networks, nil
}

type keyJSON struct {
	ID         string     `json:"id"`
	Key        string     `json:"key,omitempty"`
	Hint       string     `json:"hint,omitempty"`
	Label      string     `json:"label"`
	Scope      string     `json:"scope,omitempty"`
	Networks   []string   `json:"networks,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	ReplacedBy string     `json:"replaced_by,omitempty"`
}

func newKeyJSON(k store.APIKey) keyJSON {
	j := keyJSON{ID: k.ID, Hint: k.Hint, Label: k.Label, Scope: strings.Join(k.Scopes, " "), CreatedAt: k.CreatedAt, ReplacedBy: k.Successor}
	for _, network := range k.Networks {
		j.Networks = append(j.Networks, network.String())
	}
	if !k.ExpiresAt.IsZero() {
		j.ExpiresAt = &k.ExpiresAt
	}
	if !k.LastUsedAt.IsZero() {
		j.LastUsedAt = &k.LastUsedAt
	}
	return j
}

// APIKeysListed returns the response with keys, in their order. It does not
// contain the keys themselves.
func (a *Auth) APIKeysListed(list KeyList) wire.Answer {
	body := struct {
		Keys []keyJSON `json:"api_keys"`
		Next string    `json:"next,omitempty"`
	}{[]keyJSON{}, list.Next}
	for _, k := range list.Keys {
		body.Keys = append(body.Keys, newKeyJSON(k))
	}
	return a.varying(wire.JSON(http.StatusOK, body))
}

// APIKeyCreated returns the response with a new key: 201.
func (a *Auth) APIKeyCreated(k CreatedKey) wire.Answer {
	j := newKeyJSON(k.APIKey)
	j.Key = string(k.Key)
	return a.varying(wire.JSON(http.StatusCreated, j))
}
