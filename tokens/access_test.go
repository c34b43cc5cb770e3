package tokens_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func hostClaims(_ context.Context, u store.User) (map[string]any, error) {
	return map[string]any{"https://issuer.example/dept": "r&d <" + u.Login + ">", "https://issuer.example/floors": []int{1, 2}}, nil
}

// peer reads a token with golang-jwt's own parser.
func peer(token tokens.Secret, by signer, now time.Time) (*jwt.Token, error) {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{by.key.Algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }),
	).Parse(string(token), func(*jwt.Token) (any, error) { return by.verify, nil })
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(algorithm+" tokens of ours are good for golang-jwt, and its tokens for us", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			r := open(t, func(c *tokens.Config) { c.Keys, c.Claims = []keys.Key{by.key}, hostClaims })
			ours := r.login(t)
			theirs, err := peer(ours.AccessToken, by, r.clock.time())
			if err != nil {
				t.Fatalf("golang-jwt: %v", err)
			}
			if !reflect.DeepEqual(map[string]any(theirs.Claims.(jwt.MapClaims)), claimsOf(t, ours.AccessToken)) {
				t.Errorf("golang-jwt reads %v", theirs.Claims)
			}

			made := jwt.NewWithClaims(by.method, jwt.MapClaims(claimsOf(t, ours.AccessToken)))
			made.Header["kid"], made.Header["typ"] = by.key.ID, "at+jwt"
			text, err := made.SignedString(by.sign)
			if err != nil {
				t.Fatal(err)
			}
			got := r.verify(t, tokens.Secret(text))
			var a, b map[string]any
			if err := errors.Join(got.Claims(&a), ours.Principal.Claims(&b)); err != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("of golang-jwt's token we read %v, %v", a, err)
			}
		})
	}
}

