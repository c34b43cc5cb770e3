package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// metadataPath is where RFC 8414 §3.1 has it for this issuer.
const metadataPath = "/.well-known/oauth-authorization-server/tenant"

// keySet is the published set.
func (h *host) keySet(t *testing.T) []map[string]any {
	t.Helper()
	a := h.send(t, http.MethodGet, "/jwks", "")
	a.is(t, http.StatusOK, "")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(a.Body.Bytes(), &set); err != nil || set.Keys == nil {
		t.Fatalf("%s: %v", a.Body, err)
	}
	return set.Keys
}

// twoKeys are keys of two kinds, and a secret one.
func twoKeys(c *config) {
	c.tokens.Keys = append(c.tokens.Keys,
		keys.Key{Algorithm: "RS256", Private: rsaKey}, keys.Key{Algorithm: "HS256", Secret: secret("never to be seen")})
}

// Key sets and metadata.
var keysAndMetadata = []requirement{
	{number: 127, grade: "MUST", says: "a key set is an object with keys, each with kty", source: "RFC 7517 §5, §4.1",
		check: func(t *testing.T, open opener) {
			for _, key := range open(t, twoKeys).keySet(t) {
				if kty, _ := key["kty"].(string); kty != "EC" && kty != "RSA" {
					t.Errorf("%v", key)
				}
			}
		}},
	{number: 128, grade: "MUST NOT", says: "nothing private is in it", source: "RFC 7517 §9",
		check: func(t *testing.T, open opener) {
			keys := open(t, twoKeys).keySet(t)
			if len(keys) != 2 {
				t.Errorf("%d keys, want the two that have a public half", len(keys))
			}
			for _, key := range keys {
				for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
					if key[name] != nil {
						t.Errorf("it has %s", name)
					}
				}
			}
		}},
	{number: 129, grade: "SHOULD", says: "each has a kid of its own, and that of every token is among them", source: "RFC 7517 §4.5",
		check: func(t *testing.T, open opener) {
			h := open(t, twoKeys)
			var kids []string
			for _, key := range h.keySet(t) {
				kids = append(kids, fmt.Sprint(key["kid"]))
			}
			slices.Sort(kids)
			if kid := part(t, h.login(t).access, 0)["kid"].(string); !slices.Contains(kids, kid) || len(slices.Compact(kids)) != 2 {
				t.Errorf("%q, and the token's is %q", kids, kid)
			}
		}},
	{number: 130, grade: "SHOULD", says: "use and key_ops do not contradict each other", source: "RFC 7517 §4.3",
		check: func(t *testing.T, open opener) {
			for _, key := range open(t, twoKeys).keySet(t) {
				if key["use"] != "sig" || key["key_ops"] != nil {
					t.Errorf("%v", key)
				}
			}
		}},
	{number: 131, grade: "MUST", says: "a thumbprint is that of RFC 7638", source: "RFC 7638 §3",
		check: func(t *testing.T, open opener) {
			published, err := keys.FromJWK([]byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs` +
				`tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI` +
				`SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256"}`))
			if err != nil {
				t.Fatal(err)
			}
			published.ID = ""
			h := open(t, func(c *config) { c.tokens.Keys = append(c.tokens.Keys, published) })
			var kids []any
			for _, key := range h.keySet(t) {
				kids = append(kids, key["kid"])
			}
			if !slices.Contains(kids, any("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")) {
				t.Errorf("%v", kids)
			}
		}},
	{number: 132, grade: "MUST", says: "a token of the key before is good until it expires, and a key is published before it signs", source: "key rotation",
		check: func(t *testing.T, open opener) {
			old := open(t)
			access := old.login(t).access
			next := keys.Key{Algorithm: "RS256", Private: rsaKey}
			both := open(t, func(c *config) { c.tokens.Keys = append(c.tokens.Keys, next) })
			if n := len(both.keySet(t)); n != 2 {
				t.Errorf("%d keys are published", n)
			}
			turned := open(t, func(c *config) { c.tokens.Keys = append([]keys.Key{next}, c.tokens.Keys...) })
			turned.call(t, "/me", access).is(t, http.StatusOK, "")
			both.call(t, "/me", turned.login(t).access).is(t, http.StatusOK, "")
			pass(time.Hour)
			turned.call(t, "/me", access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 133, grade: "SHOULD", says: "who reads a set passes over keys that it does not know", source: "RFC 7517 §5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			a := h.send(t, http.MethodGet, "/jwks", "")
			set := strings.Replace(a.Body.String(), `{"keys":[`, `{"keys":[{"kty":"AKP","alg":"ML-DSA-44","kid":"x","pub":"AA"},{"kty":"EC","crv":"P-999","kid":"y"},`, 1)
			read, err := keys.SetFromJWKS([]byte(set))
			if err != nil {
				t.Fatal(err)
			}
			var known struct{ Keys []any }
			if err := json.Unmarshal(read.JWKS(time.Now()), &known); err != nil || len(known.Keys) != 1 {
				t.Errorf("%d keys, %v", len(known.Keys), err)
			}
		}},
	{number: 134, grade: "SHOULD", says: "it is application/jwk-set+json", source: "RFC 7517 §8.5",
		check: func(t *testing.T, open opener) {
			open(t).send(t, http.MethodGet, "/jwks", "").has(t, "Content-Type", "application/jwk-set+json")
		}},
	{number: 135, grade: "MUST", says: "the metadata is at the well-known path in front of the issuer's", source: "RFC 8414 §3, §3.1",
		check: func(t *testing.T, open opener) {
			path, err := middleware.MetadataPath(issuer)
			if err != nil || path != metadataPath {
				t.Errorf("%q, %v", path, err)
			}
			open(t).send(t, http.MethodGet, metadataPath, "").is(t, http.StatusOK, "")
		}},
	{number: 136, grade: "MUST", says: "GET is 200 application/json", source: "RFC 8414 §3.2",
		check: func(t *testing.T, open opener) {
			a := open(t).send(t, http.MethodGet, metadataPath, "")
			a.is(t, http.StatusOK, "")
			a.has(t, "Content-Type", "application/json")
		}},
	{number: 137, grade: "MUST", says: "the issuer is the one that is configured, whatever Host says", source: "RFC 8414 §2, §3.3",
		check: func(t *testing.T, open opener) {
			a := open(t).send(t, http.MethodGet, "https://evil.example"+metadataPath, "", "X-Forwarded-Host: evil.example")
			if a.members["issuer"] != issuer || strings.Contains(a.Body.String(), "evil") {
				t.Errorf("%s", a.Body)
			}
		}},
	{number: 138, grade: "MUST", says: "token_endpoint and response_types_supported are there", source: "RFC 8414 §2",
		check: func(t *testing.T, open opener) {
			m := open(t).send(t, http.MethodGet, metadataPath, "").members
			if m["token_endpoint"] != "https://issuer.example/oauth/token" || m["response_types_supported"] == nil {
				t.Errorf("%v", m)
			}
		}},
	{number: 139, grade: "MUST", says: "no list in it is empty", source: "RFC 8414 §3.2",
		check: func(t *testing.T, open opener) {
			for name, v := range open(t).send(t, http.MethodGet, metadataPath, "").members {
				if list, ok := v.([]any); ok && len(list) == 0 || v == nil || v == "" {
					t.Errorf("%s = %v", name, v)
				}
			}
		}},
	{number: 140, grade: "MUST*", says: "grant_types_supported says what is served, and no more", source: "RFC 8414 §2",
		check: func(t *testing.T, open opener) {
			for _, on := range []bool{true, false} {
				h := open(t, func(c *config) { c.auth.PasswordGrant = on })
				served, _ := h.send(t, http.MethodGet, metadataPath, "").members["grant_types_supported"].([]any)
				for _, grant := range []string{"password", "refresh_token", tokens.GrantExchange, "authorization_code", "implicit", "client_credentials"} {
					a := h.token(t, "grant_type="+grant)
					if is := a.members["error"] != "unsupported_grant_type"; is != slices.Contains(served, any(grant)) {
						t.Errorf("%s: served %v, told %v", grant, is, served)
					}
				}
			}
		}},
	{number: 141, grade: "MUST*", says: "token_endpoint_auth_methods_supported says how clients may authenticate", source: "RFC 8414 §2",
		check: func(t *testing.T, open opener) {
			methods, _ := open(t).send(t, http.MethodGet, metadataPath, "").members["token_endpoint_auth_methods_supported"].([]any)
			for _, want := range []string{"none", "client_secret_basic", "client_secret_post"} {
				if !slices.Contains(methods, any(want)) {
					t.Errorf("%v has no %s", methods, want)
				}
			}
		}},
	{number: 142, grade: "SHOULD", says: "what else is mounted is there", source: "RFC 8414 §2",
		check: func(t *testing.T, open opener) {
			m := open(t).send(t, http.MethodGet, metadataPath, "").members
			for name, path := range map[string]string{"jwks_uri": "/jwks", "revocation_endpoint": "/revoke", "introspection_endpoint": "/introspect"} {
				if m[name] != "https://issuer.example"+path {
					t.Errorf("%s = %v", name, m[name])
				}
			}
		}},
}
