// Package ratelimit limits how many requests a caller may send: by tier, by rule,
// in one window or in several, counted in memory or on Redis.
//
// It knows no tokens and no users. A host that has a login of its own mounts a
// [Limiter] with a function that says who sends a request; package middleware
// mounts one for the principals of its access tokens.
//
// A request is counted under all of its policies or, if one of them refuses it,
// under none. The answer tells what is left: RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers), X-RateLimit-Limit, -Remaining and
// -Reset, and Retry-After on 429.
package ratelimit