// D116, D123, D124: RFC 9068 §2, read with nothing of ours.
func TestAccessToken(t *testing.T) {
	t.Parallel()
	t.Run("D116: header and claims are those of RFC 9068 and ours, and no others", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.AccessTTL = 17 * time.Minute })
		r.clock.move(999 * time.Millisecond)
		p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		header, claims := parts(t, p.AccessToken)
		if want := map[string]any{"alg": "HS256", "kid": "hs", "typ": "at+jwt"}; !reflect.DeepEqual(header, want) {
			t.Errorf("the header is %v, want %v", header, want)
		}
		now := float64(r.clock.time().Unix())
		want := map[string]any{
			"iss": issuer, "sub": alice.ID, "aud": audience, "exp": now + 17*60, "nbf": now - 10, "iat": now,
			"client_id": "shop", "scope": "read write admin", "acct": "acme", "tier": "free", "seats": 3.0,
			"jti": p.Principal.TokenID, "sid": p.Principal.SessionID,
			"auth_time": now, "amr": []any{"pwd"},
		}
		if !reflect.DeepEqual(claims, want) {
			t.Errorf("the claims are %v\nwant %v", claims, want)
		}
		if p.ExpiresIn != 17*time.Minute {
			t.Errorf("ExpiresIn = %v, want 17m", p.ExpiresIn)
		}
	})

	t.Run("client_id, which RFC 9068 requires, is there even where none was named", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password, AccessOnly: true})
		now := float64(r.clock.time().Unix())
		want := map[string]any{
			"iss": issuer, "sub": bob.ID, "aud": audience, "exp": now + 3600, "nbf": now - 10, "iat": now,
			"client_id": "", "tier": "premium", "seats": 1.0, "jti": p.Principal.TokenID,
			"auth_time": now, "amr": []any{"pwd"},
		}
		if got := claimsOf(t, p.AccessToken); !reflect.DeepEqual(got, want) {
			t.Errorf("the claims are %v\nwant %v", got, want)
		}
	})

	t.Run("what Verify returns is what the pair said", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Claims = hostClaims })
		p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		got := r.verify(t, p.AccessToken)
		if got != p.Principal {
			t.Errorf("Verify = %+v\nwant %+v", got, p.Principal)
		}
		for _, scope := range alice.Scopes {
			if !got.HasScope(scope) {
				t.Errorf("HasScope(%q) = false", scope)
			}
		}
		for _, scope := range []string{"", "rea", "read write", "READ", " "} {
			if got.HasScope(scope) {
				t.Errorf("HasScope(%q) = true", scope)
			}
		}
		if (tokens.Principal{}).HasScope("") {
			t.Error(`the zero Principal: HasScope("")`)
		}
	})

	t.Run("a principal's scopes belong to the caller", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.verify(t, r.login(t).AccessToken)
		p.Scopes()[0] = "root"
		if !slices.Equal(p.Scopes(), alice.Scopes) {
			t.Errorf("Scopes = %q", p.Scopes())
		}
	})

	t.Run("D124: jti is another in each token, sid the same in all of a session", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		names, sessions := map[string]bool{}, map[string]bool{}
		p := r.login(t)
		for range 50 {
			names[p.Principal.TokenID], sessions[p.Principal.SessionID] = true, true
			p = r.refresh(t, p.RefreshToken)
		}
		if len(names) != 50 || len(sessions) != 1 {
			t.Errorf("50 tokens of one session have %d jti and %d sid", len(names), len(sessions))
		}
	})

	t.Run("sid is the session's ID in the store, and of the refresh token it has a hash only", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		sid := p.Principal.SessionID
		if id := r.store.row(t).ID; sid == "" || sid != id {
			t.Errorf("sid = %q, the session's ID is %q", sid, id)
		}
		secret := secretOf(t, p.RefreshToken)
		if text := fmt.Sprint(r.store.rows(t)); strings.Contains(text, secret) || strings.Contains(string(p.AccessToken), secret) || strings.Contains(string(p.RefreshToken), sid) {
			t.Errorf("the session's secret is in its row or in its access token")
		}
		// another hash would part the tokens that are out from their sessions
		sum := sha256.Sum256([]byte("sallyport sid\x00" + secret))
		if want := base64.RawURLEncoding.EncodeToString(sum[:16]); sid != want {
			t.Errorf("sid = %q, want %q", sid, want)
		}
	})

	t.Run("what the account may be called survives the token", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		for _, text := range []string{`<a href="x">&'`, "日本語 🏰", "a\\b\"c", "\u2028\u2029", "tab\there"} {
			u := alice
			u.Account, u.Tier = text, text
			r.set(t, u)
			p := r.login(t)
			got := r.verify(t, p.AccessToken)
			claims := claimsOf(t, p.AccessToken)
			if got.Account != text || got.Tier != text || claims["acct"] != text || p.Principal != got {
				t.Errorf("%q became %q", text, got.Account)
			}
		}
	})

	t.Run("a token of 8 KiB is made and read, and none that is longer", func(t *testing.T) {
		t.Parallel()
		size := 0
		r := open(t, func(c *tokens.Config) {
			c.Claims = func(context.Context, store.User) (map[string]any, error) {
				return map[string]any{"pad": strings.Repeat("x", size)}, nil
			}
		})
		longest := 0
		for size = 5000; size < 7000; size++ {
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "bob", Password: password, AccessOnly: true})
			if err != nil {
				wantError(t, err, tokens.ErrClaims)
				break
			}
			longest = len(p.AccessToken)
			r.verify(t, p.AccessToken)
		}
		if longest > tokens.MaxAccessToken || longest < tokens.MaxAccessToken-3 {
			t.Errorf("the longest has %d bytes", longest)
		}
	})
}

