package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/internal/caller"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// maxPassword is the maximum length of a password that is hashed, in bytes.
const maxPassword = 4096

// LoginRequest is a login with a name and a password. It needs no client: how an
// application is authenticated depends on Config.Clients.
type LoginRequest struct {
	// Login is required: what the user typed as their name, from 1 to 512 bytes of
	// UTF-8 without NUL.
	Login string

	// SameLogin is the form that all spellings of Login have in common, if the host
	// knows it. Only the pseudonym in events is made of it. Empty: Login.
	SameLogin string

	// Password is what the user typed as their password, at most 4096 bytes of UTF-8
	// without NUL.
	Password Secret

	// ClientID is the OAuth client that the session is bound to, at most 512 bytes.
	// Empty: Config.DefaultClient or, if that is empty, none.
	ClientID string

	// ClientSecret is the client's secret. It is required if Config.Clients has a
	// secret for the client, and ignored otherwise.
	ClientSecret Secret

	// ClientAsSent is another reading of the client's credentials, which is tried as
	// well: HTTP Basic as it was sent, by a client that did not form-encode its ID and
	// secret (RFC 6749 §2.3.1). ClientID and ClientSecret are the decoded ones then.
	// The zero value means that there is one reading only.
	ClientAsSent ClientCredentials

	// Scopes is the requested scope, at most 64 scope-tokens (RFC 6749 §3.3). All of
	// it is granted, and the session never gets more. A scope that the user does not
	// hold, or that the client may not have, is ErrInvalidScope. Nil: all scopes
	// that the user holds and the client may have, evaluated again at each refresh.
	// Empty and not nil: ErrInvalidScope.
	Scopes []string

	// IgnoreUnknownScopes removes from Scopes what the user does not hold, for
	// clients of APIs that ignored scopes. If nothing is left, the login is handled
	// as if Scopes were nil. A scope that the user holds and the client may not have
	// is still ErrInvalidScope. False: a scope that the user does not hold is
	// ErrInvalidScope.
	IgnoreUnknownScopes bool

	// Label tells the user later which session this is, for example "Firefox on
	// Linux". Characters that cannot be printed are removed, and it is cut at 200
	// bytes.
	Label string

	// AccessOnly returns no refresh token, for a caller that cannot keep one. If
	// Config.Revocations is set, the access token still has a session of its own,
	// which ends with it: Sessions lists it, Logout and LogoutEverywhere end it, and
	// Config.MaxSessions does not count it. Without Revocations the store keeps
	// nothing of such a login, and only the expiry ends the token. The token cannot
	// create API keys.
	AccessOnly bool

	// MaxAccess is the maximum length of the access token, in bytes, for a caller
	// whose transport limits it, such as a cookie. For a longer one Login returns
	// ErrClaims and creates no session. Zero: MaxAccessToken.
	MaxAccess int

	// BeforePassword, if not nil, is called after the client is authenticated and
	// before the store checks the password. If it returns an error, Login returns
	// that error unchanged and reports no event. Use it to count the attempt.
	BeforePassword func(context.Context) error
}

// Login checks a user's password and returns tokens for a new session. It checks
// the form of the request first, then it authenticates the client, and only then
// does the store check the password. A login that fails leaves no token that is
// accepted.
//
// At the end the user is read again. If their credentials have changed since the
// password was verified (see [store.User].CredentialVersion), or if they may no
// longer log in, the session is revoked and Login returns ErrBadCredentials. So a
// login with the old password that runs while the password changes returns no
// tokens.
//
// Login does not limit attempts: middleware does. It reports events.Login, or an
// event of the error.
//
// It returns ErrInvalidClient, ErrUnauthorizedClient, ErrBadCredentials, ErrRefused,
// ErrSecondFactor,
// ErrInvalidScope, ErrMalformed, ErrClaims, ErrUnavailable, or the error of
// BeforePassword.
func (a *Authority) Login(ctx context.Context, r LoginRequest) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	p, err := a.login(ctx, r)
	if stop := stoppedBy(err); stop != nil {
		return Pair{}, stop
	}
	e := event(events.Login, p.Principal)
	if err != nil {
		e = events.Event{Kind: failure(err, events.LoginRefused), UserID: refusedUser(err), ClientID: printable(r.ClientID), Err: err}
		if is[*StepError](err) {
			e.Kind = events.LoginStep
		}
		if e.Kind == events.LoginRefused {
			e.LoginPseudonym = a.LoginPseudonym(cmp.Or(r.SameLogin, r.Login))
		}
	}
	a.Report(ctx, e)
	return p, err
}

