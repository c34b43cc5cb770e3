package tokens_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func ring(tb testing.TB, all ...keys.Key) *keys.Ring {
	tb.Helper()
	r, err := keys.NewRing(all...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func onRing(r *keys.Ring) func(*tokens.Config) {
	return func(c *tokens.Config) { c.Keys, c.KeyRing = nil, r }
}

func kidOf(tb testing.TB, token tokens.Secret) string {
	tb.Helper()
	header, _ := parts(tb, token)
	kid, _ := header["kid"].(string)
	return kid
}

// D132.
func TestKeyRing(t *testing.T) {
	t.Parallel()
	t.Run("D132: keys follow one another by the clock, and each token is good until it expires", func(t *testing.T) {
		t.Parallel()
		held := &keys.Ring{}
		r := open(t, func(c *tokens.Config) {
			held = ring(t, c.Keys...)
			onRing(held)(c)
			c.AccessTTL = time.Hour
		})
		start := r.clock.time()
		old, next := signerOf("RS256").key, signerOf("ES256").key
		next.SignsFrom = start.Add(24 * time.Hour)
		old.RetiresAt = next.SignsFrom.Add(time.Hour)
		if err := held.Replace(old, next); err != nil {
			t.Fatal(err)
		}
		type made struct {
			token   tokens.Secret
			expires time.Time
		}
		var all []made
		for r.clock.time().Before(start.Add(30 * time.Hour)) {
			p := r.login(t)
			want := old.ID
			if !r.clock.time().Before(next.SignsFrom) {
				want = next.ID
			}
			if kid := kidOf(t, p.AccessToken); kid != want {
				t.Fatalf("%v after the start %s signs, want %s", r.clock.time().Sub(start), kid, want)
			}
			if p.ExpiresIn != time.Hour {
				t.Errorf("%v after the start a token is good for %v", r.clock.time().Sub(start), p.ExpiresIn)
			}
			all = append(all, made{p.AccessToken, p.Principal.ExpiresAt})
			for _, m := range all {
				_, err := r.Verify(t.Context(), m.token)
				switch early := r.clock.time().Before(m.expires); {
				case early && err != nil:
					t.Errorf("a token was lost: %v", err)
				case !early && err == nil:
					t.Error("a token outlived its time")
				}
			}
			r.clock.move(20 * time.Minute)
		}
	})

	t.Run("D132: a key is published before it signs, and until it retires", func(t *testing.T) {
		t.Parallel()
		old, next := signerOf("RS256").key, signerOf("ES256").key
		at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
		next.SignsFrom, old.RetiresAt = at, at.Add(time.Hour)
		set, err := ring(t, old, next).KeySet(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for when, want := range map[time.Duration]string{
			-time.Hour: "rs256 es256", 0: "rs256 es256", time.Hour - 1: "rs256 es256", time.Hour: "es256",
		} {
			var kids []string
			for _, k := range published(t, set.JWKS(at.Add(when))) {
				kids = append(kids, k["kid"].(string))
			}
			if got := strings.Join(kids, " "); got != want {
				t.Errorf("%v after the change: %s, want %s", when, got, want)
			}
		}
	})

	t.Run("no token outlives the key that signs it", func(t *testing.T) {
		t.Parallel()
		old, next := signerOf("RS256").key, signerOf("ES256").key
		held := ring(t, old)
		r := open(t, onRing(held))
		next.SignsFrom = r.clock.time().Add(10 * time.Minute)
		old.RetiresAt = r.clock.time().Add(20 * time.Minute)
		if err := held.Replace(old, next); err != nil {
			t.Fatal(err)
		}
		p := r.login(t)
		if p.ExpiresIn != 20*time.Minute || kidOf(t, p.AccessToken) != old.ID {
			t.Errorf("%v by %s, want 20m by the old key", p.ExpiresIn, kidOf(t, p.AccessToken))
		}
		r.clock.move(20*time.Minute - time.Second)
		r.verify(t, p.AccessToken)
		if kid := kidOf(t, r.login(t).AccessToken); kid != next.ID {
			t.Errorf("%s signs", kid)
		}
	})

	t.Run("a key that is left out is gone at once, with its tokens", func(t *testing.T) {
		t.Parallel()
		stolen, next := signerOf("RS256").key, signerOf("ES256").key
		held := ring(t, stolen)
		r := open(t, onRing(held))
		token := r.login(t).AccessToken
		r.verify(t, token)
		if err := held.Replace(next); err != nil {
			t.Fatal(err)
		}
		_, err := r.Verify(t.Context(), token)
		wantError(t, err, tokens.ErrInvalidToken)
		r.verify(t, r.login(t).AccessToken)
	})

	t.Run("a retired key verifies nothing, even if it still signs", func(t *testing.T) {
		t.Parallel()
		by := signerOf("RS256")
		next := signerOf("ES256").key
		r := open(t)
		next.SignsFrom = r.clock.time().Add(-2 * time.Hour)
		by.key.RetiresAt = r.clock.time()
		r = open(t, onRing(ring(t, by.key, next)))
		for _, header := range []forge.Object{
			{{Name: "alg", Value: `"RS256"`}, {Name: "kid", Value: `"rs256"`}, {Name: "typ", Value: `"at+jwt"`}},
			{{Name: "typ", Value: `"at+jwt"`}, {Name: "kid", Value: `"rs256"`}, {Name: "alg", Value: `"RS256"`}},
		} {
			d := draftOf(by, r.clock.time())
			d.Header = header
			_, err := r.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("before any key begins, the one that begins first signs", func(t *testing.T) {
		t.Parallel()
		a, b := signerOf("RS256").key, signerOf("ES256").key
		r := open(t)
		a.SignsFrom, b.SignsFrom = r.clock.time().Add(2*time.Hour), r.clock.time().Add(time.Hour)
		r = open(t, onRing(ring(t, a, b)))
		if kid := kidOf(t, r.login(t).AccessToken); kid != b.ID {
			t.Errorf("%s signs", kid)
		}
	})

	t.Run("what cannot be right changes nothing", func(t *testing.T) {
		t.Parallel()
		good := signerOf("ES256").key
		other := signerOf("RS256").key
		public := keys.Key{ID: "p", Algorithm: "ES384", Public: signerOf("ES384").verify}
		at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
		scheduled := func(k keys.Key, from, until time.Time) keys.Key {
			k.SignsFrom, k.RetiresAt = from, until
			return k
		}
		held := ring(t, good)
		r := open(t, onRing(held))
		token := r.login(t).AccessToken
		for _, test := range []struct {
			name string
			keys []keys.Key
			want string
		}{
			{"no keys", nil, "keys: Keys: is required: at least one, the first of which signs"},
			{"a weak key behind a good one", []keys.Key{other, {Algorithm: "HS256", Secret: "short"}}, "keys: Keys[1].Secret: must be at least 32 random bytes for HS256, got 5"},
			{"a key that cannot sign in front", []keys.Key{public, good}, "keys: Keys[0]: must have a Secret or a Private key, because the first key signs, got a Public key only"},
			{"one key twice", []keys.Key{good, good}, `keys: Keys[1].ID: must differ from the ID of every other key, got "es256" twice` + "\n" + `keys: Keys[1]: must not be the same key as the one with the ID "es256"`},
			{"the only key retires", []keys.Key{scheduled(good, time.Time{}, at)}, "keys: Keys[0].RetiresAt: must be zero until there is a key that signs after it"},
			{"the last key retires", []keys.Key{other, scheduled(good, at, at.Add(1))}, "keys: Keys[1].RetiresAt: must be zero until there is a key that signs after it"},
			{"a key retires before the next one signs", []keys.Key{scheduled(other, time.Time{}, at), scheduled(good, at, time.Time{})}, "keys: Keys[0].RetiresAt: must be after the SignsFrom of the next key, usually by Config.AccessTTL"},
			{"a key retires before it signs", []keys.Key{other, scheduled(good, at, at)}, "keys: Keys[1].RetiresAt: must be after SignsFrom"},
		} {
			if err := held.Replace(test.keys...); err == nil || err.Error() != test.want {
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
			if made, err := keys.NewRing(test.keys...); err == nil {
				t.Errorf("%s: NewKeyRing = %v", test.name, made)
			}
			r.verify(t, token)
			if kid := kidOf(t, r.login(t).AccessToken); kid != good.ID {
				t.Errorf("%s: %s signs", test.name, kid)
			}
		}
		// the same key behind one that never signs may retire when it likes
		if err := held.Replace(good, scheduled(other, time.Time{}, at), public); err != nil {
			t.Error(err)
		}
	})

	t.Run("New wants keys or a ring, and no ring that was not made", func(t *testing.T) {
		t.Parallel()
		good := open(t).config
		c := good
		c.KeyRing = ring(t, good.Keys...)
		checkNew(t, c, []string{"tokens: Config.Keys: must be empty if KeyRing is set"})
		c.Keys, c.KeyRing = nil, &keys.Ring{}
		checkNew(t, c, []string{"tokens: Config.KeyRing: must be created by keys.NewRing"})
		c.KeyRing = ring(t, keys.Key{Algorithm: "HS256", Secret: c.RefreshKeys[0]})
		checkNew(t, c, []string{"tokens: Config.RefreshKeys[0]: must differ from the secrets of KeyRing: each secret has one use"})
		if _, err := (&keys.Ring{}).KeySet(t.Context(), ""); err == nil {
			t.Error("a ring that was not made has keys")
		}
	})

	t.Run("a ring and a set print none of their keys", func(t *testing.T) {
		t.Parallel()
		held := ring(t, signerOf("HS256").key)
		set, err := held.KeySet(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: held, Issuer: issuer, Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{held, set, *set, verifier, *verifier} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
				if got := fmt.Sprintf(verb, v); !strings.HasPrefix(got, strings.TrimLeft(fmt.Sprintf("%T", v), "*")) || !strings.HasSuffix(got, "{}") {
					t.Errorf("%T with %s: %s", v, verb, got)
				}
			}
		}
	})
}

// A rotation goes on while tokens are made and verified: with the old keys or
// with the new ones, but never with neither.
func TestKeyRingUnderWay(t *testing.T) {
	t.Parallel()
	a, b := signerOf("ES256").key, signerOf("EdDSA").key
	held := ring(t, a, b)
	r := open(t, onRing(held))
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			pair := []keys.Key{a, b}
			if n%2 == 1 {
				pair = []keys.Key{b, a}
			}
			if err := held.Replace(pair...); err != nil {
				t.Error(err)
			}
			if err := held.Replace(); err == nil {
				t.Error("the ring takes no keys")
			}
		}
	})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 50 {
				p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
				if err == nil {
					_, err = r.Verify(t.Context(), p.AccessToken)
				}
				if err != nil {
					t.Error(err)
				}
				if len(r.JWKS()) < 100 {
					t.Error("a set without keys was published")
				}
			}
		})
	}
	readers.Wait()
	stop()
	wg.Wait()
}