func TestHostClaims(t *testing.T) {
	t.Parallel()
	claiming := func(claims map[string]any) func(*tokens.Config) {
		return func(c *tokens.Config) {
			c.Claims = func(context.Context, store.User) (map[string]any, error) { return claims, nil }
		}
	}

	t.Run("the host's claims come through Principal.Claims, beside the registered ones", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Claims = hostClaims })
		p := r.verify(t, r.login(t).AccessToken)
		var got struct {
			Subject string `json:"sub"`
			Dept    string `json:"https://issuer.example/dept"`
			Floors  []int  `json:"https://issuer.example/floors"`
		}
		if err := p.Claims(&got); err != nil || got.Subject != alice.ID || got.Dept != "r&d <alice>" || !slices.Equal(got.Floors, []int{1, 2}) {
			t.Errorf("Claims = %+v, %v", got, err)
		}
	})

	t.Run("the zero Principal has no claims", func(t *testing.T) {
		t.Parallel()
		got := map[string]any{"left": "alone"}
		if err := (tokens.Principal{}).Claims(&got); err != nil || len(got) != 1 {
			t.Errorf("Claims = %v, %v", got, err)
		}
	})

	t.Run("a principal's claims belong to the caller", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Claims = hostClaims })
		p := r.verify(t, r.login(t).AccessToken)
		var one, two map[string]any
		if err := p.Claims(&one); err != nil {
			t.Fatal(err)
		}
		clear(one)
		if err := p.Claims(&two); err != nil || two["sub"] != alice.ID {
			t.Errorf("Claims = %v, %v", two, err)
		}
	})

	t.Run("no claims, and nil, are no more claims", func(t *testing.T) {
		t.Parallel()
		for _, claims := range []map[string]any{nil, {}} {
			r := open(t, claiming(claims))
			r.verify(t, r.login(t).AccessToken)
		}
	})

	// P31: what encoding/json takes for the same name is one name, too.
	for _, registered := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "acct", "tier", "seats"} {
		for _, name := range []string{registered, strings.ToUpper(registered), strings.Title(registered), strings.ReplaceAll(registered, "s", "ſ")} { //nolint:staticcheck // ASCII
			t.Run("P31: the host cannot set "+name, func(t *testing.T) {
				t.Parallel()
				r := open(t, claiming(map[string]any{"harmless": 1, name: "mallory"}))
				_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				wantError(t, err, tokens.ErrClaims)
			})
		}
	}

	t.Run("whatever the host claims, a token that is handed out is good", func(t *testing.T) {
		t.Parallel()
		for _, claims := range []map[string]any{
			{"": "empty"},
			{`"quote"`: `\`},
			{"a\xff": 1},
			{"a\xff": 1, "a\xfe": 2}, // the same name, once JSON has written it
			{"a\xff": 1, "a\ufffd": 2},
			{"raw": json.RawMessage("\"\xff\"")},
			{"raw": json.RawMessage(`{"a":1,"a":2}`)},
			{"raw": json.RawMessage(` [ 1 , 2 ] `)},
			{"raw": json.RawMessage(`1 2`)},
			{"raw": json.RawMessage(`}{`)},
			{"raw": json.RawMessage(``)},
			{"number": json.Number("1e400")},
			{"number": json.Number("x")},
			{"deep": json.RawMessage(strings.Repeat("[", 2000) + strings.Repeat("]", 2000))},
			{"nothing": nil},
			{"text": "\xff\x00\u2028"},
			{"float": 1e308},
			{"secret": password},
			{"iss ": "x", " sub": "y"},
		} {
			r := open(t, claiming(claims))
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			if err != nil {
				wantError(t, err, tokens.ErrClaims)
				continue
			}
			got, err := r.Verify(t.Context(), p.AccessToken)
			if err != nil || got != p.Principal {
				t.Errorf("%q: Verify = %+v, %v", slices.Collect(maps.Keys(claims)), got, err)
			}
		}
	})

	t.Run("the host's function is given the user as they are now", func(t *testing.T) {
		t.Parallel()
		var seen []store.User
		r := open(t, func(c *tokens.Config) {
			c.Claims = func(_ context.Context, u store.User) (map[string]any, error) {
				u.CredentialVersion = "" // the store's own
				seen = append(seen, u)
				return nil, nil
			}
		})
		one := r.login(t)
		u := alice
		u.Tier = "premium"
		r.set(t, u)
		r.refresh(t, one.RefreshToken)
		if !reflect.DeepEqual(seen, []store.User{alice, u}) {
			t.Errorf("it was given %+v", seen)
		}
	})
}

func TestPrincipalInContext(t *testing.T) {
	t.Parallel()
	if p, ok := tokens.PrincipalFrom(t.Context()); ok || p != (tokens.Principal{}) {
		t.Errorf("PrincipalFrom(empty) = %+v, %v", p, ok)
	}
	want := tokens.Principal{Subject: "u"}
	if p, ok := tokens.PrincipalFrom(tokens.WithPrincipal(t.Context(), want)); !ok || p != want {
		t.Errorf("PrincipalFrom = %+v, %v", p, ok)
	}
}
