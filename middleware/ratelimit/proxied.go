package ratelimit

import (
	"net/http"
	"net/http/httputil"
)

// quotaHeaders are the headers of each draft, and those of Headers.NoXRateLimit.
var quotaHeaders = [...]string{
	"Ratelimit", "Ratelimit-Policy", "Ratelimit-Partition", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset",
}

// DropQuota removes the rate limit headers from a response, and returns nil. Set it as
// the ModifyResponse of a reverse proxy behind Limit whose upstream has limits of its
// own: a proxy adds the headers of the upstream to those that are set, and the client
// would get two quotas. An httputil.ReverseProxy that is itself the handler behind Limit
// needs no ModifyResponse for it.
func DropQuota(upstream *http.Response) error {
	for _, name := range quotaHeaders {
		delete(upstream.Header, name)
	}
	return nil
}

// WithOwnQuota returns the handler that Limit serves: next or, if that is a reverse
// proxy, one that calls DropQuota in front of the proxy's own ModifyResponse. A
// middleware of its own around CheckLimit serves it in the place of next.
func WithOwnQuota(next http.Handler) http.Handler {
	proxy, ok := next.(*httputil.ReverseProxy)
	if !ok {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := *proxy // at each request, because its fields may be set after it was mounted
		p.ModifyResponse = func(res *http.Response) error {
			_ = DropQuota(res)
			if proxy.ModifyResponse == nil {
				return nil
			}
			return proxy.ModifyResponse(res)
		}
		p.ServeHTTP(w, r)
	})
}
