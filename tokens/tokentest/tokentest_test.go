package tokentest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(tb testing.TB) tokentest.Target {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return tokentest.Target{
		Keys: []keys.Key{
			{ID: "es", Algorithm: "ES256", Private: private},
			{ID: "hs", Algorithm: "HS256", Secret: keys.NewSecret()},
		},
		Issuer: "https://issuer.example", Audience: "api",
	}
}

func verifier(tb testing.TB, at tokentest.Target) func(context.Context, tokens.Secret) error {
	tb.Helper()
	set, err := keys.NewSet(at.Keys...)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: at.Issuer, Audience: at.Audience})
	if err != nil {
		tb.Fatal(err)
	}
	return func(ctx context.Context, token tokens.Secret) error {
		_, err := v.Verify(ctx, token)
		return err
	}
}

// weak is golang-jwt as its README has it in one line, with no options.
func weak(at tokentest.Target, options ...jwt.ParserOption) func(context.Context, tokens.Secret) error {
	return func(_ context.Context, token tokens.Secret) error {
		_, err := jwt.Parse(string(token), func(t *jwt.Token) (any, error) {
			for _, k := range at.Keys {
				switch {
				case t.Header["kid"] != k.ID:
				case k.Secret != "":
					return []byte(string(k.Secret)), nil
				default:
					return k.Private.(*ecdsa.PrivateKey).Public(), nil
				}
			}
			return nil, errors.New("unknown kid")
		}, options...)
		return err
	}
}

func TestTheMatrixBites(t *testing.T) {
	t.Parallel()
	at := target(t)
	for _, test := range []struct {
		name   string
		verify func(context.Context, tokens.Secret) error
		names  []string
	}{
		{"a verifier without options", weak(at), []string{
			"ES256: no exp, and it was accepted", "ES256: typ JWT, and it was accepted", "HS256: typ refresh+jwt, and it was accepted",
			"ES256: aud of another, and it was accepted", "ES256: iss of another, and it was accepted",
			"ES256: sub twice, and it was accepted", "HS256: crit unknown, and it was accepted", "ES256: a megabyte, and it was accepted",
		}},
		{"one that knows issuer and audience", weak(at, jwt.WithIssuer(at.Issuer), jwt.WithAudience(at.Audience)), []string{
			"ES256: no exp, and it was accepted", "ES256: typ JWT, and it was accepted",
		}},
		{"one that asks for nothing", func(context.Context, tokens.Secret) error { return nil }, []string{
			"ES256: alg none without a signature, and it was accepted", "ES256: HS256 with the public key as PEM, and it was accepted",
			"ES256: jwk of a key that is not ours, signed by it, and it was accepted", "ES256: an expired token, and it was accepted",
			"ES256: the signature in DER, and it was accepted", "HS256: nothing, and it was accepted",
			"ES256: alg and the kid of another key, of HS256, and it was accepted",
		}},
		{"one that refuses all", func(context.Context, tokens.Secret) error { return tokens.ErrInvalidToken }, []string{
			"ES256: nothing is wrong, and it was rejected: ", "HS256: nothing is wrong, and it was rejected: ",
		}},
		{"one whose keys are down", func(context.Context, tokens.Secret) error { return tokens.ErrUnavailable }, []string{
			"ES256: an expired token, and the verifier is unavailable",
		}},
		{"one that panics", func(_ context.Context, token tokens.Secret) error {
			_ = strings.Split(string(token), ".")[2]
			return nil
		}, []string{
			"HS256: one part: the verifier panics: runtime error",
		}},
	} {
		t.Run(test.name+" is named for what it takes", func(t *testing.T) {
			t.Parallel()
			got := fmt.Sprint(tokentest.Check(t.Context(), at, test.verify))
			for _, name := range test.names {
				if !strings.Contains(got, "tokentest: "+name) {
					t.Errorf("does not say %q", name)
				}
			}
		})
	}

	t.Run("this module's own verifier passes", func(t *testing.T) {
		t.Parallel()
		tokentest.Run(t, at, verifier(t, at))
	})
}

