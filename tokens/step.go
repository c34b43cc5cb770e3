package tokens

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// StepError is the error of a Login whose password was right, of a user who has to show
// a second factor: see CompleteLogin. It is an ErrSecondFactor.
type StepError struct {
	// Token is the step token. It is valid for one CompleteLogin, and for nothing else.
	Token Secret

	// ExpiresIn is how long it is valid, in whole seconds.
	ExpiresIn time.Duration

	// Methods are the factors that the user may show: those of the
	// store.SecondFactorError.
	Methods []string

	cause error
}

// Error returns the text of the cause, without the token.
func (e *StepError) Error() string { return e.cause.Error() }

// Unwrap returns the cause: ErrSecondFactor and the store.SecondFactorError.
func (e *StepError) Unwrap() error { return e.cause }

// StepRequest completes a login whose first step was Login.
type StepRequest struct {
	// Token is required: the step token of a StepError.
	Token Secret

	// Method says what Code is, for Config.SecondFactor: a scope-token (RFC 6749 §3.3),
	// or empty.
	Method string

	// Code is what the user shows, for Config.SecondFactor: at most 8192 bytes of UTF-8
	// without NUL.
	Code Secret

	// ClientID is the client that presents the token, as in RefreshRequest.
	ClientID string

	// ClientSecret is the client's secret, as in RefreshRequest.
	ClientSecret Secret

	// ClientAsSent is as in LoginRequest.
	ClientAsSent ClientCredentials

	// AccessOnly returns no refresh token, as in LoginRequest.
	AccessOnly bool

	// MaxAccess is the maximum length of the access token, as in LoginRequest.
	MaxAccess int

	// BeforeFactor, if not nil, is called before Config.SecondFactor, and after all other
	// checks of the token, the client and the user. If it returns an error, CompleteLogin
	// returns that error unchanged and reports no event. Use it to count the attempt.
	BeforeFactor func(context.Context) error
}

const maxCode = 8192 // bytes

// Check reports whether the form of the request is valid, as LoginRequest.Check does.
// It does not read the token: use Authority.StepPseudonym.
//
// It returns ErrMalformed, or ErrWrongFactor for a code that no user can have.
func (r StepRequest) Check() error {
	if err := checkClientID(r.ClientID, r.ClientAsSent); err != nil {
		return err
	}
	if r.Method != "" && !isScopeToken(r.Method) {
		return fmt.Errorf("%w: method", ErrMalformed)
	}
	if len(r.Code) > maxCode || !isText(string(r.Code)) {
		return fmt.Errorf("%w: out of bounds", ErrWrongFactor)
	}
	return nil
}

// A step token is a prefix and 69 bytes in base64url:
//
//	version 1 | key 4 | secret of the step 16 | pseudonym of the login 16 | HMAC-SHA-256 32
//
// The store has a session at generation 0, under a hash of the secret. The pseudonym
// counts wrong factors together with wrong passwords of the same login.
const (
	stepVersion = 1
	pseudonym   = 16 // bytes
	stepBody    = 1 + refreshKeyID + secretBytes + pseudonym
	stepBytes   = stepBody + sha256.Size
)

// openedStep is the content of a genuine step token.
type openedStep struct {
	secret    sessionSecret
	pseudonym string
}

func (r refreshKeys) makeStep(prefix string, s openedStep) (Secret, error) {
	login, err := strict.DecodeString(s.pseudonym)
	if err != nil || len(login) != pseudonym {
		return "", errors.New("tokens: a pseudonym of another length")
	}
	b := append([]byte{stepVersion}, r.keys[0].id[:]...)
	b = append(append(b, s.secret[:]...), login...)
	sum := r.keys[0].mac(prefix, b)
	return Secret(prefix + b64(append(b, sum[:]...))), nil
}

// openStep reads a token and reports whether it is genuine. It does not call the store.
func (r refreshKeys) openStep(prefix string, token Secret) (openedStep, bool) {
	text, ok := strings.CutPrefix(string(token), prefix)
	if !ok || len(text) != strict.EncodedLen(stepBytes) || strings.ContainsAny(text, "\r\n") {
		return openedStep{}, false
	}
	b, err := strict.DecodeString(text)
	if err != nil || len(b) != stepBytes || b[0] != stepVersion {
		return openedStep{}, false
	}
	body, sum := b[:stepBody], b[stepBody:]
	for _, key := range r.keys {
		if !bytes.Equal(key.id[:], body[1:1+refreshKeyID]) {
			continue
		}
		if want := key.mac(prefix, body); hmac.Equal(sum, want[:]) {
			return openedStep{sessionSecret(body[1+refreshKeyID : stepBody-pseudonym]), b64(body[stepBody-pseudonym:])}, true
		}
	}
	return openedStep{}, false
}

func (a *Authority) stepPrefix() string { return a.prefix + "_st_" }

// CompletesLogins reports whether Config.SecondFactor is set.
func (a *Authority) CompletesLogins() bool { return a.secondFactor != nil }

// StepPseudonym returns the LoginPseudonym of the login that a step token was made for.
// It returns false if the token is not genuine. It does not call the store, so the
// token may be used or expired.
func (a *Authority) StepPseudonym(token Secret) (string, bool) {
	s, ok := a.refresh.openStep(a.stepPrefix(), token)
	return s.pseudonym, ok
}

// beginStep writes the session of a step, and returns its StepError. required is an
// ErrSecondFactor.
func (a *Authority) beginStep(ctx context.Context, r LoginRequest, c client, required error) error {
	f, _ := errors.AsType[*store.SecondFactorError](required)
	if f.UserID == "" {
		return unavailable("authenticate", broken("SecondFactorError.UserID", "must not be empty if Config.SecondFactor is set"))
	}
	user, err := a.user(ctx, f.UserID, ErrBadCredentials)
	switch {
	case err != nil:
		return err
	case f.CredentialVersion == "" && user.CredentialVersion != "":
		return unavailable("authenticate", broken("SecondFactorError.CredentialVersion", "must be that of the row whose password was verified"))
	case f.CredentialVersion != user.CredentialVersion:
		return fmt.Errorf("%w: %w", ErrBadCredentials, errMoved)
	case !c.isOf(user):
		return fmt.Errorf("%w: the client is another's account", ErrBadCredentials)
	}
	asked := r.asked(user)
	granted, err := grant(held(user.Scopes, c.Scopes), asked)
	if err != nil {
		return err
	}
	s, secret := a.newSession(user, c, r.Label)
	s.Generation, s.AuthenticatedAt, s.Methods = 0, s.CreatedAt, []string{methodPassword}
	s.ExpiresAt = earlier(s.ExpiresAt, s.CreatedAt.Add(a.stepTTL))
	s.IdleUntil = s.ExpiresAt
	if len(asked) > 0 {
		s.Scopes = granted
	}
	token, err := a.refresh.makeStep(a.stepPrefix(), openedStep{secret, a.LoginPseudonym(or(r.SameLogin, r.Login))})
	if err != nil {
		return err
	}
	if err := a.store.CreateSession(ctx, s); err != nil {
		return unavailable("create step", err)
	}
	return &StepError{
		Token: token, ExpiresIn: s.ExpiresAt.Sub(s.CreatedAt).Truncate(time.Second), Methods: slices.Clone(f.Methods), cause: required,
	}
}

// Step is the first half of a login: the password was right, and a second factor is
// awaited.
type Step struct {
	// UserID is the ID of the user.
	UserID string

	// ClientID is the client of the login. Empty: the login named none.
	ClientID string

	// ExpiresAt is when the step token expires.
	ExpiresAt time.Time
}

// Step returns the step of a token that can still be completed, and changes nothing. A
// host uses it to send a code, or to make a passkey's challenge. Limit how often a
// client may call a route that sends something.
//
// It returns ErrInvalidStep or ErrUnavailable.
func (a *Authority) Step(ctx context.Context, token Secret) (Step, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	s, _, err := a.step(ctx, token)
	if err != nil {
		return Step{}, a.failed(ctx, err)
	}
	return Step{UserID: s.UserID, ClientID: s.ClientID, ExpiresAt: s.ExpiresAt}, nil
}

// step reads the step of a token, and its user.
func (a *Authority) step(ctx context.Context, token Secret) (store.Session, store.User, error) {
	opened, ok := a.refresh.openStep(a.stepPrefix(), token)
	if !ok {
		return store.Session{}, store.User{}, fmt.Errorf("%w: not genuine", ErrInvalidStep)
	}
	s, err := a.store.Session(ctx, opened.secret.id())
	switch now := a.now(); {
	case errors.Is(err, store.ErrNotFound):
		return store.Session{}, store.User{}, fmt.Errorf("%w: %w", ErrInvalidStep, err)
	case err != nil:
		return store.Session{}, store.User{}, unavailable("step", err)
	case s.Generation != 0 || !s.RevokedAt.IsZero():
		return store.Session{}, store.User{}, fmt.Errorf("%w: used or revoked", ErrInvalidStep)
	case !now.Before(s.IdleUntil), !now.Before(s.ExpiresAt):
		return store.Session{}, store.User{}, fmt.Errorf("%w: expired", ErrInvalidStep)
	}
	user, err := a.user(ctx, s.UserID, ErrInvalidStep)
	if err == nil && s.CredentialVersion != user.CredentialVersion {
		err = fmt.Errorf("%w: %w", ErrInvalidStep, errMoved)
	}
	return s, user, err
}

