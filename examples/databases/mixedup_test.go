package databases_test

import (
	"context"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// An answer that is the answer of another query is an error, and never a fact.
func TestFaultC3MixedUpAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		t.Helper()
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		bob := ada
		bob.ID, bob.Login = "u2", "bob"
		k, other := store.APIKey{ID: "k1", Owner: store.Owner{ID: "u1"}, CreatedAt: noon}, store.APIKey{ID: "k2", Owner: store.Owner{ID: "u2"}, CreatedAt: noon}
		copy(k.Digest[:], "one")
		copy(other.Digest[:], "another")
		its := session("s2", 1)
		its.UserID = "u2"
		must(t, s.AddUser(t.Context(), ada, adas), s.AddUser(t.Context(), bob, adas),
			s.CreateSession(t.Context(), session("s1", 1)), s.CreateSession(t.Context(), its),
			s.CreateAPIKey(t.Context(), k), s.CreateAPIKey(t.Context(), other),
			s.SetClient(t.Context(), store.Client{ID: "web"}), s.SetClient(t.Context(), store.Client{ID: "app"}))
		for name, test := range map[string]struct {
			instead any
			do      func(context.Context, *sqlstore.Store) error
		}{
			"Session": {"s2", func(ctx context.Context, s *sqlstore.Store) error { _, err := s.Session(ctx, "s1"); return err }},
			"UserSessions": {"u2", func(ctx context.Context, s *sqlstore.Store) error {
				_, err := s.UserSessions(ctx, "u1", store.Newest(), store.MaxPage)
				return err
			}},
			"User": {"u2", func(ctx context.Context, s *sqlstore.Store) error { _, err := s.User(ctx, "u1"); return err }},
			"Authenticate": {"bob", func(ctx context.Context, s *sqlstore.Store) error {
				_, err := s.Authenticate(ctx, "ada", adas)
				return err
			}},
			"APIKey": {other.Digest[:], func(ctx context.Context, s *sqlstore.Store) error { _, err := s.APIKey(ctx, k.Digest); return err }},
			"OwnerAPIKeys": {"u2", func(ctx context.Context, s *sqlstore.Store) error {
				_, err := s.OwnerAPIKeys(ctx, store.Owner{ID: "u1"}, store.Newest(), store.MaxPage)
				return err
			}},
			"Client": {"app", func(ctx context.Context, s *sqlstore.Store) error { _, err := s.Client(ctx, "web"); return err }},
		} {
			wants(t, test.do(t.Context(), s), nil, name)
			recorder.instead.Store(&test.instead)
			wants(t, test.do(t.Context(), s), errSome, name)
			recorder.instead.Store(nil)
		}
	})
}
