package storetest_test

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// advancing replaces what AdvanceSession does with the row.
func advancing(change func(s *store.Session, from int64, at, idleUntil time.Time) error) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			return r.reference.edit(ctx, id, func(s *store.Session) error { return change(s, from, at, idleUntil) })
		}}
	}
}

// conformingAdvance is what AdvanceSession does.
func conformingAdvance(s *store.Session, from int64, at, idleUntil time.Time) error {
	if s.Generation != from || !s.RevokedAt.IsZero() {
		return store.ErrConflict
	}
	s.Generation, s.AdvancedAt, s.IdleUntil = from+1, at, idleUntil
	return nil
}

// advanceErr replaces the answer of AdvanceSession.
func advanceErr(of, instead error) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			err := r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			if errors.Is(err, of) {
				return instead
			}
			return err
		}}
	}
}

var advanceViolations = []violation{
	{"AdvanceSession takes 0 for a session that is none", "AdvanceSession from generation 0 has exactly one winner", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			if from == 0 {
				return store.ErrConflict
			}
			return r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
		}}
	}},
	{"AdvanceSession takes 0 for any generation", "AdvanceSession from generation 0 has exactly one winner", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			return r.reference.edit(ctx, id, func(s *store.Session) error {
				if from != 0 && s.Generation != from || !s.RevokedAt.IsZero() {
					return store.ErrConflict
				}
				s.Generation, s.AdvancedAt, s.IdleUntil = from+1, at, idleUntil
				return nil
			})
		}}
	}},
	{"AdvanceSession is idempotent for one and the same time", "AdvanceSession has exactly one winner at one time", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if s.Generation == from+1 && s.AdvancedAt.Equal(at) && s.RevokedAt.IsZero() {
			return nil // it takes the caller for the one that it has answered
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"AdvanceSession forgets IdleUntil", "AdvanceSession moves the session on", advancing(func(s *store.Session, from int64, at, _ time.Time) error {
		return conformingAdvance(s, from, at, s.IdleUntil)
	})},
	{"AdvanceSession forgets AdvancedAt", "AdvanceSession moves the session on", advancing(func(s *store.Session, from int64, _, idleUntil time.Time) error {
		return conformingAdvance(s, from, s.AdvancedAt, idleUntil)
	})},
	{"AdvanceSession forgets the generation", "AdvanceSession moves the session on", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		err := conformingAdvance(s, from, at, idleUntil)
		s.Generation = from
		return err
	})},
	{"AdvanceSession never lets IdleUntil go back", "AdvanceSession moves the session on", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if idleUntil.Before(s.IdleUntil) {
			idleUntil = s.IdleUntil
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"AdvanceSession moves ExpiresAt as well", "AdvanceSession moves the session on", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		err := conformingAdvance(s, from, at, idleUntil)
		s.ExpiresAt = s.ExpiresAt.Add(time.Hour)
		return err
	})},
	{"AdvanceSession moves all sessions of the user", "AdvanceSession moves the session on", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			s, err := r.reference.Session(ctx, id)
			if err != nil {
				return err
			}
			return r.reference.editAll(ctx, func(other *store.Session) {
				if other.UserID == s.UserID {
					_ = conformingAdvance(other, from, at, idleUntil)
				}
			})
		}}
	}},
	{"AdvanceSession looks, then writes", "AdvanceSession has exactly one winner", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			s, err := r.reference.Session(ctx, id)
			if err != nil {
				return err
			}
			yields()
			if err := conformingAdvance(&s, from, at, idleUntil); err != nil {
				return err
			}
			return r.reference.put(ctx, s)
		}}
	}},
	{"AdvanceSession says nil to a caller who is late but wants the same", "AdvanceSession has exactly one winner",
		advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
			if s.Generation == from+1 {
				return nil
			}
			return conformingAdvance(s, from, at, idleUntil)
		})},
	{"AdvanceSession says nil to the losers", "AdvanceSession has exactly one winner", advanceErr(store.ErrConflict, nil)},
	{"AdvanceSession returns the driver's error to the losers", "AdvanceSession has exactly one winner", advanceErr(store.ErrConflict, errDriver)},
	{"AdvanceSession lets the losers write IdleUntil", "AdvanceSession has exactly one winner",
		advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
			err := conformingAdvance(s, from, at, idleUntil)
			s.IdleUntil = idleUntil
			if err != nil {
				s.AdvancedAt = at
			}
			return nil
		})},
	{"AdvanceSession ignores from", "AdvanceSession refuses another generation", advancing(func(s *store.Session, _ int64, at, idleUntil time.Time) error {
		return conformingAdvance(s, s.Generation, at, idleUntil)
	})},
	{"AdvanceSession takes an earlier generation", "AdvanceSession refuses another generation", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		return conformingAdvance(s, max(from, s.Generation), at, idleUntil)
	})},
	{"AdvanceSession jumps to a later generation", "AdvanceSession refuses another generation", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if from > s.Generation {
			s.Generation = from
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"AdvanceSession says ErrNotFound of another generation", "AdvanceSession refuses another generation", advanceErr(store.ErrConflict, store.ErrNotFound)},
	{"AdvanceSession does not look at the revocation", "AdvanceSession refuses a revoked session", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		revoked := s.RevokedAt
		s.RevokedAt = time.Time{}
		err := conformingAdvance(s, from, at, idleUntil)
		s.RevokedAt = revoked
		return err
	})},
	{"AdvanceSession un-revokes", "AdvanceSession refuses a revoked session", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		s.RevokedAt = time.Time{}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"AdvanceSession says ErrConflict, and prolongs the revoked session", "AdvanceSession refuses a revoked session", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			err := r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			if errors.Is(err, store.ErrConflict) {
				_ = r.reference.edit(ctx, id, func(s *store.Session) error { s.IdleUntil = idleUntil; return nil })
			}
			return err
		}}
	}},
	{"AdvanceSession says ErrNotFound of a revoked session", "AdvanceSession refuses a revoked session", advanceErr(store.ErrConflict, store.ErrNotFound)},
	{"AdvanceSession says ErrConflict of an unknown ID", "AdvanceSession says ErrNotFound of an unknown ID", advanceErr(store.ErrNotFound, store.ErrConflict)},
	{"AdvanceSession says nil of an unknown ID", "AdvanceSession says ErrNotFound of an unknown ID", advanceErr(store.ErrNotFound, nil)},
	{"AdvanceSession creates what it does not find", "AdvanceSession says ErrNotFound of an unknown ID", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			err := r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			if errors.Is(err, store.ErrNotFound) {
				_ = r.reference.put(ctx, store.Session{ID: id, Generation: from + 1})
			}
			return err
		}}
	}},
	{"a generation is kept in 32 bits", "AdvanceSession counts as far as an int64 does", creating(func(s *store.Session) { s.Generation = int64(int32(s.Generation)) })},
	{"a generation is kept as a float", "AdvanceSession counts as far as an int64 does", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if float64(s.Generation) == float64(from) {
			from = s.Generation
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"a generation is advanced as a float", "AdvanceSession counts as far as an int64 does", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		err := conformingAdvance(s, from, at, idleUntil)
		if s.Generation < math.MaxInt64 {
			s.Generation = int64(float64(s.Generation))
		}
		return err
	})},
}
