package openapi

import (
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

func (s *spec) quota() {
	s.may(wire.ReasonInternal)
	s.unavailable()
	w := &recorder{header: http.Header{}}
	s.sampleQuota(false).Write(w)
	s.answers = []wire.Answer{w.answer()}
}

func (s *spec) jwks() {
	s.published(wire.Answer{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {"application/jwk-set+json"}},
		Body:   []byte(`{"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"key-1","crv":"P-256","x":"...","y":"..."},{"kty":"RSA","use":"sig","alg":"RS256","kid":"key-2","n":"...","e":"AQAB"},{"kty":"OKP","use":"sig","alg":"EdDSA","kid":"key-3","crv":"Ed25519","x":"..."}]}`),
	})
}

func (s *spec) metadata() {
	r, _ := http.NewRequest(http.MethodGet, s.route.Path, http.NoBody) //nolint:noctx // it is sent nowhere, and its path was checked
	answer, _ := s.route.Auth.CheckMetadata(r)                         // it was asked whether there is metadata
	s.published(answer)
}

// published describes the answers of a document that may be cached.
func (s *spec) published(answer wire.Answer) {
	s.params = append(s.params, object{"in": "header", "name": "If-None-Match", "schema": object{"type": "string"}})
	for name, value := range map[string]string{"Cache-Control": "public, max-age=300", "Etag": `"..."`, "X-Content-Type-Options": "nosniff"} {
		answer.Header.Set(name, value)
	}
	unchanged := wire.Answer{Status: http.StatusNotModified, Header: answer.Header.Clone()}
	unchanged.Header.Del("Content-Type")
	s.answers = []wire.Answer{answer, unchanged}
}
