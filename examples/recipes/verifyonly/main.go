// Command verifyonly is a service that has no users and no sessions: it accepts the
// access tokens of another one, here of the quick start, and limits its callers.
//
//	go run ./examples/quickstart
//	go run ./examples/recipes/verifyonly
//
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8081/reports
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/remotekeys"
)

func main() {
	addr := flag.String("addr", "localhost:8081", "where to listen")
	c := config{}
	flag.StringVar(&c.issuer, "issuer", "http://127.0.0.1:8080", "the \"iss\" of the tokens")
	flag.StringVar(&c.audience, "audience", "quickstart", "the \"aud\" of the tokens, which names this service")
	flag.StringVar(&c.jwks, "jwks", "http://127.0.0.1:8080/.well-known/jwks.json", "where the issuer publishes its keys")
	flag.Parse()
	source, api, err := newAPI(c)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = fmt.Printf("Listening on http://%s\n", *addr)
	server := &http.Server{Addr: *addr, Handler: api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	err = server.ListenAndServe()
	_ = source.Close()
	log.Fatal(err)
}

// config says whose tokens are accepted.
type config struct{ issuer, audience, jwks string }

// newAPI returns the routes, and the source of the issuer's keys, which its caller closes.
func newAPI(c config) (*remotekeys.Source, http.Handler, error) {
	source, err := remotekeys.New(remotekeys.Config{
		URL:    c.jwks,
		Failed: func(err error) { log.Printf("the keys of the issuer: %v", err) },
	})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: source, Issuer: c.issuer, Audience: c.audience})
	if err != nil {
		return nil, nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Verifier: verifier,
		ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{ // by the "tier" of the token
			"free":    {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"premium": {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA},
		},
		FallbackTier: "free", // of a tier that the issuer has and this service does not know
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /reports", auth.Protect(http.HandlerFunc(reports)))
	mux.Handle("DELETE /reports/{id}", auth.Protect(auth.RequireScope("reports:write")(http.HandlerFunc(remove))))
	return source, mux, nil
}

func reports(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	_, _ = fmt.Fprintf(w, "reports of %s\n", p.Subject)
}

func remove(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
