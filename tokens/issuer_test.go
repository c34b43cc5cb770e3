package tokens_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

const other = "https://login.example/realms/shop"

// another is the zero Issuer with what is required, and users of its own.
func another(tb testing.TB, all ...keys.Key) tokens.Issuer {
	tb.Helper()
	return tokens.Issuer{Issuer: other, Audiences: []string{audience}, Keys: setOf(tb, all...), SubjectPrefix: "shop|"}
}

func verifying(tb testing.TB, now time.Time, all ...tokens.Issuer) *tokens.Verifier {
	tb.Helper()
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Issuers: all, Now: func() time.Time { return now }})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// draftBy is a token of the other issuer, as an Authority would write it.
func draftBy(by signer, now time.Time) draft {
	d := draftOf(by, now)
	d.Claims = d.Claims.Set("iss", forge.Quoted(other))
	return d
}

// shapes are the settings for tokens of several products, and a token as each writes
// it, by its documentation. KEY is the key's ID, and the times are those of NOW and
// EXP.
var shapes = []struct {
	name           string
	header, claims string
	set            func(*tokens.Issuer)
	want           tokens.Principal
}{
	{
		name:   "Keycloak", // Server Administration Guide, client scopes and protocol mappers
		header: `{"alg":"RS256","typ":"JWT","kid":"KEY"}`,
		claims: `{"exp":EXP,"iat":NOW,"auth_time":NOW,"jti":"onrtac:1f0c","iss":"https://sso.example/realms/shop","aud":["shop-api","account"],"sub":"f1c4f64e",
			"typ":"Bearer","azp":"shop-web","sid":"4c0a3a8a","acr":"1","allowed-origins":["https://shop.example"],
			"realm_access":{"roles":["default-roles-shop","buyer"]},"resource_access":{"shop-api":{"roles":["orders:read"]},"account":{"roles":["manage-account"]}},
			"scope":"openid profile","email_verified":true,"preferred_username":"ada","org":"acme","plan":"premium","seats":4}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.Audiences, i.AcceptTypJWT, i.Require = "https://sso.example/realms/shop", []string{"shop-api"}, true, map[string]string{"typ": "Bearer"}
			i.Claims = &tokens.ClaimNames{
				Scopes: []string{"scope", "/realm_access/roles", "/resource_access/shop-api/roles"}, ClientID: "azp", SessionID: "sid",
				Account: "org", Tier: "plan", Seats: "seats",
			}
		},
		want: tokens.Principal{
			Subject: "p|f1c4f64e", Account: "p|acme", Tier: "premium", Seats: 4, ClientID: "shop-web", SessionID: "p|4c0a3a8a", TokenID: "onrtac:1f0c",
			Scope: "openid profile default-roles-shop buyer orders:read",
		},
	},
	{
		name:   "Entra, v2.0", // access token claims reference
		header: `{"typ":"JWT","alg":"RS256","x5t":"nooutZVhg","kid":"KEY"}`,
		claims: `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","iss":"https://login.microsoftonline.com/72f988bf/v2.0","iat":NOW,"nbf":NOW,"exp":EXP,
			"aio":"ATQAy/8TAAAA","azp":"e25b2c1f","azpacr":"1","name":"Ada","oid":"690222be","preferred_username":"ada@example.com","rh":"0.AQEA",
			"roles":["Orders.Write"],"scp":"Orders.Read access_as_user","sub":"HKZpfaHyWadeOouYlitj","tid":"72f988bf","uti":"fqiBqXLPj0eQa82S","ver":"2.0"}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.Audiences = "https://login.microsoftonline.com/72f988bf/v2.0", []string{"6e74172b-be56-4843-9ff4-e66a39bb12e3", "api://shop"}
			i.AcceptTypJWT, i.Require = true, map[string]string{"ver": "2.0"}
			i.Claims = &tokens.ClaimNames{Subject: "oid", TokenID: "uti", Scopes: []string{"scp", "roles"}, ClientID: "azp", Account: "tid"}
		},
		want: tokens.Principal{
			Subject: "p|690222be", Account: "p|72f988bf", ClientID: "e25b2c1f", TokenID: "fqiBqXLPj0eQa82S", Scope: "Orders.Read access_as_user Orders.Write",
		},
	},
	{
		name:   "Okta, a custom authorization server", // OpenID Connect & OAuth 2.0 API, access token
		header: `{"kid":"KEY","alg":"RS256"}`,
		claims: `{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://example.okta.com/oauth2/default","aud":"api://default","iat":NOW,"exp":EXP,
			"cid":"nmdP1fcyvdVO11AL7ECm","uid":"00ujmkLgagxeRrAg20g3","scp":["openid","orders"],"auth_time":NOW,"sub":"ada@example.com"}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.Audiences, i.AcceptTypJWT = "https://example.okta.com/oauth2/default", []string{"api://default"}, true
			i.Claims = &tokens.ClaimNames{Subject: "uid", Scopes: []string{"scp"}, ClientID: "cid"}
		},
		want: tokens.Principal{Subject: "p|00ujmkLgagxeRrAg20g3", ClientID: "nmdP1fcyvdVO11AL7ECm", Scope: "openid orders", TokenID: "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE"},
	},
	{
		name:   "Cognito", // Developer Guide, understanding the access token: no typ, and no aud
		header: `{"kid":"KEY","alg":"RS256"}`,
		claims: `{"sub":"aaaaaaaa-bbbb","cognito:groups":["buyers"],"iss":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example","version":2,
			"client_id":"xxxxxxxxxxxxexample","origin_jti":"bbbb","event_id":"64f513be","token_use":"access","scope":"openid shop/orders.read",
			"auth_time":NOW,"exp":EXP,"iat":NOW,"jti":"cccc","username":"ada"}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.Audiences, i.AudienceClaim = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example", []string{"xxxxxxxxxxxxexample"}, "client_id"
			i.AcceptTypJWT, i.Require = true, map[string]string{"token_use": "access"}
			i.Claims = &tokens.ClaimNames{Scopes: []string{"scope", "cognito:groups"}, ClientID: "client_id", SessionID: "origin_jti"}
		},
		want: tokens.Principal{Subject: "p|aaaaaaaa-bbbb", ClientID: "xxxxxxxxxxxxexample", SessionID: "p|bbbb", TokenID: "cccc", Scope: "openid shop/orders.read buyers"},
	},
	{
		name:   "Hydra", // JWT access tokens, with the scope claim strategy list
		header: `{"alg":"RS256","kid":"KEY","typ":"JWT"}`,
		claims: `{"aud":["https://api.example"],"client_id":"shop","exp":EXP,"ext":{"tenant":"acme","tier":"free"},"iat":NOW,"iss":"https://hydra.example/","jti":"b0a7","nbf":NOW,
			"scp":["orders","offline"],"sub":"ada"}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.AcceptTypJWT = "https://hydra.example/", true
			i.Claims = &tokens.ClaimNames{Scopes: []string{"scp"}, ClientID: "client_id", Account: "/ext/tenant", Tier: "/ext/tier"}
		},
		want: tokens.Principal{Subject: "p|ada", Account: "p|acme", Tier: "free", ClientID: "shop", Scope: "orders offline", TokenID: "b0a7"},
	},
	{
		name:   "a program of the host's, by golang-jwt or PyJWT: no kid, no jti, no iat",
		header: `{"alg":"RS256","typ":"JWT"}`,
		claims: `{"iss":"shop","aud":"https://api.example","sub":"17","exp":EXP,"https://shop.example/tier":"free"}`,
		set: func(i *tokens.Issuer) {
			i.Issuer, i.AcceptTypJWT, i.AcceptWithoutKeyID, i.AcceptWithoutTokenID, i.AcceptWithoutIssuedAt = "shop", true, true, true, true
			i.Claims = &tokens.ClaimNames{Tier: "https://shop.example/tier"}
		},
		want: tokens.Principal{Subject: "p|17", Tier: "free"},
	},
}

// shaped returns the settings and the token of a shape, signed by the key.
func shaped(tb testing.TB, n int, by signer, now time.Time) (tokens.Issuer, draft) {
	tb.Helper()
	i := tokens.Issuer{Audiences: []string{audience}, Keys: setOf(tb, by.key), SubjectPrefix: "p|"}
	shapes[n].set(&i)
	filled := strings.NewReplacer("KEY", by.key.ID, "NOW", unix(now), "EXP", unix(now.Add(time.Hour)), "\n", "", "\t", "")
	return i, draft{Draft: forge.Draft{HeaderText: filled.Replace(shapes[n].header), ClaimsText: filled.Replace(shapes[n].claims)}, by: by}
}

func TestTokensAsOtherIssuersWriteThem(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("RS256")
	var all []tokens.Issuer
	for n := range shapes {
		i, _ := shaped(t, n, by, now)
		i.SubjectPrefix = fmt.Sprintf("%d|", n)
		all = append(all, i)
	}
	together := verifying(t, now, all...)
	for n, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			i, d := shaped(t, n, by, now)
			v := verifying(t, now, i)
			for range 2 { // then from the cache
				p, err := v.Verify(t.Context(), d.token(t))
				if err != nil {
					t.Fatal(err)
				}
				want := shape.want
				want.Issuer, want.Restricted, want.ExpiresAt, want.IssuedAt = i.Issuer, true, now.Add(time.Hour), p.IssuedAt
				if strings.Contains(shape.claims, `"acr":"1"`) {
					want.ContextClass = "1"
				}
				if strings.Contains(shape.claims, "auth_time") {
					want.AuthenticatedAt = now
				}
				if got := withoutClaims(p); !reflect.DeepEqual(got, want) || !p.IssuedAt.IsZero() != strings.Contains(shape.claims, "iat") {
					t.Errorf("%+v\nwant %+v", got, want)
				}
				all := map[string]any{}
				if err := p.Claims(&all); err != nil || !reflect.DeepEqual(all, unmarshalled(t, d.ClaimsText)) {
					t.Errorf("Claims = %v, %v", all, err)
				}
			}
			if s := v.CacheStats(); s.Hits != 1 {
				t.Errorf("%+v", s)
			}
			if _, err := together.Verify(t.Context(), d.token(t)); err != nil {
				t.Errorf("beside the others: %v", err)
			}
			strict := tokens.Issuer{Issuer: i.Issuer, Audiences: i.Audiences, Keys: i.Keys}
			_, err := verifying(t, now, strict).Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
			for other := range shapes {
				if other == n {
					continue
				}
				j, _ := shaped(t, other, by, now)
				_, err := verifying(t, now, j).Verify(t.Context(), d.token(t))
				wantError(t, err, tokens.ErrInvalidToken)
			}
		})
	}
}

// The sets as these products publish them: with keys for encryption, without alg, and
// with certificates.
func TestSetsAsOtherIssuersPublishThem(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("RS256")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(setOf(t, by.key).JWKS(now), &set); err != nil {
		t.Fatal(err)
	}
	n, e := set.Keys[0]["n"], set.Keys[0]["e"]
	for name, text := range map[string]string{
		"Keycloak": `{"keys":[{"kid":"enc","kty":"RSA","alg":"RSA-OAEP","use":"enc","n":"N","e":"E"},{"kid":"rs256","kty":"RSA","alg":"RS256","use":"sig","n":"N","e":"E","x5c":["MIIC"],"x5t":"AA","x5t#S256":"AA"}]}`,
		"Entra":    `{"keys":[{"kty":"RSA","use":"sig","kid":"rs256","x5t":"rs256","n":"N","e":"E","x5c":["MIIC"],"cloud_instance_name":"microsoftonline.com","issuer":"https://login.microsoftonline.com/72f988bf/v2.0"}]}`,
		"Okta":     `{"keys":[{"kty":"RSA","alg":"RS256","kid":"rs256","use":"sig","e":"E","n":"N","status":"ACTIVE"}]}`,
		"Cognito":  `{"keys":[{"alg":"RS256","e":"E","kid":"rs256","kty":"RSA","n":"N","use":"sig"}]}`,
		"Hydra":    `{"keys":[{"use":"sig","kty":"RSA","kid":"rs256","alg":"RS256","n":"N","e":"E"}]}`,
	} {
		keys, err := keys.SetFromJWKS([]byte(strings.NewReplacer(`"N"`, fmt.Sprintf("%q", n), `"E"`, fmt.Sprintf("%q", e)).Replace(text)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		i := another(t, by.key)
		i.Keys = keys
		if _, err := verifying(t, now, i).Verify(t.Context(), draftBy(by, now).token(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each setting accepts what it says, and nothing without it.
func TestWhatEachSettingOfAnIssuerAccepts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("ES256")
	for name, test := range map[string]struct {
		set    func(*tokens.Issuer)
		change func(*draft)
	}{
		"typ JWT":                      {func(i *tokens.Issuer) { i.AcceptTypJWT = true }, func(d *draft) { d.Header = d.Header.Set("typ", `"JWT"`) }},
		"no typ":                       {func(i *tokens.Issuer) { i.AcceptTypJWT = true }, func(d *draft) { d.Header = d.Header.Drop("typ") }},
		"a thumbprint in the header":   {func(i *tokens.Issuer) { i.AcceptTypJWT = true }, func(d *draft) { d.Header = d.Header.Set("x5t#S256", `"AAAA"`) }},
		"no kid":                       {func(i *tokens.Issuer) { i.AcceptWithoutKeyID = true }, func(d *draft) { d.Header = d.Header.Drop("kid") }},
		"no jti":                       {func(i *tokens.Issuer) { i.AcceptWithoutTokenID = true }, func(d *draft) { d.Claims = d.Claims.Drop("jti") }},
		"no iat":                       {func(i *tokens.Issuer) { i.AcceptWithoutIssuedAt = true }, func(d *draft) { d.Claims = d.Claims.Drop("iat") }},
		"a second audience":            {func(i *tokens.Issuer) { i.Audiences = []string{audience, "b"} }, func(d *draft) { d.Claims = d.Claims.Set("aud", `"b"`) }},
		"an audience in another claim": {func(i *tokens.Issuer) { i.AudienceClaim = "client_id" }, func(d *draft) { d.Claims = d.Claims.Drop("aud").Set("client_id", forge.Quoted(audience)) }},
		"an array of scopes":           {func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{Scopes: []string{"scope"}} }, func(d *draft) { d.Claims = d.Claims.Set("scope", `["read"]`) }},
		"a tier that is not read":      {func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{} }, func(d *draft) { d.Claims = d.Claims.Set("tier", `["premium"]`) }},
		"a subject in another claim":   {func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{Subject: "oid"} }, func(d *draft) { d.Claims = d.Claims.Drop("sub").Set("oid", `"1"`) }},
	} {
		i := another(t, by.key)
		d := draftBy(by, now)
		test.change(&d)
		_, err := verifying(t, now, i).Verify(t.Context(), d.token(t))
		if !errors.Is(err, tokens.ErrInvalidToken) {
			t.Errorf("%s is accepted without the setting: %v", name, err)
		}
		test.set(&i)
		if _, err := verifying(t, now, i).Verify(t.Context(), d.token(t)); err != nil {
			t.Errorf("%s is refused with the setting: %v", name, err)
		}
	}
}

// Whatever the settings, none of the invalid tokens is accepted.
func TestInvalidTokensInEachSettingOfAnIssuer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	pair := []keys.Key{signerOf("ES256").key, signerOf("HS256").key}
	for name, set := range map[string]func(*tokens.Issuer){
		"strict":                func(*tokens.Issuer) {},
		"AcceptTypJWT":          func(i *tokens.Issuer) { i.AcceptTypJWT = true },
		"AcceptWithoutKeyID":    func(i *tokens.Issuer) { i.AcceptWithoutKeyID = true },
		"AcceptWithoutTokenID":  func(i *tokens.Issuer) { i.AcceptWithoutTokenID = true },
		"AcceptWithoutIssuedAt": func(i *tokens.Issuer) { i.AcceptWithoutIssuedAt = true },
		"AudienceClaim":         func(i *tokens.Issuer) { i.AudienceClaim = "client_id" },
		"Require":               func(i *tokens.Issuer) { i.Require = map[string]string{"token_use": "access"} },
		"Claims": func(i *tokens.Issuer) {
			i.Claims = &tokens.ClaimNames{Subject: "oid", TokenID: "uti", Scopes: []string{"scp", "roles"}, ClientID: "azp", Account: "tid", Tier: "plan", Seats: "licences", SessionID: "session"}
		},
		"Claims that are not read": func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{} },
		"all of them": func(i *tokens.Issuer) {
			i.AcceptTypJWT, i.AcceptWithoutKeyID, i.AcceptWithoutTokenID, i.AcceptWithoutIssuedAt, i.AudienceClaim = true, true, true, true, "client_id"
			i.Require, i.Claims = map[string]string{"token_use": "access"}, &tokens.ClaimNames{Subject: "oid", Scopes: []string{"scp"}, ClientID: "client_id"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := another(t, pair...)
			set(&i)
			own, err := tokens.NewVerifier(tokens.VerifierConfig{
				Keys: setOf(t, signerOf("EdDSA").key), Issuer: issuer, Audience: audience, Issuers: []tokens.Issuer{i},
				Cache: tokens.CacheConfig{HMAC: true}, Now: func() time.Time { return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			target := tokentest.Target{Keys: pair, Issuer: other, Audience: audience, As: &i, Now: func() time.Time { return now }}
			cases, err := target.Cases()
			if err != nil {
				t.Fatal(err)
			}
			invalid := 0
			for _, c := range cases {
				if c.Verdict == tokentest.Bad || c.Verdict == tokentest.Expired {
					invalid++
				}
			}
			if invalid < 400 {
				t.Errorf("only %d tokens of two keys are invalid", invalid)
			}
			verify := func(cases []tokentest.Case) {
				for _, c := range cases {
					_, err := own.Verify(t.Context(), c.Token)
					refused := errors.Is(err, tokens.ErrInvalidToken) || errors.Is(err, tokens.ErrExpiredToken)
					if c.Verdict == tokentest.Good && err != nil || (c.Verdict == tokentest.Bad || c.Verdict == tokentest.Expired) && !refused {
						t.Errorf("%s: %v", c.Name, err)
					}
				}
			}
			verify(cases)
			if name == "all of them" {
				verify(cases) // with the cache hot
				// beside another issuer the verifier is as strict with its own tokens as alone
				verify(invalidTokens(t, now, signerOf("EdDSA").key))
			}
		})
	}
}

// A key verifies tokens of its own issuer only (RFC 8725 §3.10), whatever the kid, the
// algorithm, and what is in the cache.
func TestNoKeyVerifiesTokensOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, algorithm := range []string{"ES256", "HS256"} {
		mine, theirs := signerOf(algorithm), signerOf(algorithm)
		switch algorithm {
		case "ES256":
			theirs = signerOf("ES384") // another key
		case "HS256":
			theirs.key.Secret = secret("theirs", 64)
			theirs.sign = []byte(string(theirs.key.Secret))
		}
		theirs.key.ID = mine.key.ID // both have the same ID
		i := another(t, theirs.key)
		i.AcceptWithoutKeyID, i.AcceptTypJWT = true, true
		third := another(t, signerOf("EdDSA").key)
		third.Issuer, third.SubjectPrefix = "https://third.example", "third|"
		v, err := tokens.NewVerifier(tokens.VerifierConfig{
			Keys: setOf(t, mine.key), Issuer: issuer, Audience: audience, Issuers: []tokens.Issuer{i, third},
			Cache: tokens.CacheConfig{HMAC: true}, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, good := range []draft{draftOf(mine, now), draftBy(theirs, now)} {
			for range 2 {
				if _, err := v.Verify(t.Context(), good.token(t)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, change := range map[string]func(*draft, *draft){
			"the key of another issuer":    func(own, of *draft) { own.by, of.by = theirs, mine },
			"the other key, and no kid":    func(own, of *draft) { own.by, of.by = theirs, mine; of.Header = of.Header.Drop("kid") },
			"the name of the other issuer": func(own, of *draft) { own.Claims, of.Claims = of.Claims, own.Claims },
			"a third issuer": func(own, of *draft) {
				own.Claims = own.Claims.Set("iss", `"https://third.example"`)
				of.Claims = own.Claims
			},
			"an issuer that is not accepted": func(own, of *draft) {
				own.Claims = own.Claims.Set("iss", `"https://fourth.example"`)
				of.Claims = own.Claims
			},
			"no issuer":       func(own, of *draft) { own.Claims = own.Claims.Drop("iss"); of.Claims = own.Claims },
			"an empty issuer": func(own, of *draft) { own.Claims = own.Claims.Set("iss", `""`); of.Claims = own.Claims },
			"an array of issuers": func(own, of *draft) {
				own.Claims = own.Claims.Set("iss", `[`+forge.Quoted(issuer)+`,`+forge.Quoted(other)+`]`)
				of.Claims = own.Claims
			},
			"both issuers, its own first": func(own, of *draft) {
				own.Claims, of.Claims = own.Claims.Add("iss", forge.Quoted(other)), of.Claims.Add("iss", forge.Quoted(issuer))
			},
			"both issuers, its own last": func(own, of *draft) {
				own.Claims, of.Claims = append(forge.Object{{Name: "iss", Value: forge.Quoted(other)}}, own.Claims...), append(forge.Object{{Name: "iss", Value: forge.Quoted(issuer)}}, of.Claims...)
			},
			"both issuers, one with an escape": func(own, of *draft) {
				own.Claims, of.Claims = own.Claims.Add(`\u0069ss`, forge.Quoted(other)), of.Claims.Add(`\u0069ss`, forge.Quoted(issuer))
			},
			"the other issuer in other letters": func(own, of *draft) {
				own.Claims, of.Claims = own.Claims.Add("Iss", forge.Quoted(other)), of.Claims.Add("ISS", forge.Quoted(issuer))
			},
			"the other issuer with a slash behind": func(own, of *draft) {
				own.Claims = own.Claims.Set("iss", forge.Quoted(other+"/"))
				of.Claims = own.Claims
			},
			"the signature of the other's token": func(own, of *draft) {
				sum := of.signature(t)
				own.Sign = func(string) []byte { return sum }
				of.Sign = own.Sign
				of.Claims = of.Claims.Set("sub", `"root"`)
			},
			"the algorithm of the other key": func(own, of *draft) {
				own.Header = own.Header.Set("alg", `"ES384"`)
				of.Header = of.Header.Set("alg", `"EdDSA"`)
			},
		} {
			own, of := draftOf(mine, now), draftBy(theirs, now)
			change(&own, &of)
			for _, d := range []draft{own, of} {
				p, err := v.Verify(t.Context(), d.token(t))
				if !errors.Is(err, tokens.ErrInvalidToken) || p != (tokens.Principal{}) {
					t.Errorf("%s, %s: %+v, %v", algorithm, name, p, err)
				}
			}
		}
	}
}

func (d draft) signature(tb testing.TB) []byte {
	tb.Helper()
	_, sum := cut(string(d.token(tb)))
	return sum
}

// swapped is a source of keys that can be replaced, and can fail.
type swapped struct {
	set    atomic.Pointer[keys.Set]
	asked  atomic.Int64 // for a kid
	broken atomic.Bool
}

func (s *swapped) KeySet(_ context.Context, missing string) (*keys.Set, error) {
	if missing != "" {
		s.asked.Add(1)
	}
	if s.broken.Load() {
		return nil, errors.New("down")
	}
	return s.set.Load(), nil
}

func TestEachIssuerHasItsOwnSourceOfKeys(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	mine, theirs := signerOf("ES256"), signerOf("RS256")
	a, b := &swapped{}, &swapped{}
	a.set.Store(setOf(t, mine.key))
	b.set.Store(setOf(t, theirs.key))
	i := another(t, theirs.key)
	i.Keys = b
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: a, Issuer: issuer, Audience: audience, Issuers: []tokens.Issuer{i}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	own, of := draftOf(mine, now).token(t), draftBy(theirs, now).token(t)
	verify := func(token tokens.Secret, want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	verify(own, nil)
	verify(of, nil)
	verify(of, nil)
	if hits := v.CacheStats().Hits; hits != 1 {
		t.Errorf("%d hits, want 1", hits)
	}
	b.set.Store(setOf(t, theirs.key)) // replaced, by the same key
	verify(of, nil)
	if hits := v.CacheStats().Hits; hits != 1 {
		t.Errorf("%d hits after the keys were replaced, want 1", hits)
	}
	b.set.Store(setOf(t, signerOf("EdDSA").key)) // replaced, by another
	verify(of, tokens.ErrInvalidToken)
	verify(own, nil)
	unknown := draftBy(theirs, now)
	unknown.Header = unknown.Header.Set("kid", `"new"`)
	a.asked.Store(0)
	b.asked.Store(0)
	verify(unknown.token(t), tokens.ErrInvalidToken)
	if a.asked.Load() != 0 || b.asked.Load() != 1 {
		t.Errorf("the sources were asked for the kid %d and %d times, want 0 and 1", a.asked.Load(), b.asked.Load())
	}
	b.broken.Store(true)
	verify(of, tokens.ErrUnavailable)
	verify(own, nil)
	a.broken.Store(true)
	b.broken.Store(false)
	verify(own, tokens.ErrUnavailable)
	verify(of, tokens.ErrInvalidToken)
}

// An Authority accepts tokens of the system that a host leaves, and nothing more: its
// deny list knows them, and they manage nothing.
func TestAnAuthorityAcceptsTheTokensOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	by := signerOf("ES256")
	deny, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var i tokens.Issuer
	r := open(t, func(c *tokens.Config) {
		i = another(t, by.key)
		i.SubjectPrefix, i.SameUsers = "", true
		c.Issuers, c.Revocations = []tokens.Issuer{i}, deny
	})
	mine := r.login(t)
	d := draftBy(by, r.clock.time())
	d.Claims = d.Claims.Set("sub", forge.Quoted(alice.ID)).Set("sid", forge.Quoted(mine.Principal.SessionID)) // that of a session of hers
	token := d.token(t)
	p := r.verify(t, token)
	if p.Issuer != other || p.Subject != alice.ID || !p.Restricted || mine.Principal.Issuer != issuer {
		t.Errorf("%+v", p)
	}
	if _, _, err := r.CreateOwnAPIKey(t.Context(), p, tokens.KeyOptions{Label: "ci"}); !errors.Is(err, tokens.ErrNoSession) {
		t.Errorf("it creates an API key: %v", err)
	}
	if err := r.EndOtherSessions(t.Context(), p); !errors.Is(err, tokens.ErrNoSession) {
		t.Errorf("it ends sessions: %v", err)
	}
	if err := r.LogoutPrincipal(t.Context(), p); err != nil {
		t.Error(err)
	}
	if sid, err := r.Revoke(t.Context(), tokens.RevokeRequest{Token: token}); err != nil || sid != "" {
		t.Errorf("it revokes %q, %v", sid, err)
	}
	if of, err := r.Introspect(t.Context(), token); err != nil || of.Active {
		t.Errorf("%+v, %v", of, err)
	}
	if sid := r.SessionOf(t.Context(), token); sid != "" {
		t.Errorf("its session is %q", sid)
	}
	r.verify(t, mine.AccessToken)
	r.refresh(t, mine.RefreshToken)

	d.Claims = d.Claims.Set("sid", `"old"`)
	old := d.token(t)
	r.verify(t, old)
	if err := deny.DenySession(t.Context(), "old", r.clock.time().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err = r.Verify(t.Context(), old) // although it is in the cache
	wantError(t, err, tokens.ErrRevokedToken)
	r.clock.move(time.Hour + time.Second)
	_, err = r.Verify(t.Context(), token)
	wantError(t, err, tokens.ErrExpiredToken)
}

func TestWrongIssuersAreErrors(t *testing.T) {
	t.Parallel()
	by := signerOf("ES256")
	good := another(t, by.key)
	with := func(change func(*tokens.Issuer)) []tokens.Issuer {
		i := good
		change(&i)
		return []tokens.Issuer{i}
	}
	second := good
	second.Issuer = "https://second.example"
	for want, all := range map[string][]tokens.Issuer{
		"Issuers[0].Keys: is required":                                                                           with(func(i *tokens.Issuer) { i.Keys = nil }),
		"Issuers[0].Issuer: is required, of 512 bytes at most":                                                   with(func(i *tokens.Issuer) { i.Issuer = "" }),
		"Issuers[0].Issuer: must be valid UTF-8 without NUL":                                                     with(func(i *tokens.Issuer) { i.Issuer = "\xff" }),
		"Issuers[0].Issuer: must differ from that of every other issuer, got \"https://issuer.example\" twice":   with(func(i *tokens.Issuer) { i.Issuer = issuer }),
		"Issuers[0].Audiences: is required: from 1 to 16, got 0":                                                 with(func(i *tokens.Issuer) { i.Audiences = nil }),
		"Issuers[0].Audiences: must each be from 1 to 512 bytes of UTF-8 without NUL":                            with(func(i *tokens.Issuer) { i.Audiences = []string{audience, ""} }),
		"Issuers[0].SubjectPrefix: is required, or SameUsers: otherwise two issuers could name two people alike": with(func(i *tokens.Issuer) { i.SubjectPrefix = "" }),
		"Issuers[0].SubjectPrefix: must be at most 64 bytes of UTF-8 without NUL":                                with(func(i *tokens.Issuer) { i.SubjectPrefix = strings.Repeat("p", 65) }),
		"Issuers[0].SameUsers: must be false if SubjectPrefix is set":                                            with(func(i *tokens.Issuer) { i.SameUsers = true }),
		"Issuers[0].Require: must not have an empty name":                                                        with(func(i *tokens.Issuer) { i.Require = map[string]string{"": "x"} }),
		"Issuers[0].Claims.Scopes: must not have an empty name":                                                  with(func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{Scopes: []string{""}} }),
		"Issuers[0].Claims.Scopes: must be a name of UTF-8, or a JSON Pointer, got \"/a~2\"":                     with(func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{Scopes: []string{"/a~2", "scp"}} }),
		"Issuers[0].Claims.Tier: must be a name of UTF-8, or a JSON Pointer, got \"/a~2\"":                       with(func(i *tokens.Issuer) { i.Claims = &tokens.ClaimNames{Tier: "/a~2"} }),
		"Issuers[0].AudienceClaim: must be a name of UTF-8, or a JSON Pointer, got \"\\xff\"":                    with(func(i *tokens.Issuer) { i.AudienceClaim = "\xff" }),
		"Issuers[1].SubjectPrefix: must not begin as that of another issuer, got \"shop|\" and \"shop|\"":        {good, second},
		"Issuers: must be at most 64, got 65":                                                                    make([]tokens.Issuer, 65),
	} {
		_, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: setOf(t, by.key), Issuer: issuer, Audience: audience, Issuers: all})
		if fmt.Sprint(err) != "tokens: VerifierConfig."+want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if _, err := tokens.NewVerifier(tokens.VerifierConfig{Audience: audience, Issuers: []tokens.Issuer{good}}); err == nil {
		t.Error("an audience without an issuer and keys has no error")
	}
	if _, err := tokens.New(tokens.Config{Issuers: make([]tokens.Issuer, 65)}); err == nil || !strings.Contains(err.Error(), "tokens: Config.Issuers: must be at most 64") {
		t.Errorf("%v", err)
	}
}

// A token that names no key is verified by the only key of its algorithm, and by none of
// two.
func TestATokenWithoutAKeyIDNeedsTheOnlyKeyOfItsAlgorithm(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("HS256")
	second := keys.Key{ID: "second", Algorithm: "HS256", Secret: secret("second", 64)}
	retired := second
	retired.RetiresAt = now
	d := draftBy(by, now)
	d.Header = d.Header.Drop("kid")
	for name, test := range map[string]struct {
		all  []keys.Key
		want error
	}{
		"the only key":                     {[]keys.Key{by.key}, nil},
		"beside a key of another kind":     {[]keys.Key{signerOf("ES256").key, by.key}, nil},
		"beside a key that has retired":    {[]keys.Key{retired, by.key}, nil},
		"the first of two":                 {[]keys.Key{by.key, second}, tokens.ErrInvalidToken},
		"the second of two":                {[]keys.Key{second, by.key}, tokens.ErrInvalidToken},
		"no key of this algorithm":         {[]keys.Key{signerOf("ES256").key}, tokens.ErrInvalidToken},
		"the other key of this algorithm":  {[]keys.Key{second}, tokens.ErrInvalidToken},
		"a key that has retired, this one": {[]keys.Key{func() keys.Key { k := by.key; k.RetiresAt = now; return k }()}, tokens.ErrInvalidToken},
	} {
		i := another(t, test.all...)
		i.AcceptWithoutKeyID = true
		if _, err := verifying(t, now, i).Verify(t.Context(), d.token(t)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// Two claims of two names must not be one claim of a reader that ignores case, and a
// claim must have its type.
func TestClaimsOfAnotherIssuerThatCouldBeReadOtherwise(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("ES256")
	i := another(t, by.key)
	i.Claims = &tokens.ClaimNames{Scopes: []string{"scp", "/a/roles", "/b~1c/d~0e"}, Tier: "plan", Seats: "n", Account: "/a/b/c"}
	i.Require = map[string]string{"/use/of": "access"}
	v := verifying(t, now, i)
	for name, test := range map[string]struct {
		claims string
		scope  string
		good   bool
	}{
		"none of them":                   {`"x":1`, "", true},
		"scopes, each once":              {`"scp":"a b  a","a":{"roles":["b","c"]},"b/c":{"d~e":["d"]}`, "a b c d", true},
		"scopes that are no scope-token": {`"scp":["a b","","\"","é","ok"]`, "ok", true},
		"a scope that is a number":       {`"scp":1`, "", false},
		"scopes that are numbers":        {`"scp":[1]`, "", false},
		"a scope of null":                {`"scp":[null]`, "", false},
		"a path through a text":          {`"a":"x"`, "", false},
		"a path through an array":        {`"a":[{"roles":["x"]}]`, "", false},
		"a path with a name twice":       {`"a":{"roles":["x"],"roles":["y"]}`, "", false},
		"a claim in other letters":       {`"Plan":"premium"`, "", false},
		"a tier that is an array":        {`"plan":["x"]`, "", false},
		"a tier with a zero byte":        {`"plan":"x\u0000"`, "", false},
		"seats":                          {`"n":0`, "", true},
		"seats below zero":               {`"n":-1`, "", false},
		"seats without end":              {`"n":4294967296`, "", false},
		"seats in a text":                {`"n":"3"`, "", false},
		"an account that is null":        {`"a":{"b":{"c":null}}`, "", false},
		"amr that is a text":             {`"amr":"pwd"`, "", true},
		"an actor":                       {`"act":{"sub":"staff"}`, "", true},
		"an actor without a subject":     {`"act":{}`, "", false},
	} {
		d := draftBy(by, now)
		d.ClaimsText = strings.TrimSuffix(d.Claims.Drop("scope").Text(), "}") + `,"use":{"of":"access"},` + test.claims + "}"
		p, err := v.Verify(t.Context(), d.token(t))
		if (err == nil) != test.good || p.Scope != test.scope {
			t.Errorf("%s: %q, %v", name, p.Scope, err)
		}
		if want := map[bool]string{true: "shop|staff"}[name == "an actor"]; p.Actor != want {
			t.Errorf("%s: %q acts", name, p.Actor)
		}
		if p.Methods() != nil {
			t.Errorf("%s: methods %q", name, p.Methods())
		}
	}
}

// A Principal that a host makes itself can carry claims.
func TestPrincipalWithClaims(t *testing.T) {
	t.Parallel()
	p, err := tokens.Principal{Subject: "1"}.WithClaims(map[string]any{"dept": "r&d", "amr": []string{"otp"}})
	var got struct{ Dept string }
	if err := errors.Join(err, p.Claims(&got)); err != nil || got.Dept != "r&d" || p.Subject != "1" || !reflect.DeepEqual(p.Methods(), []string{"otp"}) {
		t.Errorf("%+v, %+v, %v", p, got, err)
	}
	for _, wrong := range []any{nil, 1, []string{"a"}, "a", make(chan int)} {
		if _, err := p.WithClaims(wrong); err == nil {
			t.Errorf("%v has no error", wrong)
		}
	}
}

// FuzzVerifyAsOthersDoByIssuer signs any header and any claims with the key of an
// issuer whose settings allow the most. What Verify accepts, golang-jwt accepts too,
// with the same subject.
func FuzzVerifyAsOthersDoByIssuer(f *testing.F) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("HS256")
	var all []tokens.Issuer
	for n := range shapes {
		i, d := shaped(f, n, by, now)
		i.AcceptTypJWT, i.AcceptWithoutKeyID, i.AcceptWithoutTokenID, i.AcceptWithoutIssuedAt = true, true, true, true
		i.SubjectPrefix = fmt.Sprintf("%d|", n)
		all = append(all, i)
		f.Add(strings.Replace(d.HeaderText, "RS256", "HS256", 1), d.ClaimsText)
		f.Add(strings.Replace(d.HeaderText, "RS256", "HS256", 1), strings.TrimSuffix(d.ClaimsText, "}")+`,"a":17726E0767}`)
	}
	v := verifying(f, now, all...)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	f.Fuzz(func(t *testing.T, head, text string) {
		signed := forge.Raw64(head) + "." + forge.Raw64(text)
		signature, err := by.method.Sign(signed, by.sign)
		if err != nil {
			t.Fatal(err)
		}
		token := signed + "." + forge.Raw64(string(signature))
		p, err := v.Verify(t.Context(), tokens.Secret(token))
		if err != nil {
			if p != (tokens.Principal{}) || !errors.Is(err, tokens.ErrInvalidToken) && !errors.Is(err, tokens.ErrExpiredToken) {
				t.Errorf("%+v, %v", p, err)
			}
			return
		}
		theirs, err := parser.Parse(token, func(*jwt.Token) (any, error) { return by.verify, nil })
		if err != nil {
			t.Fatalf("golang-jwt refuses it: %v", err)
		}
		mapped := theirs.Claims.(jwt.MapClaims)
		for n, i := range all {
			if i.Issuer != p.Issuer {
				continue
			}
			subject, audienceClaim := "sub", "aud"
			if i.Claims.Subject != "" {
				subject = i.Claims.Subject
			}
			if i.AudienceClaim != "" {
				audienceClaim = i.AudienceClaim
			}
			if want := fmt.Sprintf("%d|%v", n, mapped[subject]); mapped["iss"] != i.Issuer || p.Subject != want {
				t.Errorf("golang-jwt reads %v, %s; Verify %s, %s", mapped["iss"], want, p.Issuer, p.Subject)
			}
			if aud := fmt.Sprint(mapped[audienceClaim]); !strings.Contains(aud, i.Audiences[0]) && (len(i.Audiences) == 1 || !strings.Contains(aud, i.Audiences[1])) {
				t.Errorf("golang-jwt reads the audience as %s", aud)
			}
		}
		exp, err := mapped.GetExpirationTime()
		if err != nil || !exp.Equal(p.ExpiresAt) {
			t.Errorf("golang-jwt reads exp as %v, Verify as %v", exp, p.ExpiresAt)
		}
	})
}