func (a *Authority) login(ctx context.Context, r LoginRequest) (Pair, error) {
	if err := r.Check(); err != nil {
		return Pair{}, err
	}
	c, err := a.admit(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent, GrantPassword)
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
	if errors.Is(err, ErrSecondFactor) && a.secondFactor != nil {
		return Pair{}, a.beginStep(ctx, r, c, err)
	}
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

	s, secret := a.newSession(user, c, r.Label)
	s.AuthenticatedAt, s.Methods = s.CreatedAt, []string{methodPassword}
	return a.begin(ctx, user, s, secret, c, beginning{
		narrow: len(asked) > 0, granted: granted, asked: r.Scopes, accessOnly: r.AccessOnly, maxAccess: r.MaxAccess,
	})
}

// beginning is what a request wants of its new session.
type beginning struct {
	narrow         bool     // granted limits the session
	granted, asked []string // scopes; nil asks for all
	accessOnly     bool
	maxAccess      int
	before         func(context.Context) error // the last step before the session is written; nil: none
}

// begin makes the tokens of a new session, and writes it last.
func (a *Authority) begin(ctx context.Context, u store.User, s store.Session, secret sessionSecret, c client, b beginning) (Pair, error) {
	if b.narrow {
		s.Scopes = b.granted
	}
	refreshes := !b.accessOnly && s.Actor == "" && c.mayRefresh() == nil
	p, err := a.firstPair(ctx, u, &s, secret, c, refreshes, b)
	if err == nil {
		err = p.fits(b.maxAccess)
	}
	if err == nil && b.before != nil {
		err = b.before(ctx)
	}
	if err == nil {
		err = a.openSession(ctx, u, s, refreshes)
	}
	if err != nil {
		return Pair{}, err
	}
	return p, nil
}

// isWritten reports whether the store has a row of a session. Without a refresh token
// a row is for the deny list, or for the user to see who acts for them.
func (a *Authority) isWritten(s store.Session, refreshes bool) bool {
	return refreshes || a.revocations != nil || s.Actor != ""
}

// openSession writes the session of a login whose tokens have been made, if it
// has one. Its last check is whether they may be returned.
func (a *Authority) openSession(ctx context.Context, u store.User, s store.Session, refreshes bool) error {
	written := a.isWritten(s, refreshes)
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
// session, or a session that ends with the access token: see isWritten.
func (a *Authority) firstPair(
	ctx context.Context, u store.User, s *store.Session, secret sessionSecret, c client, refreshes bool, b beginning,
) (Pair, error) {
	if refreshes {
		return a.pairOf(ctx, u, *s, secret, c, b.granted, b.asked)
	}
	from := originOf(*s, c)
	if !a.isWritten(*s, refreshes) {
		from.sid = ""
	}
	var end time.Time
	if s.Actor != "" {
		end = s.ExpiresAt
	}
	p, err := a.pair(ctx, u, from, b.granted, b.asked, end)
	s.IdleUntil, s.ExpiresAt = p.Principal.ExpiresAt.UTC(), p.Principal.ExpiresAt.UTC()
	return p, err
}

// accessOnly reports whether a session is that of an access token without a
// refresh token. The row says so: it has not been refreshed, and it cannot last
// longer than an access token. If all sessions are as short as access tokens,
// none counts as one.
func (a *Authority) accessOnly(s store.Session) bool {
	return s.Generation == 1 && s.IdleUntil.Equal(s.ExpiresAt) &&
		s.ExpiresAt.Sub(s.CreatedAt) <= a.accessTTL && a.accessTTL < min(a.idleTTL, a.sessionTTL)
}

// errMoved means that the user's credentials have changed.
var errMoved = errors.New("the user's CredentialVersion has changed")

// unmoved reads a user again, and returns refused if they may no longer log in
// with the credentials that they had before. It is called after the row of a new
// credential was written: either unmoved sees the change, or the caller that
// reports the change sees the row.
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

// outdated reports whether the CredentialVersion of a session or a key differs
// from its user's. If either is empty, the host does not track it, or did not.
func outdated(version string, u store.User) bool {
	return version != "" && u.CredentialVersion != "" && version != u.CredentialVersion
}

// withdraw revokes a session whose tokens were not returned, even if the caller
// disconnects. It ignores errors: no token of the session is known to anyone.
func (a *Authority) withdraw(ctx context.Context, s store.Session) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	_ = a.store.RevokeSession(ctx, s.ID, a.now())
}

