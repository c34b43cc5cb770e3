package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// ends is a handler that ends what has the ID in its path.
type ends func(http.ResponseWriter, *http.Request)

// routers mount a handler for DELETE. ID in a target is the ID.
var routers = map[string]struct {
	target string
	mount  func(ends) http.Handler
}{
	"the wildcard {id} of http.ServeMux": {"/own/ID", func(h ends) http.Handler {
		m := http.NewServeMux()
		m.HandleFunc("DELETE /own/{id}", h)
		return m
	}},
	"the wildcard {id} before another segment": {"/own/ID/now", func(h ends) http.Handler {
		m := http.NewServeMux()
		m.HandleFunc("DELETE /own/{id}/now", h)
		return m
	}},
	"a wildcard of another name": {"/own/ID", func(h ends) http.Handler {
		m := http.NewServeMux()
		m.HandleFunc("DELETE /own/{session}", h)
		return m
	}},
	"a prefix without a wildcard": {"/own/ID", func(h ends) http.Handler {
		m := http.NewServeMux()
		m.Handle("/own/", http.HandlerFunc(h))
		return m
	}},
	"a router that sets no path value, as that of gin": {"/own/ID?a=b", func(h ends) http.Handler {
		return http.HandlerFunc(h)
	}},
	"a router whose parameters a wrapper sets": {"/own/ID/now", func(h ends) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.SetPathValue("id", r.URL.Path[len("/own/"):len(r.URL.Path)-len("/now")])
			h(w, r)
		})
	}},
}

func TestFaultD6SessionsAndKeysEndBehindEachRouter(t *testing.T) {
	t.Parallel()
	for name, router := range routers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			own, other := d.login(t, alice), d.login(t, alice)
			_, key, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			_, bobs, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{ID: bob.ID}, tokens.KeyOptions{Label: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				name   string
				handle ends
				id     string
				status int
			}{
				{"another user's session", d.EndSession, d.login(t, bob).Principal.SessionID, 404},
				{"a session that there is not", d.EndSession, "x", 404},
				{"a session", d.EndSession, other.Principal.SessionID, 204},
				{"another user's key", d.RevokeAPIKey, bobs.ID, 404},
				{"a key that there is not", d.RevokeAPIKey, "x", 404},
				{"a key", d.RevokeAPIKey, key.ID, 204},
			} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, strings.Replace(router.target, "ID", x.id, 1), nil)
				r.Header.Set("Authorization", "Bearer "+string(own.AccessToken))
				w := httptest.NewRecorder()
				router.mount(x.handle).ServeHTTP(w, r)
				if w.Code != x.status {
					t.Errorf("%s: %d %s, want %d", x.name, w.Code, w.Body, x.status)
				}
			}
			sessions, _, err := d.tokens.Sessions(t.Context(), alice.ID, tokens.Page{})
			if err != nil || len(sessions) != 1 || sessions[0].ID != own.Principal.SessionID {
				t.Errorf("sessions = %v, %v, want the own one alone", sessions, err)
			}
		})
	}
}

// A path without an ID ends nothing.
func TestFaultD6APathWithoutAnIDIsNotFound(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "/own", "/own/", "/own/ID/", "/own/ID/now"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			own := d.login(t, alice)
			for _, handle := range []ends{d.EndSession, d.RevokeAPIKey} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, strings.Replace(target, "ID", own.Principal.SessionID, 1), nil)
				r.Header.Set("Authorization", "Bearer "+string(own.AccessToken))
				w := httptest.NewRecorder()
				handle(w, r)
				if w.Code != http.StatusNotFound {
					t.Errorf("%d %s, want 404", w.Code, w.Body)
				}
			}
		})
	}
}
