// Package ratelimit limits how many requests a caller may send: by tier, by rule,
// in one window or in several, counted in memory or on Redis.
//
// It knows no tokens and no users. A host that has its own login mounts a
// [Limiter] with a function that returns who sends a request; package middleware
// mounts one for the principals of its access tokens.
//
// A request is counted under all of its policies or, if one of them rejects it,
// under none. The response has the quota in its headers: RateLimit-Policy and
// RateLimit (draft-ietf-httpapi-ratelimit-headers), X-RateLimit-Limit, -Remaining
// and -Reset, and Retry-After with 429.
package ratelimit
