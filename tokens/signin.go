package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// SignInRequest asks for a session of a user whom the host has authenticated itself:
// with single sign-on, a magic link, a passkey or a code.
type SignInRequest struct {
	// UserID is required: the ID of the user, from 1 to 512 bytes of UTF-8 without NUL.
	UserID string

	// CredentialVersion is that of the user when the host began to authenticate them, if
	// what was shown depends on their credentials: a magic link that was sent before the
	// password changed must not open a session after it. SignIn returns
	// ErrBadCredentials if it is not the user's any more. Empty: it is not compared.
	CredentialVersion string

	// Methods are how the user was authenticated, by the names of RFC 8176 §2, for
	// example "otp", "hwk" or those of an identity provider's "amr": at most 16, each a
	// scope-token (RFC 6749 §3.3) of 1 to 128 bytes. Access tokens have them as "amr".
	// Empty: it is not known. It must be empty with Actor.
	Methods []string

	// AuthenticatedAt is when the user was authenticated, for example an identity
	// provider's "auth_time". Access tokens have it as "auth_time". A time in the future
	// counts as now. Zero: now. It must be zero with Actor.
	AuthenticatedAt time.Time

	// ClientID is the OAuth client that the session is bound to, as in LoginRequest.
	// The client needs no grant: the host calls SignIn, and not the client.
	ClientID string

	// ClientSecret is the client's secret, as in LoginRequest.
	ClientSecret Secret

	// ClientAsSent is as in LoginRequest.
	ClientAsSent ClientCredentials

	// Scopes is the requested scope, as in LoginRequest.
	Scopes []string

	// Label tells the user later which session this is, as in LoginRequest. It must be
	// empty with Actor.
	Label string

	// AccessOnly returns no refresh token, as in LoginRequest.
	AccessOnly bool

	// MaxAccess is the maximum length of the access token, as in LoginRequest.
	MaxAccess int

	// Actor is the ID of who acts for the user, for example of support staff, at most
	// 512 bytes of UTF-8 without NUL. The host decides who may. It must differ from
	// UserID.
	//
	// The access token names the Actor ("act", RFC 8693 §4.1), so do the events and the
	// user's list of sessions, where the user can end the session like any other. There
	// is no refresh token, and the access token is Restricted: it manages no sessions and
	// keys of the user, unless its scope is the AccountScope of package middleware. It
	// says neither when nor how the user was authenticated, because they were not. Such
	// sessions do not count for Config.MaxSessions. Empty: the user acts for themselves.
	Actor string

	// Reason is why the Actor acts for the user, for example "ticket 4711". It is
	// required with Actor: text of which 1 to 200 bytes can be printed. The event has
	// it, and the user sees it as the Label of the session. Empty without Actor.
	Reason string

	// Until is when the session of the Actor ends. It is required with Actor, and must
	// be at least 1 s ahead. The access token ends then, or after Config.AccessTTL if
	// that is earlier, and the session with it. Zero without Actor.
	Until time.Time
}

// Check reports whether the form of the request is valid. It does not call the store.
// SignIn makes the same check first.
//
// It returns ErrMalformed, or ErrInvalidScope for invalid Scopes.
func (r SignInRequest) Check() error {
	if err := checkClientID(r.ClientID, r.ClientAsSent); err != nil {
		return err
	}
	if err := checkScopes(r.Scopes); err != nil {
		return err
	}
	for _, wrong := range []struct {
		is   bool
		what string
	}{
		{r.UserID == "" || !isString(r.UserID), "UserID must be 1 to 512 bytes of UTF-8 without NUL"},
		{!isString(r.CredentialVersion), "CredentialVersion must be at most 512 bytes of UTF-8 without NUL"},
		{!areMethods(r.Methods), "Methods " + badMethods},
		{!r.AuthenticatedAt.IsZero() && r.AuthenticatedAt.Unix() <= 0, "AuthenticatedAt must be after 1970"},
		{!isString(r.Actor) || r.Actor != "" && r.Actor == r.UserID, "Actor must be another than UserID, at most 512 bytes of UTF-8 without NUL"},
		{r.Actor == "" && (r.Reason != "" || !r.Until.IsZero()), "Reason and Until require Actor"},
		{r.Actor != "" && (label(r.Reason) == "" || r.Until.IsZero()), "Actor requires Reason and Until"},
		{r.Actor != "" && (r.Label != "" || len(r.Methods) > 0 || !r.AuthenticatedAt.IsZero()), "Label, Methods and AuthenticatedAt must be empty with Actor"},
	} {
		if wrong.is {
			return fmt.Errorf("%w: SignInRequest.%s", ErrMalformed, wrong.what)
		}
	}
	return nil
}

