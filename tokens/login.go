package tokens

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/internal/caller"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// maxPassword bounds what is hashed, in bytes.
const maxPassword = 4096

// LoginRequest is a login with a name and a password.
type LoginRequest struct {
	Login    string
	Password Secret

	// ClientID is the OAuth client that the session is bound to. Empty: none, or
	// Config.DefaultClient.
	ClientID string

	// ClientSecret is the client's secret. It is required if Config.Clients has one
	// for the client.
	ClientSecret Secret

	// Scopes is the requested scope. All of it is granted, and the session never
	// gets more. A scope that the user does not hold, or that the client may not
	// have, is ErrInvalidScope. Nil: all scopes that the user holds and the client
	// may have, evaluated again at each refresh. Empty and not nil: ErrInvalidScope.
	Scopes []string

	// IgnoreUnknownScopes drops from Scopes what the user does not hold, for clients
	// of APIs that ignored scopes. If nothing is left, the login is handled as if
	// Scopes were nil. A scope that the user holds and the client may not have is
	// still ErrInvalidScope.
	IgnoreUnknownScopes bool

	// Label tells the user later which session this is. It is cut at 200 bytes.
	Label string

	// AccessOnly returns no refresh token, and creates no session that could be
	// refreshed. If Config.Revocations is set, the access token still has a session
	// of its own, which ends with it: Sessions lists it, Logout and LogoutEverywhere
	// end it, and Config.MaxSessions does not count it. Without Revocations the
	// store keeps nothing of such a login, and only the expiry ends the token. The
	// token cannot create API keys.
	AccessOnly bool

	// MaxAccess is the maximum length of the access token, in bytes. For a longer
	// one Login returns ErrClaims and creates no session. Zero: MaxAccessToken.
	MaxAccess int

	// BeforePassword, if not nil, is called after the client is authenticated and
	// before the store checks the password. If it returns an error, Login returns
	// that error unchanged and reports no event.
	BeforePassword func(context.Context) error
}

// Login logs a user in. A login that fails leaves no credential that could be
// used. The form of the request is checked first, then the client is
// authenticated, and only then does the store check the password.
//
// At the end the user is read again. If their credentials have changed since the
// password was verified (see [store.User].CredentialVersion), or if they may no
// longer log in, the session is revoked and Login returns ErrBadCredentials. So a
// login with the old password that runs while the password changes returns no
// tokens.
//
// It returns ErrInvalidClient, ErrUnauthorizedClient, ErrBadCredentials,
// ErrInvalidScope, ErrMalformed, ErrClaims or ErrUnavailable.
func (a *Authority) Login(ctx context.Context, r LoginRequest) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	p, err := a.login(ctx, r)
	if stop := stoppedBy(err); stop != nil {
		return Pair{}, stop
	}
	e := event(events.Login, p.Principal)
	if err != nil {
		e = events.Event{Kind: failure(err, events.LoginRefused), ClientID: printable(r.ClientID), Err: err}
	}
	a.Report(ctx, e)
	return p, err
}

func (a *Authority) login(ctx context.Context, r LoginRequest) (Pair, error) {
	if err := r.Check(); err != nil {
		return Pair{}, err
	}
	c, err := a.admit(ctx, r.ClientID, r.ClientSecret, GrantPassword)
	if err != nil {
		return Pair{}, err
	}
	if err := c.mayAsk(r); err != nil {
		return Pair{}, err
	}
	if r.BeforePassword != nil {
		if err := r.BeforePassword(ctx); err != nil {
			return Pair{}, stopped{err}
		}
	}
	user, err := a.authenticated(ctx, r)
	if err != nil {
		return Pair{}, err
	}
	if !c.isOf(user) {
		return Pair{}, fmt.Errorf("%w: the client is another's account", ErrBadCredentials)
	}
	asked := r.asked(user)
	granted, err := grant(held(user.Scopes, c.Scopes), asked)
	if err != nil {
		return Pair{}, err
	}

	s := a.newSession(user, c, r.Label)
	if len(asked) > 0 {
		s.Scopes = granted
	}
	refreshes := !r.AccessOnly && c.mayRefresh() == nil
	p, err := a.firstPair(ctx, user, &s, c, refreshes, granted, r.Scopes)
	if err == nil {
		err = p.fits(r.MaxAccess)
	}
	if err == nil {
		err = a.openSession(ctx, user, s, refreshes)
	}
	if err != nil {
		return Pair{}, err
	}
	return p, nil
}

