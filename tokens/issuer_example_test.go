package tokens_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// provider stands for an identity provider: it signs claims as Keycloak writes them.
func provider() (source keys.Source, sign func(jwt.MapClaims) tokens.Secret) {
	_, private := must2(ed25519.GenerateKey(rand.Reader))
	set := must(keys.NewSet(keys.Key{ID: "k1", Algorithm: "EdDSA", Public: private.Public()}))
	return set, func(claims jwt.MapClaims) tokens.Secret {
		claims["iat"], claims["exp"], claims["jti"] = time.Now().Unix(), time.Now().Add(5*time.Minute).Unix(), "onrtac:1f0c"
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims) // typ JWT
		token.Header["kid"] = "k1"
		return tokens.Secret(must(token.SignedString(private)))
	}
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

// A service behind Keycloak. The keys come from package remotekeys; here they are in a
// set.
func ExampleIssuer() {
	source, sign := provider()
	verifier := must(tokens.NewVerifier(tokens.VerifierConfig{
		Issuers: []tokens.Issuer{{
			Issuer: "https://sso.example.com/realms/shop", Audiences: []string{"shop-api"}, Keys: source,
			AcceptTypJWT: true, Require: map[string]string{"typ": "Bearer"},
			Claims: &tokens.ClaimNames{
				ClientID: "azp", SessionID: "sid", Scopes: []string{"scope", "/realm_access/roles"},
				Account: "organization", Tier: "plan",
			},
		}},
	}))

	p := must(verifier.Verify(context.Background(), sign(jwt.MapClaims{
		"iss": "https://sso.example.com/realms/shop", "aud": []string{"shop-api", "account"}, "sub": "f1c4f64e", "typ": "Bearer", "azp": "shop-web",
		"scope": "openid orders:read", "realm_access": map[string]any{"roles": []string{"buyer"}}, "organization": "acme", "plan": "premium",
	})))
	fmt.Println(p.Subject, p.Account, p.Tier, p.Scopes())

	_, err := verifier.Verify(context.Background(), sign(jwt.MapClaims{ // of the same session
		"iss": "https://sso.example.com/realms/shop", "aud": "shop-api", "sub": "f1c4f64e", "typ": "ID", "azp": "shop-api",
	}))
	fmt.Println("an ID token is invalid:", errors.Is(err, tokens.ErrInvalidToken))
	// Output:
	// f1c4f64e acme premium [openid orders:read buyer]
	// an ID token is invalid: true
}

// On the day of a migration the tokens of the system that the host leaves stay valid
// until they expire.
func ExampleConfig_issuers() {
	oldSecret := keys.NewSecret()
	config := configured(users())
	config.Issuers = []tokens.Issuer{{
		Issuer: "https://old.example.com", Audiences: []string{"https://api.example"},
		Keys:      must(keys.NewSet(keys.Key{Algorithm: "HS256", Secret: oldSecret})),
		SameUsers: true, AcceptTypJWT: true, AcceptWithoutKeyID: true, AcceptWithoutTokenID: true,
		Claims: &tokens.ClaimNames{Scopes: []string{"scopes"}},
	}}
	authority := must(tokens.New(config))

	old := must(jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://old.example.com", "aud": "https://api.example", "sub": "u1", "scopes": []string{"read"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(oldSecret)))
	p := must(authority.Verify(context.Background(), tokens.Secret(old)))
	fmt.Println(p.Subject, p.Scope, p.Issuer, p.Restricted)
	// Output:
	// u1 read https://old.example.com true
}

// A test of a handler that reads a claim of the host's.
func ExamplePrincipal_WithClaims() {
	p := must(tokens.Principal{Subject: "u1", Tier: "free"}.WithClaims(map[string]any{"department": "sales"}))
	ctx := tokens.WithPrincipal(context.Background(), p)

	caller, _ := tokens.PrincipalFrom(ctx)
	var claims struct{ Department string }
	fmt.Println(caller.Claims(&claims), claims.Department)
	// Output:
	// <nil> sales
}
