package main

import (
	"net/http"

	"github.com/rs/cors"
)

// exposed are the headers that a script of another origin needs, besides the body: when to
// come again, what is left, and why it was refused.
var exposed = []string{
	"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
	"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
}

// shared lets scripts of these origins read the answers of the API. It is in front of
// everything, so that a preflight, which has no token, is answered and not counted, and so
// that a refusal can be read.
func shared(origins []string, api http.Handler) http.Handler {
	if len(origins) == 0 {
		return api // an empty list would be every origin
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type"},
		ExposedHeaders: exposed,
		MaxAge:         600, // seconds, in which the browser asks not again
	}).Handler(api)
}
