package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func ecKey(tb testing.TB, id string) keys.Key {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return keys.Key{ID: id, Algorithm: "ES256", Private: private}
}

// fetch asks a handler of documents.
func fetch(tb testing.TB, h http.HandlerFunc, text string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h(w, request(tb, text))
	return w
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	old, next := ecKey(t, "2025"), ecKey(t, "2026")
	next.SignsFrom = now.Add(time.Hour)
	all, err := keys.NewRing(old, next, keys.Key{ID: "hs", Algorithm: "HS256", Secret: secret("other")})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, func(c *config) {
		c.tokens.Keys, c.tokens.KeyRing = nil, all
		c.tokens.Now = func() time.Time { return now }
	})

	t.Run("D127, D134: the set, for anybody, to be kept for five minutes", func(t *testing.T) {
		t.Parallel()
		w := fetch(t, d.JWKS, "GET /jwks\n\n")
		wantStatus(t, w, http.StatusOK)
		for name, want := range map[string]string{
			"Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff", "Pragma": "",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if got := w.Body.String(); got != string(d.tokens.JWKS()) || strings.Count(got, `"kid"`) != 2 {
			t.Errorf("body = %s", got)
		}
		wantStatus(t, fetch(t, d.JWKS, "HEAD /jwks\n\n"), http.StatusOK)
	})

	t.Run("who has it is told so, until a key comes or goes", func(t *testing.T) {
		t.Parallel()
		ring, err := keys.NewRing(old)
		if err != nil {
			t.Fatal(err)
		}
		d := open(t, func(c *config) { c.tokens.Keys, c.tokens.KeyRing = nil, ring })
		tag := fetch(t, d.JWKS, "GET /jwks\n\n").Header().Get("Etag")
		for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			w := fetch(t, d.JWKS, "GET /jwks\nIf-None-Match: "+header+"\n\n")
			if w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("Etag") != tag || w.Header().Get("Content-Type") != "" {
				t.Errorf("%s: %d %v %s", header, w.Code, w.Header(), w.Body)
			}
		}
		wantStatus(t, fetch(t, d.JWKS, "GET /jwks\nIf-None-Match: "+tag[:5]+`"`+"\n\n"), http.StatusOK)
		if err := ring.Replace(old, next); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, fetch(t, d.JWKS, "GET /jwks\nIf-None-Match: "+tag+"\n\n"), http.StatusOK)
	})

	t.Run("no other method is served", func(t *testing.T) {
		t.Parallel()
		w := fetch(t, d.JWKS, "POST /jwks\n\n")
		wantStatus(t, w, http.StatusMethodNotAllowed)
		if got := w.Header().Get("Allow"); got != "GET, HEAD" {
			t.Errorf("Allow = %q", got)
		}
	})

	t.Run("a service without an Authority has none", func(t *testing.T) {
		t.Parallel()
		a, _ := d.resource(t, &keys.Set{})
		wantStatus(t, fetch(t, a.JWKS, "GET /jwks\n\n"), http.StatusInternalServerError)
		wantStatus(t, fetch(t, a.Metadata, "GET /\n\n"), http.StatusInternalServerError)
	})
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	told := func(t *testing.T, edit func(*config)) map[string]any {
		t.Helper()
		w := fetch(t, open(t, edit).Metadata, "GET /\nHost: attacker.example\nX-Forwarded-Host: attacker.example\n\n")
		wantStatus(t, w, http.StatusOK)
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type = %q", got)
		}
		var m map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	list := func(s ...any) any { return s }

	t.Run("D136-D142: what is mounted, and nothing else", func(t *testing.T) {
		t.Parallel()
		got := told(t, func(c *config) {
			c.auth.Endpoints.Token = "/oauth/token"
			c.tokens.APIKeys = nil
		})
		want := map[string]any{
			"issuer": "https://issuer.example", "token_endpoint": "https://issuer.example/oauth/token",
			"response_types_supported": list("none"), "grant_types_supported": list("refresh_token"),
			"token_endpoint_auth_methods_supported": list("none"),
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v\nwant %v", got, want)
		}
	})

	t.Run("D141: clients that are registered may show their secrets in both ways", func(t *testing.T) {
		t.Parallel()
		got := told(t, func(c *config) {
			registering(c)
			c.auth.Endpoints = middleware.Endpoints{Token: "/token", Revoke: "/revoke", Introspect: "/introspect"}
		})
		for name, want := range map[string]any{
			"token_endpoint_auth_methods_supported":         list("none", "client_secret_basic", "client_secret_post"),
			"revocation_endpoint_auth_methods_supported":    list("none", "client_secret_basic", "client_secret_post"),
			"introspection_endpoint_auth_methods_supported": list("client_secret_basic", "client_secret_post"),
		} {
			if !reflect.DeepEqual(got[name], want) {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
	})

	t.Run("D137: the issuer is the one of the tokens, with its path; endpoints may be elsewhere", func(t *testing.T) {
		t.Parallel()
		got := told(t, func(c *config) {
			c.tokens.Issuer = "https://issuer.example/shop"
			registering(c)
			c.tokens.Keys = append(c.tokens.Keys, ecKey(t, "es"))
			c.auth.Endpoints = middleware.Endpoints{
				Token: "/shop/token", JWKS: "https://keys.example/jwks.json", Revoke: "/shop/revoke", Introspect: "/shop/introspect",
			}
		})
		for name, want := range map[string]any{
			"issuer": "https://issuer.example/shop", "token_endpoint": "https://issuer.example/shop/token",
			"jwks_uri": "https://keys.example/jwks.json", "revocation_endpoint": "https://issuer.example/shop/revoke",
			"introspection_endpoint": "https://issuer.example/shop/introspect",
			"grant_types_supported":  list("refresh_token", "password", tokens.GrantExchange),
		} {
			if !reflect.DeepEqual(got[name], want) {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
	})

	t.Run("D135: the well-known part stands before the issuer's path", func(t *testing.T) {
		t.Parallel()
		for issuer, want := range map[string]string{
			"https://issuer.example":       "/.well-known/oauth-authorization-server",
			"https://issuer.example/":      "/.well-known/oauth-authorization-server",
			"https://issuer.example/shop":  "/.well-known/oauth-authorization-server/shop",
			"https://issuer.example/a/b/":  "/.well-known/oauth-authorization-server/a/b",
			"https://issuer.example/a%20b": "/.well-known/oauth-authorization-server/a%20b",
			"http://127.0.0.1:8080":        "/.well-known/oauth-authorization-server",
			"http://issuer.example":        "",
			"issuer.example":               "",
			"https://issuer.example/#a":    "",
			"https://u:p@issuer.example":   "",
			"https:issuer.example":         "",
		} {
			got, err := middleware.MetadataPath(issuer)
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%s: %q, %v, want %q", issuer, got, err, want)
			}
		}
	})

	t.Run("endpoints that no client could use are told at start-up, all at once", func(t *testing.T) {
		t.Parallel()
		good := open(t, registering).config
		good.tokens.Keys = append(good.tokens.Keys, ecKey(t, "es"))
		for _, test := range []struct {
			issuer    string
			endpoints middleware.Endpoints
			want      string
		}{
			{"https://a.example", middleware.Endpoints{JWKS: "/jwks"}, "middleware: Config.Endpoints.Token: is required if any other endpoint is set"},
			{
				"https://a.example",
				middleware.Endpoints{Token: "token", JWKS: "http://a.example/jwks", Revoke: "/revoke#x", Introspect: "//%"},
				"middleware: Config.Endpoints.Token: must be https with a host and an optional path, got \"token\"\n" +
					"middleware: Config.Endpoints.JWKS: must be https, got \"http://a.example/jwks\"\n" +
					"middleware: Config.Endpoints.Revoke: must have no fragment, got \"/revoke#x\"\n" +
					"middleware: Config.Endpoints.Introspect: must be a URL, got \"//%\"",
			},
			{"my shop", middleware.Endpoints{Token: "/token"}, `middleware: Config.Endpoints: must be empty with the issuer "my shop", which must be https with a host and an optional path`},
			{"https://a.example?b", middleware.Endpoints{Token: "/token"}, `middleware: Config.Endpoints: must be empty with the issuer "https://a.example?b", which must have no query`},
			{"http://[::1]:80", middleware.Endpoints{Token: "/token"}, ""},
			{"http://localhost", middleware.Endpoints{Token: "/token"}, ""},
		} {
			c := good
			c.tokens.Issuer = test.issuer
			authority, err := tokens.New(c.tokens)
			if err != nil {
				t.Fatal(err)
			}
			c.auth.Tokens, c.auth.Endpoints = authority, test.endpoints
			_, err = middleware.New(c.auth)
			if got := errorText(err); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		}
	})

	t.Run("where nothing was said about endpoints nothing is told", func(t *testing.T) {
		t.Parallel()
		wantStatus(t, fetch(t, open(t).Metadata, "GET /\n\n"), http.StatusInternalServerError)
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
