package storetest_test

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// restarting changes something when the store is opened again.
func restarting(change func(ctx context.Context, r *rig) error) func(r *rig) {
	return func(r *rig) {
		r.Reopen = func(ctx context.Context) (storetest.Fixture, error) { return r.Fixture, change(ctx, r) }
	}
}

// restartingSessions changes all sessions when the store is opened again.
func restartingSessions(change func(s *store.Session)) func(r *rig) {
	return restarting(func(ctx context.Context, r *rig) error { return r.reference.editAll(ctx, change) })
}

func restartingKeys(change func(k *store.APIKey)) func(r *rig) {
	return restarting(func(ctx context.Context, r *rig) error { return r.reference.editKeys(ctx, change) })
}

var restartViolations = []violation{
	{"sessions are gone after a restart", "A restart forgets no session", restarting(func(ctx context.Context, r *rig) error {
		_, err := r.reference.drop(ctx, func(store.Session) bool { return true })
		return err
	})},
	{"sessions that were revoked are gone after a restart", "A restart forgets no session", restarting(func(ctx context.Context, r *rig) error {
		_, err := r.reference.drop(ctx, func(s store.Session) bool { return !s.RevokedAt.IsZero() })
		return err
	})},
	{"a revocation is in a cache only", "A restart forgets no session", restartingSessions(func(s *store.Session) { s.RevokedAt = time.Time{} })},
	{"a generation is written back now and then", "A restart forgets no session", restartingSessions(func(s *store.Session) { s.Generation = min(s.Generation, 3) })},
	{"labels are not written", "A restart forgets no session", restartingSessions(func(s *store.Session) { s.Label = "" })},
	{"a store does not open again", "A restart forgets no session", restarting(func(context.Context, *rig) error { return errDriver })},
	{"a store opens as nothing", "A restart forgets no session", func(r *rig) {
		r.Reopen = func(context.Context) (storetest.Fixture, error) { return storetest.Fixture{}, nil }
	}},
	{"users are gone after a restart", "A restart forgets no user", func(r *rig) {
		r.Reopen = func(context.Context) (storetest.Fixture, error) {
			f := r.Fixture
			f.Store = override{Store: f.Store, authenticate: func(context.Context, string, string) (store.User, error) {
				return store.User{}, store.ErrBadCredentials
			}}
			return f, nil
		}
	}},
	{"who was locked out comes in after a restart", "A restart forgets no user", func(r *rig) {
		gone := map[string]store.User{}
		passwords := map[string]string{}
		add, lock := r.AddUser, r.LockOut
		r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
			gone[u.ID], passwords[u.ID] = u, password
			return add(ctx, u, password)
		}
		var locked []string
		r.LockOut = func(ctx context.Context, id string) error { locked = append(locked, id); return lock(ctx, id) }
		r.Reopen = func(ctx context.Context) (storetest.Fixture, error) {
			for _, id := range locked {
				if _, err := add(ctx, gone[id], passwords[id]); err != nil {
					return storetest.Fixture{}, err
				}
			}
			return r.Fixture, nil
		}
	}},
	{"keys are gone after a restart", "A restart forgets no key", restarting(func(ctx context.Context, r *rig) error {
		_, err := r.reference.dropKeys(ctx, func(store.APIKey) bool { return true })
		return err
	})},
	{"a revocation of a key is in a cache only", "A restart forgets no key", restartingKeys(func(k *store.APIKey) { k.RevokedAt = time.Time{} })},
	{"a use of a key is in a cache only", "A restart forgets no key", restartingKeys(func(k *store.APIKey) { k.LastUsedAt = time.Time{} })},
	{"the deny list is empty after a restart", "A restart forgets no denial", restarting(func(ctx context.Context, r *rig) error {
		_, err := r.lists.undeny(ctx, func(string, time.Time) bool { return true })
		return err
	})},
	{"clients are gone after a restart", "A restart forgets no client", restarting(func(_ context.Context, r *rig) error {
		r.lists.mu.Lock()
		defer r.lists.mu.Unlock()
		clear(r.lists.clients)
		return nil
	})},
	{"clients that were taken out are back after a restart", "A restart forgets no client", func(r *rig) {
		var removed []store.Client
		r.RemoveClient = func(ctx context.Context, id string) error {
			c, err := r.lists.Client(ctx, id)
			if err != nil {
				return err
			}
			removed = append(removed, c)
			return r.lists.removeClient(ctx, id)
		}
		r.Reopen = func(ctx context.Context) (storetest.Fixture, error) {
			for _, c := range removed {
				if err := r.lists.setClient(ctx, c); err != nil {
					return storetest.Fixture{}, err
				}
			}
			return r.Fixture, nil
		}
	}},
}