// is reports whether an error is or wraps one of type E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// refusedUser returns the user whom the host has refused after their password was
// right. The event of any other refusal names no user.
func refusedUser(err error) string {
	if r, ok := errors.AsType[*store.RefusalError](err); ok {
		return printable(r.UserID)
	}
	if r, ok := errors.AsType[*store.SecondFactorError](err); ok {
		return printable(r.UserID)
	}
	return ""
}

// authenticated returns the user with this login and password.
func (a *Authority) authenticated(ctx context.Context, r LoginRequest) (store.User, error) {
	address := events.AddressFrom(ctx)
	user, err := a.store.Authenticate(caller.With(ctx, address, r.Login), r.Login, string(r.Password))
	if fault, ok := errors.AsType[*store.FaultError](err); ok {
		// reported here, because the event of a rejected login does not name the user
		a.Report(ctx, events.Event{Kind: events.Fault, UserID: printable(fault.UserID), Err: fault})
		err = store.ErrBadCredentials
	}
	switch {
	case errors.Is(err, ErrContract):
		return store.User{}, unavailable("authenticate", err)
	case errors.Is(err, store.ErrBadCredentials):
		return store.User{}, fmt.Errorf("%w: %w", ErrBadCredentials, err)
	case is[*store.RefusalError](err):
		return store.User{}, fmt.Errorf("%w: %w", ErrRefused, err)
	case is[*store.SecondFactorError](err):
		return store.User{}, fmt.Errorf("%w: %w", ErrSecondFactor, err)
	case err != nil:
		return store.User{}, unavailable("authenticate", err)
	}
	return user, nil
}

// user returns the user of a session or a key as they are now, and refused if
// they may no longer log in.
func (a *Authority) user(ctx context.Context, id string, refused error) (store.User, error) {
	u, err := a.store.User(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, fmt.Errorf("%w: %w", refused, err)
	case err != nil:
		return store.User{}, unavailable("user", err)
	}
	return u, nil
}

// methodPassword is the name that RFC 8176 §2 gives to authentication by a password.
const methodPassword = "pwd"

// newSession returns a session that begins now, and its secret. It does not say how
// the user was authenticated.
func (a *Authority) newSession(u store.User, c client, name string) (store.Session, sessionSecret) {
	secret := newSessionSecret()
	now := a.now()
	ends := now.Add(a.sessionTTL)
	return store.Session{
		ID: secret.id(), UserID: u.ID, CredentialVersion: u.CredentialVersion, ClientID: c.ID, Generation: 1, CreatedAt: now, AdvancedAt: now,
		IdleUntil: earlier(now.Add(a.idleTTL), ends), ExpiresAt: ends, Label: label(name),
	}, secret
}

var errOver = errors.New("less than a second is left")

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
