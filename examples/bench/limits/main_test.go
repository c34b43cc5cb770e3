package main

import (
	"net/http"
	"strings"
	"testing"
)

// Whoever is measured does what it is measured for.
func TestContestants(t *testing.T) {
	t.Parallel()
	for _, c := range contestants(t.Context()) {
		decide := c.open()
		for _, key := range []string{"a", "b", "a"} {
			if !decide(key) {
				t.Errorf("%s refuses", c.name)
			}
		}
	}
}

// Every door lets everybody in, or nobody, and says so.
func TestDoors(t *testing.T) {
	t.Parallel()
	for _, d := range doors(t.Context()) {
		for most, want := range map[int64]int{limit: http.StatusOK, 0: http.StatusTooManyRequests} {
			door, err := d.open(most)
			if err != nil {
				t.Fatal(err)
			}
			if door == nil {
				continue
			}
			w, ring := ringing(t.Context(), door)
			ring()
			if w.status != want {
				t.Errorf("%s: with %d it answers %d, want %d", d.name, most, w.status, want)
			}
			if limits := w.header.Get("X-Ratelimit-Limit"); limits == "" && !strings.Contains(d.name, "no header") {
				t.Errorf("%s has the headers %v", d.name, w.header)
			}
		}
	}
}
