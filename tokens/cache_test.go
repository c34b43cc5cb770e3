package tokens_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

func TestCache(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("EdDSA")
	// hot is a verifier that has verified a token
	hot := func(t *testing.T, source keys.Source, edits ...func(*tokens.VerifierConfig)) (*tokens.Verifier, *clock, tokens.Secret) {
		t.Helper()
		clock := &clock{now: start}
		c := tokens.VerifierConfig{Keys: source, Issuer: issuer, Audience: audience, Now: clock.time}
		for _, edit := range edits {
			edit(&c)
		}
		v, err := tokens.NewVerifier(c)
		if err != nil {
			t.Fatal(err)
		}
		token := draftOf(by, start).token(t)
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		return v, clock, token
	}
	// counts verifies once more, and checks whether it was a hit
	counts := func(t *testing.T, v *tokens.Verifier, token tokens.Secret, hit bool, want error) {
		t.Helper()
		before := v.CacheStats()
		p, err := v.Verify(t.Context(), token)
		after := v.CacheStats()
		if !errors.Is(err, want) || err == nil && p.Subject != alice.ID {
			t.Errorf("Verify = %q, %v, want %v", p.Subject, err, want)
		}
		if got := after.Hits > before.Hits; got != hit || after.Hits+after.Misses != before.Hits+before.Misses+1 {
			t.Errorf("hit = %t, want %t: %+v, %+v", got, hit, before, after)
		}
	}

	t.Run("a token that was verified is a hit, with the same principal, and costs no allocation", func(t *testing.T) {
		t.Parallel()
		v, _, token := hot(t, setOf(t, by.key))
		counts(t, v, token, true, nil)
		var all map[string]any
		p, err := v.Verify(t.Context(), token)
		if err := errors.Join(err, p.Claims(&all)); err != nil || all["dept"] != "r&d" {
			t.Errorf("%v, %v", all, err)
		}
		if s := v.CacheStats(); s.Entries != 1 || s.Bytes < 300 || s.Bytes > 2048 || s.Misses != 1 {
			t.Errorf("%+v", s)
		}
	})

	t.Run("an entry ends", func(t *testing.T) {
		t.Parallel()
		for name, end := range map[string]struct {
			after time.Duration
			hit   bool
			want  error
		}{
			"not before a minute":     {time.Minute - 1, true, nil},
			"after a minute":          {time.Minute, false, nil},
			"with the token":          {time.Hour, false, tokens.ErrExpiredToken},
			"where the clock is back": {-time.Second, false, tokens.ErrInvalidToken},
		} {
			v, clock, token := hot(t, setOf(t, by.key))
			clock.move(end.after)
			t.Log(name)
			counts(t, v, token, end.hit, end.want)
		}
		// to the nanosecond, within its minute
		v, clock, _ := hot(t, setOf(t, by.key), func(c *tokens.VerifierConfig) { c.Leeway = 5 * time.Second })
		d := draftOf(by, start)
		d.Claims = d.Claims.Set("exp", unix(start.Add(10*time.Second)))
		short := d.token(t)
		counts(t, v, short, false, nil)
		clock.move(15*time.Second - 1)
		counts(t, v, short, true, nil)
		clock.move(1)
		counts(t, v, short, false, tokens.ErrExpiredToken)
	})

	t.Run("an entry ends when the keys are replaced, and when its key retires", func(t *testing.T) {
		t.Parallel()
		key, next := by.key, signerOf("ES256").key
		next.SignsFrom, key.RetiresAt = start.Add(time.Second), start.Add(20*time.Second)
		ring, err := keys.NewRing(key, next)
		if err != nil {
			t.Fatal(err)
		}
		v, clock, token := hot(t, ring)
		counts(t, v, token, true, nil)
		if err := ring.Replace(key, next); err != nil {
			t.Fatal(err)
		}
		counts(t, v, token, false, nil)
		counts(t, v, token, true, nil)
		clock.move(20 * time.Second)
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, tokens.ErrInvalidToken) {
			t.Errorf("a retired key: %v", err)
		}
		v, _, token = hot(t, ring)
		next.SignsFrom = time.Time{}
		if err := ring.Replace(next); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, tokens.ErrInvalidToken) {
			t.Errorf("a key that was taken away: %v", err)
		}
	})

	t.Run("a session that was ended is refused although its token is remembered", func(t *testing.T) {
		t.Parallel()
		r, one, _ := opened(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
		r.verify(t, one.AccessToken)
		r.verify(t, one.AccessToken)
		if s := r.CacheStats(); s.Hits == 0 {
			t.Errorf("%+v", s)
		}
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Verify(t.Context(), one.AccessToken)
		wantError(t, err, tokens.ErrRevokedToken)
	})

	t.Run("HMAC is remembered only where it is asked for, and nothing where it is not wanted", func(t *testing.T) {
		t.Parallel()
		for name, test := range map[string]struct {
			algorithm string
			cache     tokens.CacheConfig
			want      int
		}{
			"HMAC": {"HS256", tokens.CacheConfig{}, 0}, "HMAC on": {"HS256", tokens.CacheConfig{HMAC: true}, 1},
			"RSA": {"RS256", tokens.CacheConfig{}, 1}, "off": {"RS256", tokens.CacheConfig{Entries: -1}, 0},
		} {
			by := signerOf(test.algorithm)
			v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: setOf(t, by.key), Issuer: issuer, Audience: audience, Now: func() time.Time { return start }, Cache: test.cache})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(t.Context(), draftOf(by, start).token(t)); err != nil || v.CacheStats().Entries != test.want {
				t.Errorf("%s: %+v, %v", name, v.CacheStats(), err)
			}
		}
	})

	t.Run("it never has more entries nor bytes than it may, and a flood costs others their share only", func(t *testing.T) {
		t.Parallel()
		v, _, _ := hot(t, setOf(t, by.key), func(c *tokens.VerifierConfig) { c.Cache = tokens.CacheConfig{Entries: 1024, Bytes: 400 << 10} })
		token := func(i int) tokens.Secret {
			d := draftOf(by, start)
			d.Claims = d.Claims.Set("jti", fmt.Sprintf(`"%d"`, i))
			return d.token(t)
		}
		var others []tokens.Secret
		for i := range 200 {
			others = append(others, token(i))
			counts(t, v, others[i], false, nil)
		}
		for i := range 200 { // of one caller: a third of what there is place for
			counts(t, v, token(1000+i), false, nil)
		}
		before := v.CacheStats().Hits
		for _, other := range others {
			if _, err := v.Verify(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}
		if kept := v.CacheStats().Hits - before; kept < 120 {
			t.Errorf("of 200 entries %d are left", kept)
		}
		for i := range 1500 {
			counts(t, v, token(2000+i), false, nil)
			if s := v.CacheStats(); s.Entries > 1024 || s.Bytes > 400<<10 || s.Bytes < 0 {
				t.Fatalf("%+v", s)
			}
		}
	})

	t.Run("what is wrong with its bounds is said", func(t *testing.T) {
		t.Parallel()
		_, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: setOf(t, by.key), Issuer: issuer, Audience: audience, Cache: tokens.CacheConfig{Bytes: 1}})
		if want := "tokens: VerifierConfig.Cache.Bytes: must be 65536 or more, or 0 for 8388608, got 1"; fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// The invalid tokens are refused with the cache hot, by many callers at once, while
// the keys are replaced and a session is ended.
func TestInvalidTokensWithTheCacheHot(t *testing.T) {
	t.Parallel()
	var all []keys.Key
	for _, algorithm := range []string{"ES256", "HS256", "EdDSA"} {
		all = append(all, signerOf(algorithm).key)
	}
	ring := ring(t, all...)
	r, one, _ := opened(t, onRing(ring), func(c *tokens.Config) { c.Cache.HMAC = true })
	cases := invalidTokens(t, r.clock.time(), all...)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range cases {
				c := cases[(i+worker*len(cases)/4)%len(cases)]
				for range 2 {
					_, err := r.Verify(t.Context(), c.Token)
					refused := errors.Is(err, tokens.ErrInvalidToken) || errors.Is(err, tokens.ErrExpiredToken)
					if good := c.Verdict == tokentest.Good || c.Verdict == tokentest.Harmless; good != (err == nil) || !good && !refused {
						t.Errorf("%s: %v", c.Name, err)
					}
				}
				if i%16 == 0 {
					if err := ring.Replace(all...); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	r.verify(t, one.AccessToken)
	if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
		t.Error(err)
	}
	for range 100 {
		_, err := r.Verify(t.Context(), one.AccessToken)
		wantError(t, err, tokens.ErrRevokedToken)
	}
	wg.Wait()
	if s := r.CacheStats(); s.Hits == 0 {
		t.Errorf("%+v", s)
	}
}
