package tokens_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens"
)

// crafted builds refresh tokens by the description in refresh.go, by other code.
type crafted struct {
	prefix     string
	version    byte
	key        tokens.Secret
	keyID      []byte // nil: that of key
	session    string
	generation uint64
}

func (c crafted) mac(label string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(string(c.key)))
	m.Write(append([]byte(label+"\x00"), body...))
	return m.Sum(nil)
}

func (c crafted) token(tb testing.TB) tokens.Secret {
	tb.Helper()
	id, err := base64.RawURLEncoding.DecodeString(c.session)
	if err != nil {
		tb.Fatal(err)
	}
	if c.keyID == nil {
		c.keyID = c.mac("sallyport refresh key id", nil)[:4]
	}
	body := append([]byte{c.version}, c.keyID...)
	body = append(body, id...)
	body = binary.BigEndian.AppendUint64(body, c.generation)
	body = append(body, c.mac(c.prefix, body)...)
	return tokens.Secret(c.prefix + base64.RawURLEncoding.EncodeToString(body))
}

// secretOf returns the secret of the session that a refresh token names.
func secretOf(tb testing.TB, token tokens.Secret) string {
	tb.Helper()
	_, text, _ := strings.Cut(string(token), "_rt_")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b[5:21])
}

// P9, P12: whatever is not genuine is refused without a question to the store.
func TestForgedRefreshToken(t *testing.T) {
	t.Parallel()
	r := open(t)
	genuine := r.login(t)
	other := r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
	base := crafted{prefix: "sp_rt_", version: 1, key: tokens.Secret(secret("refresh", 32)), session: secretOf(t, genuine.RefreshToken), generation: 1}
	if base.token(t) != genuine.RefreshToken {
		t.Fatal("the test does not build the token that Login gave") // and every row below would be refused for the wrong reason
	}
	text := string(genuine.RefreshToken)
	decoded := func(s tokens.Secret) []byte {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(s), "sp_rt_"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	encoded := func(b []byte) string { return "sp_rt_" + base64.RawURLEncoding.EncodeToString(b) }
	craft := func(change func(*crafted)) string {
		c := base
		change(&c)
		return string(c.token(t))
	}
	alices, bobs := decoded(genuine.RefreshToken), decoded(other.RefreshToken)

	for _, test := range []struct{ name, token string }{
		{"nothing", ""},
		{"a prefix", "sp_rt_"},
		{"no prefix", strings.TrimPrefix(text, "sp_rt_")},
		{"another prefix", "xx_rt_" + strings.TrimPrefix(text, "sp_rt_")},
		{"the prefix of an API key", "sp_ak_" + strings.TrimPrefix(text, "sp_rt_")},
		{"the prefix in capitals", "SP_RT_" + strings.TrimPrefix(text, "sp_rt_")},
		{"a character less", text[:len(text)-1]},
		{"a character less in front", text[1:]},
		{"a character more", text + "A"},
		{"padding", text + "="},
		{"a space behind", text + " "},
		{"a space in front", " " + text},
		{"a line end behind", text + "\n"},
		{"a line end in the middle", text[:40] + "\n" + text[40:]},
		{"a line end in place of a character", text[:40] + "\n" + text[41:]},
		{"a zero byte behind", text + "\x00"},
		{"standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(text)},
		{"the token twice", text + text},
		{"half of its MAC", encoded(alices[:len(alices)-16])},
		{"no MAC", encoded(alices[:len(alices)-32])},
		{"a MAC of zeros", encoded(append(slices.Clone(alices[:len(alices)-32]), make([]byte, 32)...))},
		{"the MAC of another session", encoded(append(slices.Clone(alices[:len(alices)-32]), bobs[len(bobs)-32:]...))},
		{"the next generation under the MAC of this one", encoded(append(slices.Clone(decoded(base.with(2).token(t))[:29]), alices[29:]...))},
		{"the previous generation under the MAC of this one", encoded(append(slices.Clone(decoded(base.with(0).token(t))[:29]), alices[29:]...))},
		{"a key that is not ours", craft(func(c *crafted) { c.key = tokens.Secret(secret("attacker", 32)) })},
		{"a key that is not ours under the name of ours", craft(func(c *crafted) {
			c.key, c.keyID = tokens.Secret(secret("attacker", 32)), base.mac("sallyport refresh key id", nil)[:4]
		})},
		{"an empty key", craft(func(c *crafted) { c.key = "" })},
		{"the key of the access tokens", craft(func(c *crafted) { c.key = tokens.Secret(secret("access", 32)) })},
		{"our key under another name", craft(func(c *crafted) { c.keyID = []byte{0, 0, 0, 0} })},
		{"our key for another prefix", "sp_rt_" + strings.TrimPrefix(craft(func(c *crafted) { c.prefix = "xx_rt_" }), "xx_rt_")},
		{"version 0", craft(func(c *crafted) { c.version = 0 })},
		{"version 2", craft(func(c *crafted) { c.version = 2 })},
		{"an access token", string(genuine.AccessToken)},
		{"a megabyte", strings.Repeat("A", 1<<20)},
		{"a megabyte behind the prefix", "sp_rt_" + strings.Repeat("A", 1<<20)},
	} {
		t.Run(test.name+" is refused, and the store is not asked", func(t *testing.T) {
			t.Parallel()
			r.unchanged(t, func() { notGenuine(t, r, test.token) })
		})
	}

	t.Run("D62: each flipped bit is refused, and the store is not asked", func(t *testing.T) {
		t.Parallel()
		for i := range len(text) * 8 {
			b := []byte(text)
			b[i/8] ^= 1 << (i % 8)
			notGenuine(t, r, string(b))
		}
		for i := range len(alices) * 8 {
			b := slices.Clone(alices)
			b[i/8] ^= 1 << (i % 8)
			notGenuine(t, r, encoded(b))
		}
	})

	t.Run("each part and each extension of the token is refused, and the store is not asked", func(t *testing.T) {
		t.Parallel()
		for i := range len(text) {
			notGenuine(t, r, text[:i])
			notGenuine(t, r, text[i:][:max(0, len(text)-i-1)])
		}
		for i := range alices {
			notGenuine(t, r, encoded(alices[:i]))
		}
		for i := range 200 {
			notGenuine(t, r, text+strings.Repeat("A", i+1))
			notGenuine(t, r, encoded(append(slices.Clone(alices), make([]byte, i+1)...)))
		}
	})
}

func (c crafted) with(generation uint64) crafted {
	c.generation = generation
	return c
}

// notGenuine wants Refresh and Logout to refuse the token without asking the
// store.
func notGenuine(tb testing.TB, r *fixture, token string) {
	tb.Helper()
	a := authorityWithout(tb, r)
	_, err := a.Refresh(tb.Context(), tokens.RefreshRequest{Token: tokens.Secret(token)})
	wantError(tb, err, tokens.ErrInvalidRefresh)
	if err := a.Logout(tb.Context(), tokens.RefreshRequest{Token: tokens.Secret(token)}); !errors.Is(err, tokens.ErrInvalidRefresh) {
		tb.Errorf("Logout: error = %v, want ErrInvalidRefresh", err)
	}
}

// authorityWithout is the authority of the fixture on a store that fails the test
// if it is asked anything.
func authorityWithout(tb testing.TB, r *fixture) *tokens.Authority {
	tb.Helper()
	w := &storeSpy{memory: r.store.memory}
	w.step(func(_ context.Context, call string) error {
		tb.Errorf("the store was asked: %s", call)
		return errDriver
	}, nil)
	c := r.config
	c.Store, c.APIKeys = w, w
	return authority(tb, c)
}

// P9: a genuine token that may not be used now changes nothing either.
func TestRefusedRefresh(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		req   func(genuine tokens.Pair, own crafted) tokens.RefreshRequest
		want  error
		store bool // whether the store may be asked
	}{
		{
			name: "another client's token",
			req: func(p tokens.Pair, _ crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: p.RefreshToken, ClientID: "attacker"}
			},
			want: tokens.ErrWrongClient, store: true,
		},
		{
			name: "a client that differs in case only",
			req: func(p tokens.Pair, _ crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: p.RefreshToken, ClientID: "SHOP"}
			},
			want: tokens.ErrWrongClient, store: true,
		},
		{
			name: "a client identifier that is no text",
			req: func(p tokens.Pair, _ crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: p.RefreshToken, ClientID: "\xff\x00"}
			},
			want: tokens.ErrMalformed,
		},
		{
			name: "a scope that the session has not",
			req: func(p tokens.Pair, _ crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: p.RefreshToken, Scopes: []string{"read", "admin"}}
			},
			want: tokens.ErrInvalidScope, store: true,
		},
		{
			name: "a scope that is no scope-token",
			req: func(p tokens.Pair, _ crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: p.RefreshToken, Scopes: []string{"read write"}}
			},
			want: tokens.ErrInvalidScope,
		},
		{
			name: "a session that there never was",
			req: func(_ tokens.Pair, c crafted) tokens.RefreshRequest {
				c.session = "AAAAAAAAAAAAAAAAAAAAAA"
				return tokens.RefreshRequest{Token: c.token(t)}
			},
			want: tokens.ErrInvalidRefresh, store: true,
		},
		{
			name: "a generation that is yet to come",
			req: func(_ tokens.Pair, c crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: c.with(3).token(t)}
			},
			want: tokens.ErrInvalidRefresh, store: true,
		},
		{
			name: "the last generation that a number can tell",
			req: func(_ tokens.Pair, c crafted) tokens.RefreshRequest {
				return tokens.RefreshRequest{Token: c.with(1<<63 - 1).token(t)}
			},
			want: tokens.ErrInvalidRefresh, store: true,
		},
	} {
		t.Run(test.name+" is refused, and the whole row stays as it was", func(t *testing.T) {
			t.Parallel()
			r := open(t, graceOf(time.Minute))
			one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop", Scopes: []string{"read", "write"}})
			own := crafted{prefix: "sp_rt_", version: 1, key: tokens.Secret(secret("refresh", 32)), session: r.store.row(t).ID, generation: 1}
			r.store.take()
			r.clock.move(time.Minute)
			r.unchanged(t, func() { r.refusedWith(t, test.req(one, own), test.want) })
			if calls := r.store.take(); !test.store && len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
			r.refreshWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "shop", Scopes: []string{"read", "write"}}) // the control
		})
	}

	t.Run("P9: another client that presents a spent token does not end the session", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		two := r.refreshWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "shop"})
		r.unchanged(t, func() {
			r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "attacker"}, tokens.ErrWrongClient)
		})
		r.refresh(t, two.RefreshToken)
	})

	t.Run("a scope that the session has not does not save a spent token", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, Scopes: []string{"nobodys"}}, tokens.ErrReused)
	})
}

// P13.
func FuzzRefreshToken(f *testing.F) {
	r := open(f)
	one := r.login(f)
	text := string(one.RefreshToken)
	f.Add("")
	f.Add("sp_rt_")
	f.Add(text)
	f.Add(text[:len(text)-1] + "B")
	f.Add(text + text)
	f.Add(string(one.AccessToken))
	f.Add("sp_rt_" + strings.Repeat("A", 82))
	f.Add("sp_rt_" + strings.Repeat("\n", 82))
	f.Fuzz(func(t *testing.T, token string) {
		if !genuine(t, token) { // it may be, in a corpus of another process
			notGenuine(t, r, token)
		}
	})
}

// genuine says by other code than Refresh's whether a token is one of the fixture's.
func genuine(tb testing.TB, token string) bool {
	tb.Helper()
	body, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(token, "sp_rt_"))
	if err != nil || len(body) != 61 {
		return false
	}
	same := crafted{
		prefix: "sp_rt_", version: 1, key: tokens.Secret(secret("refresh", 32)),
		session: forge.Raw64(string(body[5:21])), generation: binary.BigEndian.Uint64(body[21:29]),
	}
	return string(same.token(tb)) == token
}
