package openapi

import (
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// sampleTime is a time in the examples.
const sampleTime = 1_800_000_000

// pair is a pair of tokens for the examples.
func pair(refresh, scope bool) tokens.Pair {
	p := tokens.Pair{AccessToken: "access-token", ExpiresIn: time.Hour}
	if refresh {
		p.RefreshToken, p.RefreshExpiresIn = "refresh-token", 30*24*time.Hour
	}
	if scope {
		p.Principal.Scope = "read"
	}
	return p
}

// sampleQuota is a quota for the examples.
func (s *spec) sampleQuota(violated bool) ratelimit.Quota {
	requests := ratelimit.Usage{
		Policy: ratelimit.Policy{Name: "free", Limit: 500, Window: time.Hour}, Known: true, Remaining: 499, ResetAfter: 8 * time.Second,
	}
	if violated {
		requests.Remaining, requests.RetryAfter, requests.Violated = 0, 8*time.Second, true
	}
	concurrent := ratelimit.Usage{Policy: ratelimit.Policy{Name: "free-concurrent", Limit: 10}, Unit: "concurrent-requests", Known: true, Remaining: 9}
	return s.about.Headers.Quota(time.Unix(sampleTime, 0), requests, concurrent)
}

// sampleKeys are an API key with all that it may have, and one with little.
func sampleKeys() (whole, few store.APIKey) {
	at := time.Unix(sampleTime, 0).UTC()
	whole = store.APIKey{
		ID: "key-1", Hint: "wxyz", Label: "CI", Scopes: []string{"read"}, CreatedAt: at, ExpiresAt: at.Add(time.Hour), LastUsedAt: at, Successor: "key-2",
	}
	whole.Networks, _ = tokens.ParseNetworks([]string{"192.0.2.0/24"}) // they are two constants
	return whole, store.APIKey{ID: "key-2", CreatedAt: at}
}

// recorder is a response that is kept.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the headers.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write keeps the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}

func (w *recorder) answer() wire.Answer {
	return wire.Answer{Status: w.status, Header: w.header, Body: w.body}
}