// source is a KeySource that a test answers for.
type source func(missing string) (*keys.Set, error)

func (s source) KeySet(_ context.Context, missing string) (*keys.Set, error) { return s(missing) }

func TestVerifier(t *testing.T) {
	t.Parallel()
	by := signerOf("ES256")
	keySet := func(t *testing.T, all ...keys.Key) *keys.Set {
		t.Helper()
		set, err := keys.NewSet(all...)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	public := keys.Key{ID: by.key.ID, Algorithm: "ES256", Public: by.verify}
	verifier := func(t *testing.T, from keys.Source, now func() time.Time, told func(context.Context, events.Event)) *tokens.Verifier {
		t.Helper()
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: from, Issuer: issuer, Audience: audience, Now: now, Events: told})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}

	t.Run("it reads what an Authority made as the Authority does", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		p := r.login(t)
		v := verifier(t, keySet(t, public), r.clock.time, nil)
		got, err := v.Verify(t.Context(), p.AccessToken)
		if err != nil || got != p.Principal {
			t.Errorf("%+v, %v, want %+v", got, err, p.Principal)
		}
		r.clock.move(time.Hour)
		_, err = v.Verify(t.Context(), p.AccessToken)
		wantError(t, err, tokens.ErrExpiredToken)
	})

	t.Run("P29: keys that cannot be had are no fault of the token, and an event", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		token := r.login(t).AccessToken
		var told []events.Event
		down := errors.New("down")
		for name, from := range map[string]source{
			"an error": func(string) (*keys.Set, error) { return nil, down },
			"nothing":  func(string) (*keys.Set, error) { return nil, nil }, //nolint:nilnil // a source that is wrong
			"an error about the kid": func(missing string) (*keys.Set, error) {
				if missing != "" {
					return nil, down
				}
				return &keys.Set{}, nil
			},
		} {
			told = nil
			v := verifier(t, from, r.clock.time, func(_ context.Context, e events.Event) { told = append(told, e) })
			p, err := v.Verify(t.Context(), token)
			if !errors.Is(err, tokens.ErrUnavailable) || errors.Is(err, tokens.ErrInvalidToken) || p != (tokens.Principal{}) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			if len(told) != 1 || told[0].Kind != events.KeysFailure || told[0].Err == nil || !told[0].At.Equal(r.clock.time()) {
				t.Errorf("%s: events = %+v", name, told)
			}
		}
	})

	t.Run("a source is asked for a kid that it has not, and for no other reason", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		var asked []string
		v := verifier(t, source(func(missing string) (*keys.Set, error) {
			asked = append(asked, missing)
			if missing == by.key.ID {
				return keySet(t, public), nil
			}
			return keySet(t, keys.Key{ID: "rs256", Algorithm: "RS256", Public: signerOf("RS256").verify}), nil
		}), r.clock.time, nil)
		for _, test := range []struct {
			name   string
			change func(*draft)
			asked  string
			good   bool
		}{
			{"a new key", func(*draft) {}, " es256", true},
			{"a kid that no key can have", func(d *draft) { d.Header = d.Header.Set("kid", `"a b"`) }, "", false},
			{"an empty kid", func(d *draft) { d.Header = d.Header.Set("kid", `""`) }, "", false},
			{"a long kid", func(d *draft) { d.Header = d.Header.Set("kid", forge.Quoted(strings.Repeat("k", 65))) }, "", false},
			{"a key that it has, under another algorithm", func(d *draft) { d.Header = d.Header.Set("kid", `"rs256"`) }, "", false},
			{"a header that we do not write", func(d *draft) { d.Header = d.Header.Add("jku", `"https://attacker.example"`) }, "", false},
			{"no kid", func(d *draft) { d.Header = d.Header.Drop("kid") }, "", false},
		} {
			asked = nil
			d := draftOf(by, r.clock.time())
			test.change(&d)
			_, err := v.Verify(t.Context(), d.token(t))
			if (err == nil) != test.good || strings.Join(asked, " ") != test.asked {
				t.Errorf("%s: %v, asked for %q", test.name, err, asked)
			}
		}
	})

	t.Run("all that is wrong with its Config is said at once", func(t *testing.T) {
		t.Parallel()
		_, err := tokens.NewVerifier(tokens.VerifierConfig{Audience: "a\x00", Leeway: time.Hour})
		want := `tokens: VerifierConfig.Keys: is required
tokens: VerifierConfig.Issuer: is required, of 512 bytes at most
tokens: VerifierConfig.Audience: must be valid UTF-8 without NUL
tokens: VerifierConfig.Leeway: must be 0s to 5m0s, got 1h0m0s`
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
		if _, err := keys.NewSet(); err == nil {
			t.Error("a set needs no keys")
		}
	})
}