// SignIn returns tokens for a new session of a user whom the host has authenticated
// itself, or for whom an Actor acts. It does all that Login does but look at a
// password: it authenticates the client, reads the user, grants the scope, enforces
// Config.MaxSessions and reports events.Login.
//
// A sign-in that fails leaves no token that is accepted. At the end the user is read
// again, as in Login.
//
// It returns ErrInvalidClient, ErrBadCredentials if there is no such user or they may
// not log in, ErrInvalidScope, ErrMalformed, ErrClaims or ErrUnavailable.
func (a *Authority) SignIn(ctx context.Context, r SignInRequest) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	p, err := a.signIn(ctx, r)
	e := event(events.Login, p.Principal)
	if err != nil {
		e = events.Event{
			Kind: failure(err, events.LoginRefused), UserID: printable(r.UserID), ClientID: printable(r.ClientID), Actor: printable(r.Actor), Err: err,
		}
	}
	e.Reason = label(r.Reason)
	a.Report(ctx, e)
	return p, err
}

func (a *Authority) signIn(ctx context.Context, r SignInRequest) (Pair, error) {
	if err := r.Check(); err != nil {
		return Pair{}, err
	}
	c, err := a.authenticateEither(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent)
	if err != nil {
		return Pair{}, err
	}
	user, err := a.user(ctx, r.UserID, ErrBadCredentials)
	switch {
	case err != nil:
		return Pair{}, err
	case outdated(r.CredentialVersion, user):
		return Pair{}, fmt.Errorf("%w: %w", ErrBadCredentials, errMoved)
	case !c.isOf(user):
		return Pair{}, fmt.Errorf("%w: the client is another's account", ErrBadCredentials)
	}
	granted, err := grant(held(user.Scopes, c.Scopes), r.Scopes)
	if err != nil {
		return Pair{}, err
	}
	s, secret := a.newSession(user, c, r.Label)
	signedIn(&s, r)
	p, err := a.begin(ctx, user, s, secret, c, beginning{
		narrow: len(r.Scopes) > 0, granted: granted, asked: r.Scopes, accessOnly: r.AccessOnly, maxAccess: r.MaxAccess,
	})
	if errors.Is(err, errOver) {
		return Pair{}, fmt.Errorf("%w: SignInRequest.Until must be at least 1 s ahead", ErrMalformed)
	}
	return p, err
}

// signedIn writes into a new session how its user was authenticated, or who acts for
// them.
func signedIn(s *store.Session, r SignInRequest) {
	if r.Actor != "" {
		s.Actor, s.Label = r.Actor, label(r.Reason)
		s.ExpiresAt = earlier(s.ExpiresAt, r.Until.UTC().Truncate(time.Microsecond))
		s.IdleUntil = earlier(s.IdleUntil, s.ExpiresAt)
		return
	}
	s.AuthenticatedAt, s.Methods = s.CreatedAt, both(r.Methods, r.Methods)
	if !r.AuthenticatedAt.IsZero() {
		s.AuthenticatedAt = earlier(s.CreatedAt, r.AuthenticatedAt.UTC().Truncate(time.Microsecond))
	}
}