func TestTheMatrixBitesOverHTTP(t *testing.T) {
	t.Parallel()
	at := target(t)
	verify := verifier(t, at)
	good := func(w http.ResponseWriter, r *http.Request, refuse func(error)) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if err := verify(r.Context(), tokens.Secret(token)); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(err)
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // empty: it passes
	}{
		{"one answer for all", func(w http.ResponseWriter, r *http.Request) {
			good(w, r, func(error) { w.WriteHeader(http.StatusUnauthorized) })
		}, ""},
		{"a server that cuts long headers by itself", func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header.Get("Authorization")) > 16<<10 {
				w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
				return
			}
			good(w, r, func(error) { w.WriteHeader(http.StatusUnauthorized) })
		}, ""},
		{"a handler without a check", func(http.ResponseWriter, *http.Request) {}, "ES256: alg none without a signature, and it was accepted: 200"},
		{"a handler that refuses every request", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "ES256: nothing is wrong, and it was rejected: 403"},
		{"another status", func(w http.ResponseWriter, r *http.Request) {
			good(w, r, func(error) { w.WriteHeader(http.StatusBadRequest) })
		}, "ES256: alg none without a signature: must answer 401, got 400"},
		{"the cause in the body", func(w http.ResponseWriter, r *http.Request) {
			good(w, r, func(err error) { http.Error(w, err.Error(), http.StatusUnauthorized) })
		}, "but another invalid token got"},
		{"no challenge", func(w http.ResponseWriter, r *http.Request) {
			good(w, r, func(error) { w.Header().Del("WWW-Authenticate"); w.WriteHeader(http.StatusUnauthorized) })
		}, "must answer with a challenge (RFC 6750 §3), got none"},
		{"a panic", func(_ http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Authorization"), "..") {
				panic("empty part")
			}
		}, "the endpoint panics: empty part"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := tokentest.CheckHandler(t.Context(), at, test.handler, "/")
			if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
				t.Errorf("%.2000s\nwant %q", got, test.want)
			}
		})
	}
}

func TestATargetThatIsNoneIsTold(t *testing.T) {
	t.Parallel()
	good := target(t)
	for want, edit := range map[string]func(*tokentest.Target){
		"Target.Issuer and Target.Audience are required":                                  func(t *tokentest.Target) { t.Issuer = "" },
		"Target.Keys: is required: at least one":                                          func(t *tokentest.Target) { t.Keys = nil },
		"Target.Keys[0]: must have an ID and be a signing key":                            func(t *tokentest.Target) { t.Keys[0].ID = "" },
		"Target: keys: Keys[0].Secret: must be at least 32 random bytes for HS256, got 5": func(t *tokentest.Target) { t.Keys[0] = keys.Key{Algorithm: "HS256", Secret: "short"} },
	} {
		at := good
		at.Keys = append([]keys.Key(nil), good.Keys...)
		edit(&at)
		if _, err := at.Cases(); err == nil || err.Error() != "tokentest: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A target with an Issuer has what its settings allow for good or harmless, and the rest
// for bad.
func TestTheSettingsOfAnIssuerAreHeeded(t *testing.T) {
	t.Parallel()
	at := target(t)
	set, err := keys.NewSet(at.Keys...)
	if err != nil {
		t.Fatal(err)
	}
	for name, claims := range map[string]*tokens.ClaimNames{
		"the claims of an Authority": nil,
		"other claims":               {Subject: "oid", TokenID: "uti", Scopes: []string{"scp"}, ClientID: "azp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := at
			at.As = &tokens.Issuer{
				Issuer: at.Issuer, Audiences: []string{at.Audience}, Keys: set, SameUsers: true,
				AcceptTypJWT: true, AcceptWithoutKeyID: true, AcceptWithoutTokenID: true, AcceptWithoutIssuedAt: true,
				Require: map[string]string{"token_use": "access"}, Claims: claims,
			}
			v, err := tokens.NewVerifier(tokens.VerifierConfig{Issuers: []tokens.Issuer{*at.As}})
			if err != nil {
				t.Fatal(err)
			}
			tokentest.Run(t, at, func(ctx context.Context, token tokens.Secret) error {
				_, err := v.Verify(ctx, token)
				return err
			})
			got := fmt.Sprint(tokentest.Check(t.Context(), at, weak(at)))
			for _, want := range []string{
				"ES256: without the required token_use, and it was accepted", "HS256: typ JWT of another issuer, and it was accepted",
				"ES256: typ JWT without exp, and it was accepted", "ES256: no jti, which is accepted",
			} {
				if found := strings.Contains(got, want); found != !strings.Contains(want, "which is") {
					t.Errorf("%q is found: %v", want, found)
				}
			}
		})
	}
}
