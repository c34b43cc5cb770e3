package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

func TestASessionIsAdvancedOrRevoked(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)
	later, latest := noon.Add(time.Minute), noon.Add(time.Hour)
	active := store.Session{ID: "s1", Generation: 3, AdvancedAt: noon, IdleUntil: noon.Add(time.Second), ExpiresAt: latest.Add(time.Hour)}
	next := active
	next.Generation, next.AdvancedAt, next.IdleUntil = 4, later, latest
	revoked := active
	revoked.RevokedAt = noon
	for name, tt := range map[string]struct {
		s    store.Session
		from int64
		want store.Session
		err  error
	}{
		"the right generation is advanced":       {active, 3, next, nil},
		"an older generation is a conflict":      {active, 2, active, store.ErrConflict},
		"a generation to come is a conflict":     {active, 4, active, store.ErrConflict},
		"a revoked session is never advanced":    {revoked, 3, revoked, store.ErrConflict},
		"a step at generation 0 is made once":    {store.Session{}, 0, store.Session{Generation: 1, AdvancedAt: later, IdleUntil: latest}, nil},
		"a step that was made is not made again": {next, 0, next, store.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.s.Advanced(tt.from, later, latest)
			if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
	if got := active.Revoked(later); !got.RevokedAt.Equal(later) {
		t.Errorf("RevokedAt is %v", got.RevokedAt)
	}
	if got := revoked.Revoked(later); !got.RevokedAt.Equal(noon) {
		t.Errorf("the second revocation changed the first to %v", got.RevokedAt)
	}
	if got := active.EndsAt(); !got.Equal(active.IdleUntil) {
		t.Errorf("it ends at %v, want IdleUntil", got)
	}
	if got := (store.Session{IdleUntil: latest, ExpiresAt: noon}).EndsAt(); !got.Equal(noon) {
		t.Errorf("it ends at %v, want ExpiresAt", got)
	}
	if err := store.CheckRevocation(time.Time{}); err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("a zero time: %v", err)
	}
	if err := store.CheckRevocation(noon); err != nil {
		t.Error(err)
	}
}