// A key ID is a name that an operator chose: it may be used again by a new key. A token
// is as valid as the key that has the name now says, also if it was verified before.
func TestFaultC15AKeyIDThatANewKeyUsesAgain(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "EdDSA"} {
		one := signerOf(algorithm).key
		two := keys.Key{ID: one.ID, Algorithm: algorithm, Private: newPrivate(t, algorithm)}
		sign := func(k keys.Key) tokens.Secret {
			return open(t, func(c *tokens.Config) { c.Keys = []keys.Key{k} }).login(t).AccessToken
		}
		old, young := sign(one), sign(two)
		clockOf := open(t).clock.time
		public := func(k keys.Key) *keys.Set {
			set, err := keys.NewSet(keys.Key{ID: k.ID, Algorithm: algorithm, Public: k.Private.(crypto.Signer).Public()})
			if err != nil {
				t.Fatal(err)
			}
			return set
		}
		check := func(t *testing.T, verify func(context.Context, tokens.Secret) (tokens.Principal, error), valid, invalid tokens.Secret) {
			t.Helper()
			for range 3 { // the second time from the cache
				if _, err := verify(t.Context(), valid); err != nil {
					t.Errorf("the token of the key that has the ID: %v", err)
				}
				if _, err := verify(t.Context(), invalid); !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("the token of the key that had the ID: %v", err)
				}
			}
		}
		t.Run("a source of a Verifier, "+algorithm, func(t *testing.T) {
			t.Parallel()
			var now *keys.Set
			v, err := tokens.NewVerifier(tokens.VerifierConfig{
				Keys:   source(func(string) (*keys.Set, error) { return now, nil }),
				Issuer: issuer, Audience: audience, Now: clockOf,
			})
			if err != nil {
				t.Fatal(err)
			}
			now = public(one)
			check(t, v.Verify, old, young)
			now = public(two)
			check(t, v.Verify, young, old)
			now = public(one)
			check(t, v.Verify, old, young)
		})
		t.Run("a KeyRing, "+algorithm, func(t *testing.T) {
			t.Parallel()
			ring, err := keys.NewRing(one)
			if err != nil {
				t.Fatal(err)
			}
			r := open(t, func(c *tokens.Config) { c.Keys, c.KeyRing, c.Now = nil, ring, clockOf })
			check(t, r.Verify, old, young)
			if err := ring.Replace(two); err != nil {
				t.Fatal(err)
			}
			check(t, r.Verify, young, old)
			if got := r.login(t); got.Principal.Subject != alice.ID {
				t.Errorf("login = %+v", got.Principal)
			}
		})
	}
}

func newPrivate(tb testing.TB, algorithm string) crypto.Signer {
	tb.Helper()
	if algorithm == "EdDSA" {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		return private
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return private
}
