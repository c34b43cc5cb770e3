package conformance_test

import (
	"net/http"
	"strings"
	"testing"
)

// Problem details, on routes that are neither OAuth's nor another API's.
var problems = []requirement{
	{number: 159, grade: "MUST", says: "status in the body is the status", source: "RFC 9457 §3.1.2",
		check: func(t *testing.T, open opener) {
			for _, a := range troubles(t, open) {
				if got, _ := a.members["status"].(float64); int(got) != a.Code {
					t.Errorf("%d: %s", a.Code, a.Body)
				}
			}
		}},
	{number: 160, grade: "SHOULD", says: "it is application/problem+json, titled as its type has it", source: "RFC 9457 §3, §4.2.1",
		check: func(t *testing.T, open opener) {
			for _, a := range troubles(t, open) {
				a.has(t, "Content-Type", "application/problem+json")
				if a.members["type"] == "about:blank" && a.members["title"] != http.StatusText(a.Code) {
					t.Errorf("%d: %s", a.Code, a.Body)
				}
			}
		}},
	{number: 161, grade: "MUST*", says: "the type is stable and absolute, and no detail tells of the inside", source: "RFC 9457 §3.1.1, §5, ASVS 16.5.1",
		check: func(t *testing.T, open opener) {
			for _, a := range troubles(t, open) {
				if kind, _ := a.members["type"].(string); kind != "about:blank" && !strings.HasPrefix(kind, "https://") {
					t.Errorf("%d: %s", a.Code, a.Body)
				}
				if strings.Contains(a.Body.String(), "MARKER") {
					t.Errorf("%d: %s", a.Code, a.Body)
				}
			}
		}},
	{number: 162, grade: "MUST NOT", says: "the token endpoint answers as RFC 6749 has it, not with a problem", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, body := range []string{"", "grant_type=foo", "grant_type=password&username=alice&password=x"} {
				a := h.token(t, body)
				a.has(t, "Content-Type", "application/json")
				if a.members["error"] == nil || a.members["status"] != nil {
					t.Errorf("%s", a.Body)
				}
			}
		}},
}

// troubles are answers of the API to those whom it does not serve.
func troubles(t *testing.T, open opener) []answer {
	t.Helper()
	h := open(t)
	access := h.login(t, "scope=read").access
	all := []answer{h.send(t, http.MethodGet, "/me", ""), h.call(t, "/me", "x"), h.call(t, "/write", access)}
	for range 101 {
		if a := h.send(t, http.MethodGet, "/search", ""); a.Code == http.StatusTooManyRequests {
			all = append(all, a)
		}
	}
	h.store.fail(true)
	all = append(all, h.call(t, "/me", access))
	want := []int{401, 401, 403, 429, 503}
	if len(all) != len(want) {
		t.Fatalf("%d answers, want %d", len(all), len(want))
	}
	for i, a := range all {
		if a.Code != want[i] {
			t.Errorf("%d, want %d: %s", a.Code, want[i], a.Body)
		}
	}
	return all
}