// openSession writes the session of a login whose tokens have been made, if it has
// one, and checks last of all that they may be handed out.
func (a *Authority) openSession(ctx context.Context, u store.User, s store.Session, refreshes bool) error {
	written := refreshes || a.revocations != nil
	if written {
		if err := a.store.CreateSession(ctx, s); err != nil {
			return unavailable("create session", err)
		}
	}
	if err := a.unmoved(ctx, u, ErrBadCredentials); err != nil {
		if written {
			a.withdraw(ctx, s)
		}
		return err
	}
	if !refreshes {
		return nil
	}
	return a.endOldestSessions(ctx, s)
}

// firstPair makes the tokens of a login. Without a refresh token there is no
// session, or one that ends with the access token, where that can be denied.
func (a *Authority) firstPair(ctx context.Context, u store.User, s *store.Session, c client, refreshes bool, granted, asked []string) (Pair, error) {
	if refreshes {
		return a.pairOf(ctx, u, *s, c, granted, asked)
	}
	from := origin{clientID: s.ClientID, narrow: len(s.Scopes)+len(c.Scopes) > 0}
	if a.revocations != nil {
		from.sid = sessionSID(s.ID)
	}
	p, err := a.pair(ctx, u, from, granted, asked, time.Time{})
	s.IdleUntil, s.ExpiresAt = p.Principal.ExpiresAt.UTC(), p.Principal.ExpiresAt.UTC()
	return p, err
}

// accessOnly reports whether a session is that of an access token alone, by how
// it was made: it has not been refreshed, and cannot last longer than a token.
// Where sessions are as short as access tokens, none is.
func (a *Authority) accessOnly(s store.Session) bool {
	return s.Generation == 1 && s.IdleUntil.Equal(s.ExpiresAt) &&
		s.ExpiresAt.Sub(s.CreatedAt) <= a.accessTTL && a.accessTTL < min(a.idleTTL, a.sessionTTL)
}

// errMoved: what the user can log in with has changed.
var errMoved = errors.New("the user's CredentialVersion has changed")

// unmoved reads a user again and checks that they can still log in with what they
// had when they were read before; refused is what it is if not. It is called after
// what is to be handed out was written: either this finds the change, or the
// caller that reports the change finds what was written.
func (a *Authority) unmoved(ctx context.Context, before store.User, refused error) error {
	now, err := a.user(ctx, before.ID, refused)
	switch {
	case err != nil:
		return err
	case now.CredentialVersion == "" && before.CredentialVersion != "":
		return unavailable("user", broken("User.CredentialVersion", "must be returned by User as well as by Authenticate"))
	case now.CredentialVersion != before.CredentialVersion:
		return fmt.Errorf("%w: %w", refused, errMoved)
	}
	return nil
}

// outdated reports whether the version of a session or a key is not its user's any
// more. Where either has none, the host does not track it, or did not.
func outdated(version string, u store.User) bool {
	return version != "" && u.CredentialVersion != "" && version != u.CredentialVersion
}

// withdraw revokes a session whose tokens were not returned, as well as that can be
// done, whether or not the caller still waits.
func (a *Authority) withdraw(ctx context.Context, s store.Session) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	_ = a.store.RevokeSession(ctx, s.ID, a.now())
}

// authenticated returns the user whom login and password name.
func (a *Authority) authenticated(ctx context.Context, r LoginRequest) (store.User, error) {
	address := events.AddressFrom(ctx)
	user, err := a.store.Authenticate(caller.With(ctx, address, r.Login), r.Login, string(r.Password))
	if fault, ok := errors.AsType[*store.FaultError](err); ok {
		// It names the user, which a refused login does not.
		a.Report(ctx, events.Event{Kind: events.Fault, UserID: printable(fault.UserID), Err: fault})
		err = store.ErrBadCredentials
	}
	switch {
	case errors.Is(err, store.ErrBadCredentials):
		return store.User{}, fmt.Errorf("%w: %w", ErrBadCredentials, err)
	case err != nil:
		return store.User{}, unavailable("authenticate", err)
	case user.ID == "":
		return store.User{}, unavailable("authenticate", errNameless)
	}
	return user, nil
}

