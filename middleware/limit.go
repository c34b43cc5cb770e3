package middleware

import (
	"context"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// CheckLimit counts a request as Config.Limit says: see
// [ratelimit.Limiter.CheckLimit].
func (a *Auth) CheckLimit(r *http.Request) (*ratelimit.Pass, error) { return a.limits.CheckLimit(r) }

// Limit counts requests, sets headers that tell what is left, and refuses the
// requests that are over a limit. It counts by account behind Bearer or OptionalBearer,
// and by address in front of them or without them. Every request that reaches it
// is counted, whatever its method and its headers say. To answer the preflight
// requests of browsers without counting them, mount the CORS middleware in front
// of it.
func (a *Auth) Limit(next http.Handler) http.Handler { return a.limits.Limit(next) }

// Limits returns a Limiter for a route, or a group of routes, that counts as
// another LimitConfig says, with the same tiers and counters. It refuses in the
// Auth's dialect. Mount it behind Bearer or Protect.
func (a *Auth) Limits(c ratelimit.LimitConfig) (*ratelimit.Limiter, error) { return a.limits.Limits(c) }

// Protect is Bearer, then Limit. Most routes need it.
func (a *Auth) Protect(next http.Handler) http.Handler { return a.Bearer(a.Limit(next)) }

// CheckQuota returns what the caller of a request has left under what Limit and
// Protect count, and spends nothing: see [ratelimit.Limiter.CheckQuota].
func (a *Auth) CheckQuota(r *http.Request) (ratelimit.Quota, error) { return a.limits.CheckQuota(r) }

// Quota answers what CheckQuota returns: a GET of one's own quota, free of charge.
// Mount it where Bearer or OptionalBearer stand in front, and Limit does not.
func (a *Auth) Quota(w http.ResponseWriter, r *http.Request) { a.limits.Quota(w, r) }

// Inspect returns what a caller has left under what Limit and Protect count, and
// spends nothing. [CallerOf] makes a Caller of a Principal.
func (a *Auth) Inspect(ctx context.Context, c ratelimit.Caller) (ratelimit.Quota, error) {
	return a.limits.Inspect(ctx, c)
}

// Reset forgets what a caller has spent, under all that Limit and Protect count.
func (a *Auth) Reset(ctx context.Context, c ratelimit.Caller) error { return a.limits.Reset(ctx, c) }

// Grant refunds a caller some of what was spent under the policy of this name: see
// [ratelimit.Limiter.Grant].
func (a *Auth) Grant(ctx context.Context, c ratelimit.Caller, policy string, n int64) error {
	return a.limits.Grant(ctx, c, policy, n)
}
