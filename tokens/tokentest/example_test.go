package tokentest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// A verifier must refuse every invalid token. In a test it is tokentest.Run(t, target,
// verify), with a subtest for each token; tokentest.RunHandler does the same with an
// endpoint. The keys are for the test only, because the suite signs with them.
func Example() {
	target := tokentest.Target{
		Keys:   []keys.Key{{ID: "k1", Algorithm: "HS256", Secret: keys.NewSecret()}},
		Issuer: "https://issuer.example", Audience: "api",
	}
	set, err := keys.NewSet(target.Keys...)
	if err != nil {
		panic(err)
	}
	verifier, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: target.Issuer, Audience: target.Audience})
	if err != nil {
		panic(err)
	}
	fmt.Println(tokentest.Check(context.Background(), target, func(ctx context.Context, token tokens.Secret) error {
		_, err := verifier.Verify(ctx, token)
		return err
	}))
	// Output:
	// <nil>
}

// A verifier that decodes a token without checking its signature accepts most of the
// invalid ones.
func ExampleCheck_wrong() {
	target := tokentest.Target{
		Keys:   []keys.Key{{ID: "k1", Algorithm: "HS256", Secret: keys.NewSecret()}},
		Issuer: "https://issuer.example", Audience: "api",
	}
	err := tokentest.Check(context.Background(), target, func(_ context.Context, token tokens.Secret) error {
		if strings.Count(string(token), ".") != 2 {
			return fmt.Errorf("not a JWT")
		}
		return nil
	})
	fmt.Println(err != nil)
	// Output:
	// true
}

// An endpoint must answer each invalid token with the same 401. This one reveals which
// tokens have expired, and why the others are invalid.
func ExampleCheckHandler_wrong() {
	target := tokentest.Target{
		Keys:   []keys.Key{{ID: "k1", Algorithm: "HS256", Secret: keys.NewSecret()}},
		Issuer: "https://issuer.example", Audience: "api",
	}
	set, err := keys.NewSet(target.Keys...)
	if err != nil {
		panic(err)
	}
	verifier, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: target.Issuer, Audience: target.Audience})
	if err != nil {
		panic(err)
	}
	endpoint := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, err := verifier.Verify(r.Context(), tokens.Secret(token)); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, err.Error(), http.StatusUnauthorized) // instead of one text for all
		}
	})
	fmt.Println(tokentest.CheckHandler(context.Background(), target, endpoint, "/") != nil)
	// Output:
	// true
}