// user returns the user of a session or a key as they are now, and refused if
// they may no longer enter.
func (a *Authority) user(ctx context.Context, id string, refused error) (store.User, error) {
	u, err := a.store.User(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, fmt.Errorf("%w: %w", refused, err)
	case err != nil:
		return store.User{}, unavailable("user", err)
	case u.ID != id:
		return store.User{}, unavailable("user", errors.New("the store gave another user"))
	}
	return u, nil
}

// newSession is a session that begins now.
func (a *Authority) newSession(u store.User, c client, name string) store.Session {
	now := a.now()
	ends := now.Add(a.sessionTTL)
	return store.Session{
		ID: newSessionID(), UserID: u.ID, CredentialVersion: u.CredentialVersion, ClientID: c.ID, Generation: 1, CreatedAt: now, AdvancedAt: now,
		IdleUntil: earlier(now.Add(a.idleTTL), ends), ExpiresAt: ends, Label: label(name),
	}
}

var (
	errNameless = errors.New("the store names no user")
	errOver     = errors.New("less than a second is left")
)

// pairOf makes the tokens of a session as it is about to be.
func (a *Authority) pairOf(ctx context.Context, u store.User, s store.Session, c client, granted, asked []string) (Pair, error) {
	token, err := a.refresh.make(presented{s.ID, s.Generation})
	if err != nil {
		return Pair{}, unavailable("refresh token", err)
	}
	from := origin{clientID: s.ClientID, sid: sessionSID(s.ID), narrow: len(s.Scopes)+len(c.Scopes) > 0}
	p, err := a.pair(ctx, u, from, granted, asked, s.ExpiresAt)
	if err != nil {
		return Pair{}, err
	}
	p.RefreshToken, p.RefreshExpiresIn = token, s.IdleUntil.Sub(a.now()).Truncate(time.Second)
	return p, nil
}

// origin is what an access token comes from: the client, and the session or the
// API key, named by the "sid".
type origin struct {
	clientID, sid string

	key    bool // it is an API key
	narrow bool // something narrows its scopes, whether or not its user has more
}

// restricted reports whether an access token may do less than its user. Where the
// user holds no scope, it is one that would be narrowed if they held any.
func (o origin) restricted(u store.User, granted []string) bool {
	if len(u.Scopes) == 0 {
		return o.key || o.narrow
	}
	return o.key || len(granted) < len(both(u.Scopes, u.Scopes))
}

// pair makes an access token. It does not outlive end, unless that is zero.
func (a *Authority) pair(ctx context.Context, u store.User, from origin, granted, asked []string, end time.Time) (Pair, error) {
	now := a.clock()
	key := a.keys.Current().Signer(now)
	if key == nil { // a schedule that was checked has one at any time
		return Pair{}, unavailable("keys", errors.New("none signs"))
	}
	issued := now.Unix()
	early := issued - clockDifference
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
	c := claims{
		Issuer: a.issuer, Subject: u.ID, Audience: aud{a.audience},
		ExpiresAt: &expires, NotBefore: &early, IssuedAt: &issued,
		TokenID: rand.Text(), ClientID: from.clientID, SessionID: from.sid, Scope: strings.Join(granted, " "),
		Account: u.Account, Tier: u.Tier, Seats: max(u.Seats, 1), Restricted: from.restricted(u, granted),
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
	token, principal, err := mint(key, c, extra)
	if err != nil {
		return Pair{}, err
	}
	p.AccessToken, p.Principal = Secret(token), principal
	return p, nil
}

func event(kind events.Kind, p Principal) events.Event {
	return events.Event{Kind: kind, UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID}
}

// failure is the kind of event that an error is: the store's or the host's
// fault, or else a refusal.
func failure(err error, refused events.Kind) events.Kind {
	switch {
	case errors.Is(err, ErrUnavailable):
		return unavailableKind(err)
	case errors.Is(err, ErrClaims):
		return events.Fault
	case errors.Is(err, ErrInvalidClient), errors.Is(err, ErrUnauthorizedClient):
		return events.ClientRefused
	}
	return refused
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// isText reports what a store can hold: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// isString reports what a store can hold under a name.
func isString(s string) bool { return len(s) <= maxString && isText(s) }

// printable is s where a store could hold it, and nothing else.
func printable(s string) string {
	if isString(s) {
		return s
	}
	return ""
}

// label makes of a text from outside (a User-Agent) one line of 200 bytes.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // a line end of some script, or a mark that turns a line around
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > 200 {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
