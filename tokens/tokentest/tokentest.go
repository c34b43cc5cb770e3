// Package tokentest is a matrix of access tokens that must open no door: some two
// hundred lies about the algorithm, the key, the type, the claims and the form,
// for each key that a verifier trusts. It is for hosts that want to aim it at
// their own verifier, or at their own endpoint:
//
//	func TestInvalidTokens(t *testing.T) {
//		tokentest.Run(t, target, func(ctx context.Context, token tokens.Secret) error {
//			_, err := authority.Verify(ctx, token)
//			return err
//		})
//		tokentest.RunHandler(t, target, mux, "/me")
//	}
//
// What fails names the lie that was believed. The suite needs the keys that sign,
// so it is for tests, with keys of their own.
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

// Target is whom the matrix is aimed at.
type Target struct {
	// Keys are required: keys that the target trusts, each with what it signs
	// with and an ID. With an HMAC key among others there are more confusions to
	// try.
	Keys []keys.Key

	// Issuer and Audience are required: what the target takes.
	Issuer, Audience string

	// Subject and Tier are those of the tokens, for a target that looks. Empty:
	// "u-tokentest" and "free".
	Subject, Tier string

	// Leeway is how far the target lets clocks differ.
	Leeway time.Duration

	// Now is the target's clock. Nil: time.Now.
	Now func() time.Time
}

// Verdict says what a target has to make of a token.
type Verdict string

// The verdicts.
const (
	Good     Verdict = "good"     // accept it, or the rest says nothing
	Harmless Verdict = "harmless" // it says the same in other letters: accept it or not
	Bad      Verdict = "bad"      // refuse it
	Expired  Verdict = "expired"  // refuse it: it was good once
)

const (
	harmless = Harmless
	bad      = Bad
	expired  = Expired
)

// Case is one token.
type Case struct {
	// Name says what is wrong with it, and with the key of which algorithm it
	// was made.
	Name string

	Token   tokens.Secret
	Verdict Verdict
}

// Cases returns the matrix, or what is wrong with the Target. The first case of
// each key is the good one.
func (t Target) Cases() ([]Case, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	full := completed(t)
	var cases []Case
	for _, key := range full.Keys {
		rows := slices.Concat([]row{{"nothing is wrong", func(*draft) {}, Good}}, headers(full, key), claimSets(full), forms(), curves(key))
		for _, r := range rows {
			d := draftOf(full, key)
			r.change(&d)
			cases = append(cases, Case{key.Algorithm + ": " + r.name, tokens.Secret(d.Token()), r.verdict})
		}
	}
	return cases, nil
}

// completed is t with what its zero fields stand for.
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

// Run aims the matrix at a verifier, each token in a subtest of its own. verify
// returns nil where it accepts a token.
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

// Check is Run for those who have no *testing.T: it returns all that failed,
// joined.
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

// try returns what the verifier has done wrong.
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
		return fmt.Errorf("tokentest: %s, and it is refused: %w", c.Name, err)
	case c.Verdict == Good:
	case err == nil:
		return fmt.Errorf("tokentest: %s, and it is accepted", c.Name)
	case errors.Is(err, tokens.ErrUnavailable):
		return fmt.Errorf("tokentest: %s, and the verifier is unavailable: %w", c.Name, err)
	}
	return nil
}
