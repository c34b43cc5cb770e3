// Package tokentest provides about 200 invalid access tokens that every verifier
// must reject, for each key that a verifier trusts. They have a wrong algorithm,
// key, type, claim or form. Run them against your own verifier or your own
// endpoint:
//
//	func TestInvalidTokens(t *testing.T) {
//		tokentest.Run(t, target, func(ctx context.Context, token tokens.Secret) error {
//			_, err := authority.Verify(ctx, token)
//			return err
//		})
//		tokentest.RunHandler(t, target, mux, "/me")
//	}
//
// A failure names what is wrong with the token that was accepted. The tests need
// the signing keys, so use keys that exist only for tests.
package tokentest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Target describes the verifier under test. It must accept good tokens of these
// keys, this issuer and this audience.
type Target struct {
	// Keys is required: signing keys that the target trusts, each with an ID. If
	// there is an HMAC key beside keys of other kinds, more confusions of algorithms
	// are tested.
	Keys []keys.Key

	// Issuer and Audience are required: those that the target accepts.
	Issuer, Audience string

	// Subject and Tier are those of the tokens, for a target that checks them.
	// Empty: "u-tokentest" and "free".
	Subject, Tier string

	// Leeway is how far the target lets clocks differ. Zero: not at all.
	Leeway time.Duration

	// As has the settings by which the target accepts these tokens, if it does so by a
	// tokens.Issuer: its fields that begin with Accept, its AudienceClaim, Require and
	// Claims. The tokens then have those claims, and what a setting allows is harmless.
	// The other fields are ignored. Claims must name no members of members. Nil: the
	// target is strict.
	As *tokens.Issuer

	// Now is the target's clock. Nil: time.Now.
	Now func() time.Time
}

// Verdict is what a target must do with a token.
type Verdict string

// The verdicts.
const (
	// Good: the token must be accepted. Otherwise the other cases prove nothing.
	Good Verdict = "good"

	// Harmless: the token is equivalent to a good one in another spelling, and may
	// be accepted or rejected.
	Harmless Verdict = "harmless"

	// Bad: the token must be rejected.
	Bad Verdict = "bad"

	// Expired: the token must be rejected, because it has expired.
	Expired Verdict = "expired"
)

const (
	harmless = Harmless
	bad      = Bad
	expired  = Expired
)

// Case is one token, and what a target must do with it.
type Case struct {
	// Name says what is wrong with the token, after the algorithm of its key, for
	// example "RS256: alg none without a signature".
	Name string

	// Token is the token, without the scheme "Bearer".
	Token tokens.Secret

	// Verdict is what the target must do with the token.
	Verdict Verdict
}

// Cases returns the tokens, for a test framework of your own; otherwise use Run
// or Check. The first case of each key is a good token. The tokens are made with
// the current time, so use them at once.
//
// It returns an error if the Target is invalid: a required field is empty, or a
// key is invalid, has no ID or cannot sign.
func (t Target) Cases() ([]Case, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	full := completed(t)
	var cases []Case
	for _, key := range full.Keys {
		rows := slices.Concat([]row{{"nothing is wrong", func(*draft) {}, Good}}, headers(full, key), claimSets(full), forms(), curves(key), settings(full))
		for _, r := range rows {
			d := draftOf(full, key)
			r.change(&d)
			cases = append(cases, Case{key.Algorithm + ": " + r.name, tokens.Secret(d.Token()), full.verdict(r)})
		}
	}
	return cases, nil
}

// completed returns t with the defaults of its empty fields.
func completed(t Target) Target {
	if t.Now == nil {
		t.Now = time.Now
	}
	if t.Subject == "" {
		t.Subject = "u-tokentest"
	}
	if t.Tier == "" {
		t.Tier = "free"
	}
	return t
}

func (t Target) check() error {
	if t.Issuer == "" || t.Audience == "" {
		return errors.New("tokentest: Target.Issuer and Target.Audience are required")
	}
	if len(t.Keys) == 0 {
		return errors.New("tokentest: Target.Keys: is required: at least one")
	}
	if _, err := keys.NewSet(t.Keys...); err != nil {
		return fmt.Errorf("tokentest: Target: %w", err)
	}
	for i, k := range t.Keys {
		if k.ID == "" || k.Secret == "" && k.Private == nil {
			return fmt.Errorf("tokentest: Target.Keys[%d]: must have an ID and be a signing key", i)
		}
	}
	return nil
}

// Run calls verify with each token, in a subtest of its own. verify must return
// nil if it accepts the token, and an error if it rejects it. A case fails if
// verify accepts a bad token, rejects a good one, panics, or returns
// tokens.ErrUnavailable for a bad one, because that is not a rejection. If the
// target is invalid, the test ends.
func Run(t *testing.T, target Target, verify func(context.Context, tokens.Secret) error) {
	t.Helper()
	cases, err := target.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.try(t.Context(), verify); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is Run without a *testing.T. It returns all failures, joined, or the
// error of [Target.Cases].
func Check(ctx context.Context, target Target, verify func(context.Context, tokens.Secret) error) error {
	cases, err := target.Cases()
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range cases {
		failures = append(failures, c.try(ctx, verify))
	}
	return errors.Join(failures...)
}

// try returns what the verifier did wrong.
func (c Case) try(ctx context.Context, verify func(context.Context, tokens.Secret) error) (failure error) {
	defer func() {
		if cause := recover(); cause != nil {
			failure = fmt.Errorf("tokentest: %s: the verifier panics: %v", c.Name, cause)
		}
	}()
	err := verify(ctx, c.Token)
	switch {
	case c.Verdict == Harmless:
	case c.Verdict == Good && err != nil:
		return fmt.Errorf("tokentest: %s, and it was rejected: %w", c.Name, err)
	case c.Verdict == Good:
	case err == nil:
		return fmt.Errorf("tokentest: %s, and it was accepted", c.Name)
	case errors.Is(err, tokens.ErrUnavailable):
		return fmt.Errorf("tokentest: %s, and the verifier is unavailable: %w", c.Name, err)
	}
	return nil
}
