// Package ulule is an API whose requests are limited by ulule/limiter's middleware, and
// by Sallyport's ratelimit. docs/migrate/ulule-limiter.md tells how it moves.
//
//	archive.go  The API: its customers and its handlers. No line of it changes.
//	before.go   Its routes behind ulule/limiter.
//	after.go    Its routes behind package ratelimit.
package ulule

import (
	"context"
	"io"
	"net/http"
)

// customers are the API's own, by their tokens.
var customers = map[string]string{"token of acme": "acme", "token of bolt": "bolt"}

type customerKey struct{}

// known puts the customer into the context, if the request has a customer's token.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := customers[r.Header.Get("Api-Token")]; ok {
			r = r.WithContext(context.WithValue(r.Context(), customerKey{}, name))
		}
		next.ServeHTTP(w, r)
	})
}

// customer returns the name of the customer, or an empty string.
func customer(r *http.Request) string {
	name, _ := r.Context().Value(customerKey{}).(string)
	return name
}

func search(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "three letters\n") }

func report(w http.ResponseWriter, r *http.Request) {
	if customer(r) == "" {
		http.Error(w, "reports are for customers", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "a report for "+customer(r)+"\n") //nolint:gosec // plain text, of the API's own table
}

func health(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }
