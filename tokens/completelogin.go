package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

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
