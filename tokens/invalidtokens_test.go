package tokens_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// O8, P25, P30, D103–D107, D109–D113, D120–D122, D126: the matrix that hosts aim
// at their own verifiers, held to more: what is harmless is accepted, each refusal
// is of its own kind, names no user, and the store is not asked.
func TestInvalidTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	r := open(t, func(c *tokens.Config) {
		c.Now = func() time.Time { return now }
		c.Keys = nil
		for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA", "ES384"} {
			c.Keys = append(c.Keys, signerOf(algorithm).key)
		}
	})
	for _, c := range invalidTokens(t, now, r.config.Keys...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			p, err := r.Verify(t.Context(), c.Token)
			switch c.Verdict {
			case tokentest.Good, tokentest.Harmless:
				if err != nil || p.Subject != alice.ID || p.Seats != 3 {
					t.Errorf("Verify = %+v, %v", p, err)
				}
				return
			case tokentest.Bad:
				wantError(t, err, tokens.ErrInvalidToken)
			case tokentest.Expired:
				want := tokens.ErrExpiredToken
				if strings.HasSuffix(c.Name, "expired long ago") { // refused before its signature is looked at
					want = tokens.ErrInvalidToken
				}
				wantError(t, err, want)
			}
			if !reflect.DeepEqual(p, tokens.Principal{}) {
				t.Errorf("the refusal names %+v", p)
			}
		})
	}
	t.Cleanup(func() {
		if calls := r.store.take(); len(calls) > 0 {
			t.Errorf("the store was asked: %q", calls)
		}
	})
}

func invalidTokens(tb testing.TB, now time.Time, all ...keys.Key) []tokentest.Case {
	tb.Helper()
	cases, err := tokentest.Target{
		Keys: all, Issuer: issuer, Audience: audience, Subject: alice.ID, Now: func() time.Time { return now },
	}.Cases()
	if err != nil {
		tb.Fatal(err)
	}
	return cases
}