// CompleteLogin checks the second factor of a user whose password was right, and
// returns tokens for a new session, with the checks of Login at its end. The access
// tokens name "pwd", what Config.SecondFactor has returned, and "mfa" ("amr").
//
// Of any number of calls with one step token at most one returns tokens. A wrong
// factor leaves the token valid, and changes nothing. The token is used up after the
// tokens were made and before the session is written: after ErrUnavailable it may be
// used, and the user then logs in again. CompleteLogin does not limit attempts:
// middleware does.
//
// It returns ErrInvalidStep, ErrWrongFactor, ErrInvalidClient, ErrUnauthorizedClient,
// ErrBadCredentials, ErrInvalidScope, ErrMalformed (also if Config.SecondFactor is
// nil), ErrClaims, ErrUnavailable, or the error of BeforeFactor.
func (a *Authority) CompleteLogin(ctx context.Context, r StepRequest) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	p, userID, err := a.completeLogin(ctx, r)
	if stop := stoppedBy(err); stop != nil {
		return Pair{}, stop
	}
	e := event(events.Login, p.Principal)
	if err != nil {
		e = events.Event{Kind: failure(err, events.LoginRefused), UserID: userID, ClientID: printable(r.ClientID), Err: err}
		if e.Kind == events.LoginRefused {
			e.LoginPseudonym, _ = a.StepPseudonym(r.Token)
		}
	}
	a.Report(ctx, e)
	return p, err
}

func (a *Authority) completeLogin(ctx context.Context, r StepRequest) (p Pair, userID string, err error) {
	if a.secondFactor == nil {
		return Pair{}, "", fmt.Errorf("%w: Config.SecondFactor is not set", ErrMalformed)
	}
	if err := r.Check(); err != nil {
		return Pair{}, "", err
	}
	// before the client is authenticated, so that only a genuine token lets secrets be tried
	if _, ok := a.StepPseudonym(r.Token); !ok {
		return Pair{}, "", fmt.Errorf("%w: not genuine", ErrInvalidStep)
	}
	named, err := a.presenter(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent)
	if err != nil {
		return Pair{}, "", err
	}
	step, user, err := a.step(ctx, r.Token)
	if err != nil {
		return Pair{}, step.UserID, err
	}
	c, err := a.stepClient(ctx, named, step)
	if err != nil {
		return Pair{}, step.UserID, err
	}
	if r.BeforeFactor != nil {
		if err := r.BeforeFactor(ctx); err != nil {
			return Pair{}, step.UserID, stopped{err}
		}
	}
	proved, err := a.proved(ctx, user, r)
	if err != nil {
		return Pair{}, step.UserID, err
	}
	granted, err := grant(held(user.Scopes, c.Scopes), step.Scopes)
	if err != nil {
		return Pair{}, step.UserID, err
	}
	s, secret := a.newSession(user, c, step.Label)
	s.ClientID, s.AuthenticatedAt, s.Methods = step.ClientID, s.CreatedAt, proved
	p, err = a.begin(ctx, user, s, secret, c, beginning{
		narrow: len(step.Scopes) > 0, granted: granted, asked: step.Scopes, accessOnly: r.AccessOnly, maxAccess: r.MaxAccess,
		before: func(ctx context.Context) error { return a.useStep(ctx, step) },
	})
	return p, step.UserID, err
}

// stepClient returns the client that presents a step token: that of the login.
func (a *Authority) stepClient(ctx context.Context, named client, step store.Session) (client, error) {
	c, err := a.holder(ctx, named, step)
	if errors.Is(err, ErrWrongClient) {
		return client{}, fmt.Errorf("%w: another client's", ErrInvalidStep)
	}
	if err != nil {
		return client{}, err
	}
	return c, c.may(GrantPassword)
}

// useStep uses a step up: of any number of callers one gets nil. Its session has
// expired then.
func (a *Authority) useStep(ctx context.Context, step store.Session) error {
	err := a.store.AdvanceSession(ctx, step.ID, 0, a.now(), step.CreatedAt)
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: used meanwhile: %w", ErrInvalidStep, err)
	case err != nil:
		return unavailable("use step", err)
	}
	return nil
}

const methodMultiple = "mfa" // RFC 8176 §2

// proved checks a second factor, and returns the methods of the login.
func (a *Authority) proved(ctx context.Context, u store.User, r StepRequest) ([]string, error) {
	methods, err := a.secondFactor(ctx, u.ID, r.Method, string(r.Code))
	switch {
	case errors.Is(err, store.ErrBadCredentials):
		return nil, fmt.Errorf("%w: %w", ErrWrongFactor, err)
	case err != nil:
		return nil, unavailable("second factor", err)
	}
	all := append(append([]string{methodPassword}, methods...), methodMultiple)
	if len(methods) == 0 || !areMethods(all) {
		return nil, unavailable("second factor", broken("Config.SecondFactor", "must return 1 to 14 methods, each a scope-token of RFC 6749 section 3.3, of 1 to 128 bytes"))
	}
	return both(all, all), nil
}
