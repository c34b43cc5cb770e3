package tokens_test

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func verifierOf(tb testing.TB, now func() time.Time, all ...keys.Key) *tokens.Verifier {
	tb.Helper()
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: setOf(tb, all...), Issuer: issuer, Audience: audience, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// What a request costs is also what it leaves to the garbage collector.
func TestVerifyAllocates(t *testing.T) { //nolint:paralleltest // allocations of other tests would count
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	clock := func() time.Time { return now }
	by := signerOf("HS256")
	v := verifierOf(t, clock, by.key)
	d := draftOf(by, now)
	escaped := d
	escaped.Claims = d.Claims.Set("dept", `"r\u0026d"`)
	late := d
	late.Claims = d.Claims.Set("exp", "1")
	ended := d
	ended.Claims = d.Claims.Set("exp", strconv.FormatInt(now.Unix()-1, 10))
	foreign := d
	foreign.Claims = d.Claims.Set("iss", `"https://other.example"`)
	signed := string(d.token(t))
	for _, test := range []struct {
		name  string
		token tokens.Secret
		most  float64
		want  error
	}{
		{"a good token", d.token(t), 1, nil},
		{"a good token with an escape in a claim of the host's", escaped.token(t), 1, nil},
		{"a token that expired just now", ended.token(t), 0, tokens.ErrExpiredToken},
		{"a token that expired long ago", late.token(t), 0, tokens.ErrInvalidToken},
		{"a token of another issuer", foreign.token(t), 0, tokens.ErrInvalidToken},
		{"a bad signature", tokens.Secret(signed[:len(signed)-4] + "AAAA"), 0, tokens.ErrInvalidToken},
		{"dots", tokens.Secret(strings.Repeat(".", 8000)), 0, tokens.ErrInvalidToken},
		{"a token that is too long", tokens.Secret(strings.Repeat("a", tokens.MaxAccessToken+1)), 0, tokens.ErrInvalidToken},
	} {
		got := testing.AllocsPerRun(200, func() {
			if p, err := v.Verify(t.Context(), test.token); !errors.Is(err, test.want) || err != nil && p != (tokens.Principal{}) {
				t.Errorf("%s: %v, %v", test.name, p, err)
			}
		})
		// what is pooled is now and then made anew, with the race detector at random
		if got > test.most && !raced {
			t.Errorf("%s: %v allocations, want %v at most", test.name, got, test.most)
		}
	}
}

// A token that would be refused whatever its signature costs no cryptography.
func TestClaimsAreCheckedBeforeTheSignature(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	by := signerOf("ES256")
	v := verifierOf(t, clock.time, by.key)
	good := draftOf(by, clock.time())
	for name, change := range map[string]func(*draft){
		"another issuer":           func(d *draft) { d.Claims = d.Claims.Set("iss", `"https://other.example"`) },
		"another audience":         func(d *draft) { d.Claims = d.Claims.Set("aud", `["a","b"]`) },
		"expired an hour ago":      func(d *draft) { d.Claims = d.Claims.Set("exp", unix(clock.time().Add(-time.Hour-time.Second))) },
		"good tomorrow":            func(d *draft) { d.Claims = d.Claims.Set("nbf", unix(clock.time().Add(24*time.Hour))) },
		"without a subject":        func(d *draft) { d.Claims = d.Claims.Drop("sub") },
		"an issuer with an escape": func(d *draft) { d.Claims = d.Claims.Set("iss", `"https:\/\/other.example"`) },
		"claims that are not JSON": func(d *draft) { d.ClaimsText = `{"sub":"u-alice"` },
	} {
		t.Run(name+" is refused alike with a good and with a bad signature", func(t *testing.T) {
			t.Parallel()
			genuine := good
			change(&genuine)
			forged := genuine
			forged.Sign = func(string) []byte { return make([]byte, 64) }
			_, err := v.Verify(t.Context(), genuine.token(t))
			_, err2 := v.Verify(t.Context(), forged.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
			if err.Error() != err2.Error() || strings.Contains(err.Error(), "alice") || strings.Contains(err.Error(), "other.example") {
				t.Errorf("%v, and forged %v", err, err2)
			}
		})
	}

	t.Run("P30: expired is said of a genuine token only, for as long as an access token lives", func(t *testing.T) {
		t.Parallel()
		for after, want := range map[time.Duration]error{
			0: tokens.ErrExpiredToken, time.Hour: tokens.ErrExpiredToken, time.Hour + time.Second: tokens.ErrInvalidToken,
		} {
			d := good
			d.Claims = d.Claims.Set("exp", unix(clock.time().Add(-after)))
			_, err := v.Verify(t.Context(), d.token(t))
			wantError(t, err, want)
			d.Sign = func(string) []byte { return make([]byte, 64) }
			_, err = v.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
		r := open(t, func(c *tokens.Config) { c.AccessTTL = time.Minute })
		token := r.login(t).AccessToken
		r.clock.move(2 * time.Minute)
		_, err := r.Verify(t.Context(), token)
		wantError(t, err, tokens.ErrExpiredToken)
		r.clock.move(time.Second)
		_, err = r.Verify(t.Context(), token)
		wantError(t, err, tokens.ErrInvalidToken)
	})
}

func TestFaultC5ATokenIsValidAtOnceOnANodeWhoseClockIsBehind(t *testing.T) {
	t.Parallel()
	r := open(t)
	token := r.login(t).AccessToken
	for behind, want := range map[time.Duration]error{time.Second: nil, 2 * time.Second: nil, 10 * time.Second: nil, 11 * time.Second: tokens.ErrInvalidToken} {
		node := verifierOf(t, func() time.Time { return r.clock.time().Add(-behind) }, r.config.Keys...)
		if _, err := node.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%v behind: %v, want %v", behind, err, want)
		}
	}
}

// What is pooled is never one caller's while another has it.
func TestVerifyAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var all []keys.Key
	for _, algorithm := range []string{"HS256", "HS512", "ES256", "EdDSA"} {
		all = append(all, signerOf(algorithm).key)
	}
	v := verifierOf(t, func() time.Time { return now }, all...)
	var wg sync.WaitGroup
	for i := range 16 {
		d := draftOf(signerOf([]string{"HS256", "HS512", "ES256", "EdDSA"}[i%4]), now)
		name := strings.Repeat(string(rune('a'+i)), 10*i+1)
		d.Claims = d.Claims.Set("sub", `"`+name+`"`)
		token := d.token(t)
		bad := token[:len(token)-6] + "AAAAAA"
		wg.Go(func() {
			for range 50 {
				p, err := v.Verify(t.Context(), token)
				if err != nil || p.Subject != name {
					t.Errorf("%s: %v", p.Subject, err)
				}
				if _, err := v.Verify(t.Context(), bad); !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("a bad signature: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkVerify is a token that was not seen before, and one that was.
func BenchmarkVerify(b *testing.B) {
	now := time.Now().Truncate(time.Second)
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		by := signerOf(algorithm)
		token := draftOf(by, now).token(b)
		for name, cache := range map[string]tokens.CacheConfig{"cold": {Entries: -1}, "cached": {HMAC: true}} {
			b.Run(algorithm+"/"+name, func(b *testing.B) {
				v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: setOf(b, by.key), Issuer: issuer, Audience: audience, Cache: cache})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// Rounds of both in turn, and the fastest round of each: other work on the machine
// moves the two alike.
func BenchmarkVerifyBesideGolangJWT(b *testing.B) {
	now := time.Now().Truncate(time.Second)
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		by := signerOf(algorithm)
		d := draftOf(by, now)
		v := verifierOf(b, nil, by.key)
		parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
		for name, change := range map[string]func(*draft){
			"good":             func(*draft) {},
			"wrong-issuer":     func(d *draft) { d.Claims = d.Claims.Set("iss", `"https://other.example"`) },
			"expired-long-ago": func(d *draft) { d.Claims = d.Claims.Set("exp", "1") },
		} {
			e := d
			change(&e)
			token := e.token(b)
			signed, sum := cut(string(token))
			contestants := []func(){
				func() { _, _ = v.Verify(b.Context(), token) },
				func() {
					_, _ = parser.ParseWithClaims(string(token), &theirClaims{}, func(*jwt.Token) (any, error) { return by.verify, nil })
				},
				func() { _ = by.method.Verify(signed, sum, by.verify) },
			}
			b.Run(algorithm+"/"+name, func(b *testing.B) {
				best := make([]time.Duration, len(contestants))
				for b.Loop() {
					for i, run := range contestants {
						start := time.Now()
						for range 20 {
							run()
						}
						if took := time.Since(start); best[i] == 0 || took < best[i] {
							best[i] = took
						}
					}
				}
				b.ReportMetric(float64(best[0].Nanoseconds())/20, "ns/verify")
				b.ReportMetric(float64(best[0])/float64(best[1]), "x-golang-jwt")
				b.ReportMetric(float64(best[0])/float64(best[2]), "x-raw")
			})
		}
	}
}

// theirClaims are read by golang-jwt as a careful host has it.
type theirClaims struct {
	jwt.RegisteredClaims

	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Tier     string `json:"tier"`
	Sid      string `json:"sid"`
	Acct     string `json:"acct"`
	Seats    int    `json:"seats"`
}

func cut(token string) (signed string, signature []byte) {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		panic(err)
	}
	return token[:dot], signature
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
