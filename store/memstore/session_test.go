package memstore_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// clock is a clock that is set by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// session is one that expires after so many hours without a refresh, and after
// a day with one.
func session(id string, hours int) store.Session {
	return store.Session{
		ID: id, UserID: "u1", Generation: 1, CreatedAt: noon, AdvancedAt: noon,
		IdleUntil: noon.Add(time.Duration(hours) * time.Hour), ExpiresAt: noon.Add(24 * time.Hour),
	}
}

func create(t testing.TB, s *memstore.Store, n store.Session) {
	t.Helper()
	if err := s.CreateSession(t.Context(), n); err != nil {
		t.Fatalf("CreateSession(%q): %v", n.ID, err)
	}
}

// known counts the sessions of these that the store remembers.
func known(t *testing.T, s *memstore.Store, ids ...string) (n int) {
	t.Helper()
	for _, id := range ids {
		switch _, err := s.Session(t.Context(), id); {
		case err == nil:
			n++
		case !errors.Is(err, store.ErrNotFound):
			t.Fatal(err)
		}
	}
	return n
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := open(t, memstore.Config{MaxSessions: 2, Now: c.Now})
	create(t, s, session("a", 1))
	create(t, s, session("b", 2))

	if err := s.CreateSession(t.Context(), session("c", 3)); err == nil || isSentinel(err) {
		t.Errorf("when full: got %v, want an error that is no sentinel", err)
	}
	if err := s.CreateSession(t.Context(), session("a", 3)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("when full, with a taken ID: got %v, want ErrConflict", err)
	}
	if err := s.RevokeSession(t.Context(), "b", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateSession(t.Context(), session("c", 3)); err == nil || isSentinel(err) {
		t.Errorf("when full of revoked ones: got %v, want an error that is no sentinel", err)
	}

	c.now = noon.Add(time.Hour)
	create(t, s, session("c", 3))
	if n := known(t, s, "a"); n != 0 {
		t.Error("what had expired was not forgotten")
	}
	if n := known(t, s, "b", "c"); n != 2 {
		t.Error("what had not expired was forgotten")
	}
}

func TestForgetting(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(ctx context.Context, s *memstore.Store) error
		hours  int // past noon
		stays  bool
	}{
		"a session stays until it has expired": {
			nil, 0, true,
		},
		"a session goes at its IdleUntil": {
			nil, 1, false,
		},
		"a revoked session stays until it would have expired": {
			func(ctx context.Context, s *memstore.Store) error { return s.RevokeSession(ctx, "a", noon) }, 0, true,
		},
		"a revoked session goes at its IdleUntil": {
			func(ctx context.Context, s *memstore.Store) error { return s.RevokeSession(ctx, "a", noon) }, 1, false,
		},
		"a session that was refreshed stays": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AdvanceSession(ctx, "a", 1, noon, noon.Add(2*time.Hour))
			}, 1, true,
		},
		"a session goes at its ExpiresAt, however often it was refreshed": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AdvanceSession(ctx, "a", 1, noon, noon.Add(48*time.Hour))
			}, 24, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &clock{noon}
			s := open(t, memstore.Config{Now: c.Now})
			create(t, s, session("a", 1))
			if tt.change != nil {
				if err := tt.change(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			c.now = noon.Add(time.Duration(tt.hours) * time.Hour)
			create(t, s, session("b", 1))
			if stays := known(t, s, "a") == 1; stays != tt.stays {
				t.Errorf("the session stays: %v, want %v", stays, tt.stays)
			}
		})
	}
}

// A hundred sessions that expire in one night are forgotten by the logins of the
// next morning, a few by each.
func TestForgettingIsShared(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := open(t, memstore.Config{Now: c.Now})
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("evening-%d", i))
		create(t, s, session(ids[i], 1))
	}
	c.now = noon.Add(2 * time.Hour)
	before := known(t, s, ids...)
	for i := 0; before > 0; i++ {
		create(t, s, session(fmt.Sprintf("morning-%d", i), 23))
		after := known(t, s, ids...)
		if gone := before - after; gone < min(2, before) || gone > 8 {
			t.Fatalf("login %d has forgotten %d", i, gone)
		}
		before = after
	}
}

// TestAgainstModel does things at random to a Store and to a map, and looks
// whether they agree. What could disagree are the orders that the store keeps.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same each time
	s := open(t, memstore.Config{Now: func() time.Time { return time.Time{} }})
	model := map[string]store.Session{}
	some := func() string { return fmt.Sprint(random.IntN(60)) }
	hours := func(n int) time.Time { return noon.Add(time.Duration(random.IntN(n)) * time.Hour) }

	for range 20_000 {
		id := some()
		m, there := model[id]
		switch random.IntN(8) {
		case 0, 1, 2:
			n := session(id, random.IntN(48))
			n.UserID, n.CreatedAt = fmt.Sprint(random.IntN(4)), hours(1000)
			err := s.CreateSession(t.Context(), n)
			if errors.Is(err, store.ErrConflict) != there {
				t.Fatalf("CreateSession: %v, and it is there: %v", err, there)
			}
			if !there {
				model[id] = n
			}
		case 3, 4:
			idle := hours(48)
			if err := s.AdvanceSession(t.Context(), id, m.Generation, noon, idle); err == nil {
				m.Generation, m.IdleUntil = m.Generation+1, idle
				model[id] = m
			} else if there && m.RevokedAt.IsZero() {
				t.Fatalf("AdvanceSession: %v", err)
			}
		case 5:
			if err := s.RevokeSession(t.Context(), id, noon); err != nil {
				t.Fatal(err)
			}
			if there {
				m.RevokedAt = noon
				model[id] = m
			}
		case 6:
			before := hours(40)
			n, err := s.DeleteExpiredSessions(t.Context(), before)
			had := len(model)
			maps.DeleteFunc(model, func(_ string, m store.Session) bool {
				return !m.IdleUntil.After(before) || !m.ExpiresAt.After(before)
			})
			if err != nil || n != had-len(model) {
				t.Fatalf("DeleteExpiredSessions: %d, %v; want %d", n, err, had-len(model))
			}
		default:
			user := fmt.Sprint(random.IntN(4))
			want := slices.DeleteFunc(slices.Collect(maps.Values(model)), func(m store.Session) bool {
				return m.UserID != user || !m.RevokedAt.IsZero()
			})
			slices.SortFunc(want, func(a, b store.Session) int {
				return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
			})
			after, limit := store.Newest(), 1+random.IntN(4)
			if len(want) > 0 && random.IntN(2) == 0 {
				i := random.IntN(len(want))
				after, want = want[i].Cursor(), want[i+1:]
			}
			want = want[:min(limit, len(want))]
			got, err := s.UserSessions(t.Context(), user, after, limit)
			if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("UserSessions: %v, %v; want %v", got, err, want)
			}
		}
	}
}