// Times are exact, to the second.
func TestInvalidTimes(t *testing.T) {
	t.Parallel()
	by := signerOf("HS256")
	r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
	for _, test := range []struct {
		name, claim string
		after       time.Duration
		want        error
	}{
		{"D110: a token that expires now", "exp", 0, tokens.ErrExpiredToken},
		{"one that expires in a second", "exp", time.Second, nil},
		{"D111: one that is good from the next second on", "nbf", time.Second, tokens.ErrInvalidToken},
		{"one that is good from now on", "nbf", 0, nil},
	} {
		d := draftOf(by, r.clock.time())
		d.Claims = d.Claims.Set(test.claim, strconv.FormatInt(r.clock.time().Add(test.after).Unix(), 10))
		_, err := r.Verify(t.Context(), d.token(t))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestInvalidSignatures(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run("each flipped bit of a signature of "+algorithm+" is refused", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
			token := string(draftOf(by, r.clock.time()).token(t))
			r.verify(t, tokens.Secret(token))
			dot := strings.LastIndexByte(token, '.') + 1
			sum, err := base64.RawURLEncoding.DecodeString(token[dot:])
			if err != nil {
				t.Fatal(err)
			}
			step := 1
			if len(sum) > 64 {
				step = 13 // they cost a lot, and are all alike
			}
			for i := 0; i < len(sum)*8; i += step {
				flipped := slices.Clone(sum)
				flipped[i/8] ^= 1 << (i % 8)
				_, err := r.Verify(t.Context(), tokens.Secret(token[:dot]+base64.RawURLEncoding.EncodeToString(flipped)))
				wantError(t, err, tokens.ErrInvalidToken)
			}
			for i := range (len(token) - dot) * 8 / step {
				b := []byte(token)
				b[dot+i*step/8] ^= 1 << (i * step % 8)
				if _, err := r.Verify(t.Context(), tokens.Secret(b)); err == nil {
					t.Errorf("bit %d of the text of the signature may be flipped", i*step)
				}
			}
		})
	}

	t.Run("each flipped bit of header and claims is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("HS256")
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		token := string(draftOf(by, r.clock.time()).token(t))
		for i := range len(token) * 8 {
			b := []byte(token)
			b[i/8] ^= 1 << (i % 8)
			_, err := r.Verify(t.Context(), tokens.Secret(b))
			wantError(t, err, tokens.ErrInvalidToken)
		}
		for i := range token {
			_, err := r.Verify(t.Context(), tokens.Secret(token[:i]))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("a signature of ES256 in DER is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("ES256")
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		d := draftOf(by, r.clock.time())
		d.Sign = func(signed string) []byte {
			sum := sha256.Sum256([]byte(signed))
			der, err := ecdsa.SignASN1(rand.Reader, by.sign.(*ecdsa.PrivateKey), sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return der
		}
		_, err := r.Verify(t.Context(), d.token(t))
		wantError(t, err, tokens.ErrInvalidToken)
	})

	t.Run("a signature of ES256 with zeros in front of its halves, or with one half, is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("ES256")
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		for _, change := range []func([]byte) []byte{
			func(b []byte) []byte { return slices.Concat([]byte{0}, b[:32], []byte{0}, b[32:]) },
			func(b []byte) []byte { return append([]byte{0}, b...) },
			func(b []byte) []byte { return append(b, 0) },
			func(b []byte) []byte { return b[:32] },
			func(b []byte) []byte { return slices.Concat(b, b) },
			func(b []byte) []byte { return slices.Concat(make([]byte, 32), b[32:]) }, // r = 0
			func(b []byte) []byte { return slices.Concat(b[:32], make([]byte, 32)) }, // s = 0
		} {
			d := draftOf(by, r.clock.time())
			d.EncodeSum = func(b []byte) string { return forge.Raw64(string(change(b))) }
			_, err := r.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("a signature of PS256 is none of RS256, and the other way around", func(t *testing.T) {
		t.Parallel()
		for kid, other := range map[string]string{"RS256": "PS256", "PS256": "RS256", "RS384": "RS256", "PS512": "PS256"} {
			by, wrong := signerOf(kid), signerOf(other) // one key
			r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
			d := draftOf(by, r.clock.time())
			r.verify(t, d.token(t))
			d.by.method = wrong.method
			_, err := r.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("the token of a key that was retired is refused", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		token := r.login(t).AccessToken
		c := r.config
		c.Keys = []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("next", 32)}} // even one with the same ID
		_, err := authority(t, c).Verify(t.Context(), token)
		wantError(t, err, tokens.ErrInvalidToken)
	})

	t.Run("other credentials of ours are no access tokens", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		for _, token := range []tokens.Secret{key, r.login(t).RefreshToken, password} {
			_, err := r.Verify(t.Context(), token)
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})
}

// FuzzVerify tries texts as tokens, and headers and claims with our signature.
// Whatever Verify accepts, golang-jwt accepts with the same key, and reads the
// same of it.
func FuzzVerify(f *testing.F) {
	by := signerOf("HS256")
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	r := open(f, func(c *tokens.Config) {
		c.Keys = []keys.Key{by.key}
		c.Now = func() time.Time { return now }
	})
	good := draftOf(by, now)
	f.Add(string(good.token(f)), good.Header.Text(), good.Claims.Text())
	for _, c := range invalidTokens(f, now, by.key) {
		if len(c.Token) > 4<<10 {
			continue
		}
		head, claims := good.Header.Text(), good.Claims.Text()
		if p := strings.Split(string(c.Token), "."); len(p) == 3 {
			if text, err := base64.RawURLEncoding.DecodeString(p[0]); err == nil {
				head = string(text)
			}
			if text, err := base64.RawURLEncoding.DecodeString(p[1]); err == nil {
				claims = string(text)
			}
		}
		f.Add(string(c.Token), head, claims)
	}
	f.Fuzz(func(t *testing.T, token, head, claims string) {
		d := good
		d.EncodeHeader = func(string) string { return forge.Raw64(head) }
		d.EncodeClaims = func(string) string { return forge.Raw64(claims) }
		for _, token := range []tokens.Secret{tokens.Secret(token), d.token(t)} {
			p, err := r.Verify(t.Context(), token)
			if err != nil {
				if !errors.Is(err, tokens.ErrInvalidToken) && !errors.Is(err, tokens.ErrExpiredToken) {
					t.Errorf("error = %v", err)
				}
				continue
			}
			sameAsPeer(t, p, token, by, now)
		}
	})
}

// sameAsPeer wants golang-jwt to accept the token, and to read of it what p says.
func sameAsPeer(t *testing.T, p tokens.Principal, token tokens.Secret, by signer, now time.Time) {
	t.Helper()
	theirs, err := peer(token, by, now)
	if err != nil {
		t.Fatalf("Verify accepts what golang-jwt does not: %v", err)
	}
	claims := theirs.Claims.(jwt.MapClaims)
	for name, got := range map[string]string{
		"sub": p.Subject, "acct": p.Account, "tier": p.Tier, "client_id": p.ClientID,
		"scope": p.Scope, "sid": p.SessionID, "jti": p.TokenID,
	} {
		want, _ := claims[name].(string)
		if got != want {
			t.Errorf("%s = %q, golang-jwt reads %q", name, got, want)
		}
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || !expires.Equal(p.ExpiresAt) {
		t.Errorf("exp = %v, golang-jwt reads %v, %v", p.ExpiresAt, expires, err)
	}
	issued, err := claims.GetIssuedAt()
	if err != nil || !issued.Equal(p.IssuedAt) {
		t.Errorf("iat = %v, golang-jwt reads %v, %v", p.IssuedAt, issued, err)
	}
	seats, _ := claims["seats"].(float64)
	if int(seats) != p.Seats {
		t.Errorf("seats = %d, golang-jwt reads %v", p.Seats, claims["seats"])
	}
	var ours map[string]any
	if err := p.Claims(&ours); err != nil || !reflect.DeepEqual(ours, map[string]any(claims)) {
		t.Errorf("Claims = %v, %v\ngolang-jwt reads %v", ours, err, claims)
	}
}
