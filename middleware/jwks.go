package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/etag"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// noKeys is the JWK Set of an Authority that has HMAC keys only.
const noKeys = `{"keys":[]}`

var errNoPublicKeys = errors.New("middleware: tokens.Config.Keys has HMAC keys only, which are never published: JWKS has no key for anybody")

const mediaJWKS = "application/jwk-set+json"

// CheckJWKS returns the public keys of the Authority as a JWK Set (RFC 7517 §5),
// for services that verify its tokens: those that verify now, and those that will
// sign later. HMAC keys are never published; without other keys the set is empty, and
// a Fault says so.
// The method must be GET or HEAD.
//
// Clients may cache it for five minutes, so publish a key for longer than that
// before its SignsFrom.
func (a *Auth) CheckJWKS(r *http.Request) (wire.Answer, error) {
	if a.tokens == nil {
		return wire.Answer{}, a.unworkable(r, errNoTokens)
	}
	set := a.tokens.JWKS()
	answer, err := a.document(r, "JWKS", mediaJWKS, set)
	if err == nil && string(set) == noKeys {
		a.verifier.Report(a.located(r), events.Event{Kind: events.Fault, Err: errNoPublicKeys})
	}
	return answer, err
}

// JWKS is a handler that writes the JWK Set of CheckJWKS.
func (a *Auth) JWKS(w http.ResponseWriter, r *http.Request) {
	answer, err := a.CheckJWKS(r)
	a.published(w, r, answer, err)
}

func (a *Auth) published(w http.ResponseWriter, r *http.Request, answer wire.Answer, err error) {
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	answer.Write(w)
}

// document returns the response to GET and HEAD with a public document that may
// be cached, and 304 to a client that has it.
func (a *Auth) document(r *http.Request, by, mediaType string, text []byte) (wire.Answer, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		e := wire.NewError(wire.ReasonMethod, nil)
		e.Allow, e.Description = "GET, HEAD", "Use GET"
		return wire.Answer{}, a.told(r, by, e)
	}
	tag := etag.Of(text)
	answer := wire.Answer{Status: http.StatusOK, Header: http.Header{}}
	answer.Header.Set("Cache-Control", "public, max-age=300")
	answer.Header.Set("Etag", tag)
	answer.Header.Set("X-Content-Type-Options", "nosniff")
	if etag.Matches(r.Header.Values("If-None-Match"), tag) {
		answer.Status = http.StatusNotModified
		return answer, nil
	}
	answer.Header.Set("Content-Type", mediaType)
	answer.Body = text
	return answer, nil
}
