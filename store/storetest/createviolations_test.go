package storetest_test

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// creating changes sessions on their way in.
func creating(change func(s *store.Session)) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			change(&s)
			return r.reference.CreateSession(ctx, s)
		}}
	}
}

// yields lets others go first, often enough for any race to be lost.
func yields() {
	for range 20 {
		runtime.Gosched()
	}
}

var createViolations = []violation{
	{"CreateSession loses the client", "CreateSession keeps all of a session", creating(func(s *store.Session) { s.ClientID = "" })},
	{"CreateSession loses the scopes", "CreateSession keeps all of a session", creating(func(s *store.Session) { s.Scopes = nil })},
	{"CreateSession begins at generation 0", "CreateSession keeps all of a session", creating(func(s *store.Session) { s.Generation = 0 })},
	{"CreateSession always begins at generation 1", "CreateSession keeps all of a session", creating(func(s *store.Session) { s.Generation = 1 })},
	{"CreateSession makes AdvancedAt up", "CreateSession keeps all of a session", creating(func(s *store.Session) { s.AdvancedAt = s.CreatedAt })},
	{"CreateSession gives a session without a label one", "CreateSession keeps all of a session", creating(func(s *store.Session) {
		if s.Label == "" {
			s.Label = "NULL"
		}
	})},
	{"CreateSession loses the methods", "A session keeps when and how its user was authenticated", creating(func(s *store.Session) { s.Methods = nil })},
	{"CreateSession keeps the first method only", "A session keeps when and how its user was authenticated", creating(func(s *store.Session) { s.Methods = s.Methods[:min(1, len(s.Methods))] })},
	{"CreateSession loses the actor", "A session keeps when and how its user was authenticated", creating(func(s *store.Session) { s.Actor = "" })},
	{"CreateSession takes the login for the authentication", "A session keeps when and how its user was authenticated", creating(func(s *store.Session) { s.AuthenticatedAt = s.CreatedAt })},
	{"AdvanceSession takes a refresh for an authentication", "A session keeps when and how its user was authenticated", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if s.Generation != from || !s.RevokedAt.IsZero() {
			return conflict("session")
		}
		s.Generation, s.AdvancedAt, s.IdleUntil, s.AuthenticatedAt = from+1, at, idleUntil, at
		return nil
	})},
	{"CreateSession overwrites", "CreateSession says ErrConflict when the ID is taken", func(r *rig) {
		r.Store = override{Store: r.Store, create: r.reference.put}
	}},
	{"CreateSession ignores what is there", "CreateSession says ErrConflict when the ID is taken", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if err := r.reference.CreateSession(ctx, s); !errors.Is(err, store.ErrConflict) {
				return err
			}
			return nil
		}}
	}},
	{"CreateSession brings a revoked session back", "CreateSession says ErrConflict when the ID is taken", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if old, err := r.reference.Session(ctx, s.ID); err == nil && !old.RevokedAt.IsZero() {
				return r.reference.put(ctx, s)
			}
			return r.reference.CreateSession(ctx, s)
		}}
	}},
	{"CreateSession returns the driver's error for a taken ID", "CreateSession says ErrConflict when the ID is taken", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if err := r.reference.CreateSession(ctx, s); err != nil {
				return errors.New("driver: duplicate key value violates unique constraint")
			}
			return nil
		}}
	}},
	{"CreateSession looks, then writes", "CreateSession has exactly one winner", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if _, err := r.reference.Session(ctx, s.ID); err == nil {
				return store.ErrConflict
			}
			yields()
			return r.reference.put(ctx, s)
		}}
	}},
	{"Session returns nothing and no error", "Session says ErrNotFound of an unknown ID", sessionErr(nil)},
	{"Session returns the driver's error", "Session says ErrNotFound of an unknown ID", sessionErr(errDriver)},
	{"Session says ErrConflict of an unknown ID", "Session says ErrNotFound of an unknown ID", sessionErr(store.ErrConflict)},
}

func sessionErr(instead error) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			s, err := r.reference.Session(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				err = instead
			}
			return s, err
		}}
	}
}
