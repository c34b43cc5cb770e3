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
