package remotekeys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// maxBody is the maximum length of a JWK Set, in bytes.
const maxBody = 1 << 20

var errTooLong = fmt.Errorf("more than %d bytes", maxBody)

// get requests the JWK Set once.
func (s *Source) get(ctx context.Context) (*fetched, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	err = errors.Join(err, response.Body.Close())
	switch {
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s", s.url, response.Status)
	case err != nil:
		return nil, err
	case len(text) > maxBody:
		return nil, errTooLong
	}
	// the same text gives the same set, so that verifiers keep their caches
	if last := s.last.Load(); last != nil && last.text == string(text) {
		return &fetched{set: last.set, text: last.text}, nil
	}
	set, err := keys.SetFromJWKS(text)
	if err != nil {
		return nil, err
	}
	return &fetched{set: set, text: string(text)}, nil
}
