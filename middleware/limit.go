package middleware

import (
	"context"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/carry"
	"github.com/sallyport-go/sallyport/internal/requestcopy"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLimit counts a request as Config.Limit says: see
// [ratelimit.Limiter.CheckLimit].
func (a *Auth) CheckLimit(r *http.Request) (*ratelimit.Pass, error) { return a.limits.CheckLimit(r) }

// Limit is a middleware that counts requests, sets headers with the quota, and
// rejects the requests that are over a limit with 429. It counts by account
// behind Bearer or OptionalBearer, and by address in front of them or without
// them. It counts every request, whatever its method and its headers. To answer
// the preflight requests of browsers without counting them, mount the CORS
// middleware in front of it.
func (a *Auth) Limit(next http.Handler) http.Handler { return a.limits.Limit(next) }

// Limits returns a Limiter for a route, or a group of routes, with another
// LimitConfig and with the same tiers and counters. It writes rejections in the
// Auth's wire format. Mount it behind Bearer or Protect. If c is invalid, it
// returns one error that joins all defects.
func (a *Auth) Limits(c ratelimit.LimitConfig) (*ratelimit.Limiter, error) { return a.limits.Limits(c) }

// Protect is a middleware: Bearer, then Limit. Most routes need it.
func (a *Auth) Protect(next http.Handler) http.Handler {
	next = ratelimit.WithOwnQuota(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.AddVary(w.Header(), false)
		p, err := a.CheckBearer(r)
		if err != nil {
			a.refused(w, r, wire.RouteAPI, err)
			return
		}
		served, pass, err := a.CheckLimitOf(r, p)
		if err != nil {
			a.refused(w, r, wire.RouteAPI, err)
			return
		}
		defer pass.Release()
		pass.SetHeader(w.Header())
		defer requestcopy.Carry(r, served)
		next.ServeHTTP(w, served)
	})
}

// CheckLimitOf puts the principal of CheckBearer into a copy of the request and counts
// that as CheckLimit does. It returns the copy, which is to be served, even if it is
// rejected: then the Pass is nil.
func (a *Auth) CheckLimitOf(r *http.Request, p tokens.Principal) (*http.Request, *ratelimit.Pass, error) {
	k := &struct { // one piece of memory
		context carry.Context[tokens.Principal]
		request http.Request
		pass    ratelimit.Pass
	}{context: carry.Context[tokens.Principal]{Context: r.Context(), Carried: p}}
	k.request = *r.WithContext(k.pass.In(&k.context))
	if err := a.limits.CheckLimitIn(&k.pass, &k.request); err != nil {
		return &k.request, nil, err
	}
	return &k.request, &k.pass, nil
}

// CheckQuota returns the quota of a request's caller under the policies of Limit
// and Protect, and charges nothing: see [ratelimit.Limiter.CheckQuota].
func (a *Auth) CheckQuota(r *http.Request) (ratelimit.Quota, error) { return a.limits.CheckQuota(r) }

// Quota is a handler that writes the quota of CheckQuota as JSON. Mount it behind
// Bearer or OptionalBearer, and not behind Limit.
func (a *Auth) Quota(w http.ResponseWriter, r *http.Request) { a.limits.Quota(w, r) }

// Inspect returns the quota of a caller under the policies of Limit and Protect,
// and charges nothing: see [ratelimit.Limiter.Inspect]. [CallerOf] makes a Caller
// of a Principal.
func (a *Auth) Inspect(ctx context.Context, c ratelimit.Caller) (ratelimit.Quota, error) {
	return a.limits.Inspect(ctx, c)
}

// Reset sets what a caller has spent to zero, under all policies of Limit and
// Protect: see [ratelimit.Limiter.Reset].
func (a *Auth) Reset(ctx context.Context, c ratelimit.Caller) error { return a.limits.Reset(ctx, c) }

// Grant refunds a caller some of what was spent under the policy with this name:
// see [ratelimit.Limiter.Grant].
func (a *Auth) Grant(ctx context.Context, c ratelimit.Caller, policy string, n int64) error {
	return a.limits.Grant(ctx, c, policy, n)
}
