package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/faultlog"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// VerifierConfig configures a Verifier. The zero value of each optional field is
// the safe default.
type VerifierConfig struct {
	// Keys is required: the source of the issuer's public keys. Use a keys.Set if
	// they are in this service's configuration, or package remotekeys to fetch them.
	// If Issuers are set, Keys, Issuer and Audience may all three be left out: then
	// only tokens of those issuers are accepted.
	Keys keys.Source

	// Issuer is required: the "iss" of the tokens, for example
	// "https://id.example.com", compared code point by code point. From 1 to 512
	// bytes of UTF-8 without NUL.
	Issuer string

	// Audience is required: the "aud" of the tokens. It names this service, for
	// example "https://api.example.com". From 1 to 512 bytes of UTF-8 without NUL.
	Audience string

	// Issuers are other issuers whose tokens are accepted too, each by its own rules
	// and with its own keys: for hosts behind an identity provider, or that migrate
	// from another system. At most 64. Nil: only the tokens of Issuer are accepted.
	Issuers []Issuer

	// Leeway is how far this clock and the issuers' may differ, from 0 to 5 minutes.
	// A token is accepted this long before its "nbf" and after its "exp". Zero: no
	// tolerance.
	Leeway time.Duration

	// Cache limits the cache of verified tokens. Its zero value caches the tokens of
	// all keys other than HMAC.
	Cache CacheConfig

	// Events receives the events, as Config.Events does: events.KeysFailure, and
	// what the middleware reports. Nil: faults are logged
	// by slog.Default, at most once a minute for each kind, and other events are
	// dropped.
	Events func(context.Context, events.Event)

	// Now is the clock, for tests. It must be safe for concurrent use. Nil:
	// time.Now.
	Now func() time.Time
}

// Verifier verifies access tokens that an [Authority] in another process issued, and
// those of other issuers that its VerifierConfig names. Create it with [NewVerifier]. It needs neither a store nor a signing key. It
// does not know the deny list, so a revoked session's tokens stay valid here
// until they expire. It is safe for concurrent use. After NewVerifier only the
// keys of its source change.
type Verifier struct {
	keys             keys.Source // nil: only others are accepted
	issuer, audience string
	others           map[string]*accepted // by "iss"
	leeway           time.Duration
	accessTTL        time.Duration // how long ago a token may have expired to get ErrExpiredToken
	cache            *cache
	events           func(context.Context, events.Event)
	faults           *faultlog.Log // where there are no events
	clock            func() time.Time
}

// Format writes "tokens.Verifier{}" for every verb, so that no key is printed.
func (Verifier) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.Verifier{}") }

// NewVerifier returns a Verifier. It does not call the source of keys, so a
// service may start before the issuer.
//
// If the VerifierConfig is invalid, NewVerifier returns one error that joins all
// defects: *ConfigError values, each with the path of its field.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	wrong := configcheck.List{Package: "tokens"}
	complain := wrong.At("VerifierConfig.")
	if len(c.Issuers) == 0 || c.Keys != nil || c.Issuer != "" || c.Audience != "" {
		configcheck.Required("Keys", c.Keys, complain)
		checkNames(c.Issuer, c.Audience, complain)
	}
	others := checkIssuers(c.Issuers, c.Issuer, &wrong, "VerifierConfig.")
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		complain("Leeway", "must be 0s to %v, got %v", maxLeeway, c.Leeway)
	}
	remembered := newCache(c.Cache, complain)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Verifier{
		keys: c.Keys, issuer: c.Issuer, audience: c.Audience, others: others,
		leeway: c.Leeway, accessTTL: defaultAccessTTL, cache: remembered, events: c.Events, faults: &faultlog.Log{}, clock: c.Now,
	}, nil
}

func checkNames(issuer, audience string, complain configcheck.Complain) {
	for _, name := range []struct{ path, value string }{{"Issuer", issuer}, {"Audience", audience}} {
		switch {
		case name.value == "", len(name.value) > maxString:
			complain(name.path, "is required, of %d bytes at most", maxString)
		case !isText(name.value): // JSON would encode another name, so no token would verify
			complain(name.path, "must be valid UTF-8 without NUL")
		}
	}
}

// Verify returns the principal of a genuine access token that is valid now. It
// accepts exactly the tokens that an [Authority] with the same issuer, audience
// and keys, and without a deny list, accepts, and those that VerifierConfig.Issuers
// allow.
//
// It returns ErrExpiredToken for a genuine token that expired at most one hour
// ago, ErrUnavailable if the source of keys returns an error, and ErrInvalidToken
// for every other token. A token for another issuer or audience, and one that
// expired longer ago, is rejected before its signature is verified.
func (v *Verifier) Verify(ctx context.Context, token Secret) (p Principal, err error) {
	if len(v.others) > 0 {
		err = v.verifyAny(ctx, string(token), &p)
	} else {
		err = v.verify(ctx, string(token), &p)
	}
	if errors.Is(err, ErrUnavailable) {
		v.Report(ctx, events.Event{Kind: events.KeysFailure, Err: err})
	}
	if err != nil {
		return Principal{}, err
	}
	return p, nil
}

// Reports reports whether there is a VerifierConfig.Events, so that packages on top of
// this one prepare no event that is dropped.
func (v *Verifier) Reports() bool { return v.events != nil }

// Report passes an event to VerifierConfig.Events, as [Authority.Report] does.
func (v *Verifier) Report(ctx context.Context, e events.Event) {
	e.At = v.clock().UTC().Truncate(time.Microsecond)
	e.Address = events.AddressFrom(ctx)
	e.Kind = kindFor(ctx, e.Kind)
	if v.events == nil {
		logFault(ctx, v.faults, e)
		return
	}
	v.events(ctx, e)
}

func keySetOf(ctx context.Context, source keys.Source, missing string) (*keys.Set, error) {
	set, err := source.KeySet(ctx, missing)
	if err == nil && set == nil {
		err = errors.New("the source has neither keys nor an error")
	}
	if err != nil {
		return nil, unavailable("keys", err)
	}
	return set, nil
}
