package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// VerifierConfig says what a Verifier accepts. The zero value of what is not
// required is the safe default.
type VerifierConfig struct {
	// Keys is required: the keys of whoever signs.
	Keys keys.Source

	// Issuer is required: the "iss" of the tokens, compared code point by code
	// point.
	Issuer string

	// Audience is required: the "aud" of the tokens, which names this service.
	Audience string

	// Leeway is how far this clock and the signer's may differ. At most 5
	// minutes. Zero: not at all.
	Leeway time.Duration

	// Cache bounds the cache of verified tokens. Zero: one for keys other than HMAC.
	Cache CacheConfig

	// Events is told what happened, as Config.Events is. Nil: nobody is told.
	Events func(context.Context, events.Event)

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Verifier checks access tokens that an [Authority] somewhere else has made. It
// needs no store and no key that signs. It is safe for concurrent use, and
// nothing about it changes after NewVerifier but the keys of its source.
type Verifier struct {
	keys             keys.Source
	issuer, audience string
	leeway           time.Duration
	accessTTL        time.Duration // how long ago a token may have expired to be called so
	cache            *cache
	events           func(context.Context, events.Event)
	clock            func() time.Time
}

// Format writes that it is a Verifier, and none of its keys, whatever the verb.
func (Verifier) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.Verifier{}") }

// NewVerifier returns a Verifier, or all that is wrong with the VerifierConfig
// at once, each with the path of its field. It does not ask the source: a
// service may start before the one that signs.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	var wrong []error
	complain := func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("tokens: VerifierConfig."+path+": "+format, args...))
	}
	if c.Keys == nil {
		complain("Keys", "is required: a keys.Set, a keys.Ring or a source of your own")
	}
	checkNames(c.Issuer, c.Audience, complain)
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		complain("Leeway", "must be 0s to %v, got %v", maxLeeway, c.Leeway)
	}
	remembered := newCache(c.Cache, complain)
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Verifier{
		keys: c.Keys, issuer: c.Issuer, audience: c.Audience,
		leeway: c.Leeway, accessTTL: defaultAccessTTL, cache: remembered, events: c.Events, clock: c.Now,
	}, nil
}

func checkNames(issuer, audience string, complain func(path, format string, args ...any)) {
	for _, name := range []struct{ path, value string }{{"Issuer", issuer}, {"Audience", audience}} {
		switch {
		case name.value == "", len(name.value) > maxString:
			complain(name.path, "is required, of %d bytes at most", maxString)
		case !isText(name.value): // JSON would write another name, and no token verify
			complain(name.path, "must be valid UTF-8 without NUL")
		}
	}
}

// Verify returns the principal that a genuine, current access token names. It
// accepts only what an [Authority] with the same issuer, audience and keys makes,
// exactly as that Authority's own Verify does.
//
// It fails with ErrExpiredToken for a genuine token that has expired at most an hour
// ago, with ErrUnavailable if the source of keys returns an error, and with
// ErrInvalidToken for every other token. A token for another issuer or audience, and
// one that expired longer ago, is refused before its signature is looked at.
func (v *Verifier) Verify(ctx context.Context, token Secret) (Principal, error) {
	p, err := v.verify(ctx, string(token), v.clock())
	if errors.Is(err, ErrUnavailable) {
		v.Report(ctx, events.Event{Kind: events.KeysFailure, Err: err})
	}
	return p, err
}

// Report gives an event to the host's hook, as [Authority.Report] does.
func (v *Verifier) Report(ctx context.Context, e events.Event) {
	if v.events == nil {
		return
	}
	e.At = v.clock().UTC().Truncate(time.Microsecond)
	e.Address = events.AddressFrom(ctx)
	v.events(ctx, e)
}

func (v *Verifier) keySet(ctx context.Context, missing string) (*keys.Set, error) {
	set, err := v.keys.KeySet(ctx, missing)
	if err == nil && set == nil {
		err = errors.New("the source has neither keys nor an error")
	}
	if err != nil {
		return nil, unavailable("keys", err)
	}
	return set, nil
}
