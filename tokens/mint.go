package tokens

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// pairOf makes the tokens of a session as it will be.
func (a *Authority) pairOf(
	ctx context.Context, u store.User, s store.Session, secret sessionSecret, c client, granted, asked []string,
) (Pair, error) {
	p, err := a.pair(ctx, u, originOf(s, c), granted, asked, s.ExpiresAt)
	if err != nil {
		return Pair{}, err
	}
	p.RefreshToken, p.RefreshExpiresIn = a.refresh.make(presented{secret, s.Generation}), s.IdleUntil.Sub(a.now()).Truncate(time.Second)
	return p, nil
}

// origin is the source of an access token: its client, and its session or API
// key, by the "sid".
type origin struct {
	clientID, sid string

	// key: it is an API key, of an owner of this kind.
	key  bool
	kind store.OwnerKind

	// narrow: a session or a client limits the scopes, even if the user has no more.
	narrow bool

	// at is when the user was authenticated, if that is known, and methods is how.
	at      time.Time
	methods []string

	// actor is who acts for the user. Empty: the user.
	actor string
}

func originOf(s store.Session, c client) origin {
	return origin{
		clientID: s.ClientID, sid: s.ID, narrow: len(s.Scopes)+len(c.Scopes) > 0,
		at: s.AuthenticatedAt, methods: s.Methods, actor: s.Actor,
	}
}

// restricted reports whether an access token may do less than its user. If the
// user holds no scope, it does if a limit would narrow the scopes of a user who
// has some.
func (o origin) restricted(u store.User, granted []string) bool {
	switch {
	case o.key, o.actor != "":
		return true
	case len(u.Scopes) == 0:
		return o.narrow
	}
	return len(granted) < distinct(u.Scopes)
}

// classOf returns the "acr" of a user who was authenticated by these methods.
func (a *Authority) classOf(methods []string) string {
	if a.contextClass == nil || len(methods) == 0 {
		return ""
	}
	return a.contextClass(slices.Clone(methods))
}

// pair makes an access token. The token expires at end at the latest, unless end
// is zero.
func (a *Authority) pair(ctx context.Context, u store.User, from origin, granted, asked []string, end time.Time) (Pair, error) {
	now := a.clock()
	key := a.keys.Current().Signer(now)
	if key == nil { // NewRing has checked that one signs at any time
		return Pair{}, unavailable("keys", errors.New("none signs"))
	}
	issued := now.Unix()
	expires := issued + int64(a.accessTTL/time.Second)
	if !end.IsZero() {
		expires = min(expires, end.Unix())
	}
	if !key.RetiresAt().IsZero() {
		expires = min(expires, key.RetiresAt().Unix())
	}
	if expires <= issued {
		return Pair{}, errOver
	}
	times := [...]int64{expires, issued - clockDifference, issued}
	c := claims{
		Issuer: a.issuer, Subject: u.ID,
		ExpiresAt: &times[0], NotBefore: &times[1], IssuedAt: &times[2],
		TokenID: rand.Text(), ClientID: from.clientID, SessionID: from.sid, Scope: strings.Join(granted, " "),
		Account: u.Account, Tier: u.Tier, Seats: max(u.Seats, 1), Restricted: from.restricted(u, granted),
		Methods: from.methods, ContextClass: a.classOf(from.methods), SubjectKind: string(from.kind),
	}
	if from.actor != "" {
		c.Actor = &actor{from.actor}
	}
	if c.ContextClass != "" && !isScopeToken(c.ContextClass) {
		return Pair{}, fmt.Errorf("%w: Config.ContextClass must return a text of RFC 6749 §3.3's scope-token, or none", ErrClaims)
	}
	if !from.at.IsZero() {
		authenticated := from.at.Unix()
		c.AuthenticatedAt = &authenticated
	}
	p := Pair{
		ExpiresIn: time.Duration(expires-issued) * time.Second,
		Narrowed:  !slices.Equal(both(asked, asked), both(asked, granted)),
	}
	var extra map[string]any
	if a.claims != nil {
		var err error
		if extra, err = a.claims(ctx, u); err != nil {
			return Pair{}, unavailable("claims", err)
		}
	}
	token, principal, err := mint(key, minted{c, a.audience}, extra)
	if err != nil {
		return Pair{}, err
	}
	p.AccessToken, p.Principal = Secret(token), principal
	return p, nil
}
