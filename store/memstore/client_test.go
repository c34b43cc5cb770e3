package memstore_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func TestClients(t *testing.T) {
	t.Parallel()
	s := open(t, memstore.Config{})
	web := store.Client{ID: "web", Name: "Web", Secrets: []store.Digest{{1}, {2}}, Grants: []string{"password"}, Scopes: []string{"read"}, Refresh: store.RefreshStrict, Grace: time.Second}
	given := web
	given.Scopes = []string{"read"}
	if err := s.SetClient(t.Context(), given); err != nil {
		t.Fatal(err)
	}
	given.Scopes[0] = "write" // the caller's own
	for range 2 {
		got, err := s.Client(t.Context(), "web")
		if err != nil || !reflect.DeepEqual(got, web) {
			t.Fatalf("Client: %+v, %v; want %+v", got, err, web)
		}
		got.Secrets[0], got.Grants[0] = store.Digest{}, "x"
	}
	if _, err := s.Client(t.Context(), "Web"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Client, in other letters: %v", err)
	}
	wrong := s.SetClient(t.Context(), store.Client{Refresh: "always", Grace: -1})
	for _, words := range []string{"must not be empty", `"always"`, "got -1ns"} {
		if wrong == nil || !strings.Contains(wrong.Error(), words) {
			t.Errorf("%v does not say %q", wrong, words)
		}
	}
	if err := s.SetClient(t.Context(), store.Client{ID: "x", Grace: store.MaxGrace + 1}); err == nil {
		t.Error("SetClient takes too much grace")
	}
	if err := s.RemoveClient(t.Context(), "web"); err != nil {
		t.Error(err)
	}
	if _, err := s.Client(t.Context(), "web"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Client, removed: %v", err)
	}
	if err := s.RemoveClient(t.Context(), "web"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RemoveClient, once more: %v", err)
	}
}

func TestDenials(t *testing.T) {
	t.Parallel()
	denied := func(t *testing.T, s *memstore.Store, sid string, want bool) {
		t.Helper()
		if got, err := s.SessionDenied(t.Context(), sid); err != nil || got != want {
			t.Errorf("SessionDenied(%q) = %t, %v, want %t", sid, got, err, want)
		}
	}
	deny := func(t *testing.T, s *memstore.Store, sid string, until time.Time) {
		t.Helper()
		if err := s.DenySession(t.Context(), sid, until); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a session stays on the list until the later of two times", func(t *testing.T) {
		t.Parallel()
		s := open(t, memstore.Config{Now: func() time.Time { return time.Time{} }})
		deny(t, s, "a", noon.Add(time.Hour))
		deny(t, s, "a", noon)
		deny(t, s, "b", noon)
		denied(t, s, "a", true)
		denied(t, s, "A", false)
		if n, err := s.DeleteExpiredDenials(t.Context(), noon); n != 1 || err != nil {
			t.Errorf("DeleteExpiredDenials = %d, %v, want 1", n, err)
		}
		denied(t, s, "a", true)
		denied(t, s, "b", false)
	})
	t.Run("those whose time has passed are forgotten as others come", func(t *testing.T) {
		t.Parallel()
		c := &clock{noon}
		s := open(t, memstore.Config{Now: c.Now})
		for i := range 1000 {
			c.now = noon.Add(time.Duration(i) * time.Minute)
			deny(t, s, time.Duration(i).String(), c.now.Add(10*time.Minute))
		}
		if n, _ := s.DeleteExpiredDenials(t.Context(), noon.Add(1e6*time.Minute)); n > 100 {
			t.Errorf("%d were remembered, of which ten were of use", n)
		}
		deny(t, s, "live", c.now.Add(time.Hour))
		for range 100 {
			deny(t, s, "other", c.now)
		}
		denied(t, s, "live", true)
	})
}
