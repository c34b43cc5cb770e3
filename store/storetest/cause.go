package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// causeRules are tested first. A store that breaks one of them breaks many
// others, which are then not reported.
var causeRules = []rule{
	{
		name:     "Times are kept to the microsecond",
		says:     "A store returns them equal (by [time.Time.Equal])",
		why:      "a column that cuts or moves times opens and shuts the retry window of a refresh, ends sessions early, and fails most other rules for this one reason",
		check:    keepsMicroseconds,
		explains: true,
	},
}

// keepsMicroseconds reports the times that come back truncated, or all of them if
// they are shifted by the same duration. If a single time is different, other
// rules report that.
func keepsMicroseconds(t *trial) {
	var cut []string
	var moved []time.Duration
	s := t.newSession()
	s.CreatedAt = t.now.Truncate(time.Second).Add(567891 * time.Microsecond) // each unit truncates or rounds it differently
	s.AdvancedAt, s.IdleUntil, s.ExpiresAt = s.CreatedAt.Add(time.Hour), s.CreatedAt.Add(day), s.CreatedAt.Add(2*day)
	revoked := s.CreatedAt.Add(2 * time.Hour)
	got, ok := t.keptOf(s, revoked)
	if !ok {
		return // which other rules report
	}
	for _, at := range []struct {
		field     string
		got, want time.Time
	}{
		{"CreatedAt", got.CreatedAt, s.CreatedAt},
		{"AdvancedAt", got.AdvancedAt, s.AdvancedAt},
		{"IdleUntil", got.IdleUntil, s.IdleUntil},
		{"ExpiresAt", got.ExpiresAt, s.ExpiresAt},
		{"RevokedAt", got.RevokedAt, revoked},
	} {
		moved = append(moved, at.got.Sub(at.want))
		if how := howCut(at.got, at.want); how != "" {
			cut = append(cut, fmt.Sprintf("%s %s came back as %s, %s", at.field, show(at.want), show(at.got), how))
		}
	}
	if len(cut) > 0 {
		t.failf("Session: %s", strings.Join(cut, "; "))
	}
	if by := moved[0]; by != 0 && !slices.ContainsFunc(moved, func(d time.Duration) bool { return d != by }) {
		t.failf("Session: all times came back moved by %v", by)
	}
}

// keptOf writes a session, revokes it, and returns what the store has kept.
func (t *trial) keptOf(s store.Session, revoked time.Time) (store.Session, bool) {
	if err := t.Store.CreateSession(t.ctx, s); err != nil {
		return store.Session{}, false
	}
	if err := t.Store.RevokeSession(t.ctx, s.ID, revoked); err != nil {
		return store.Session{}, false
	}
	got, err := t.Store.Session(t.ctx, s.ID)
	return got, err == nil
}

// howCut returns what was removed from a time, or "" if nothing was.
func howCut(got, want time.Time) string {
	if got.Equal(want) {
		return ""
	}
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{
		{10 * time.Microsecond, "ten microseconds"},
		{100 * time.Microsecond, "tenths of a millisecond"},
		{time.Millisecond, "whole milliseconds"},
		{10 * time.Millisecond, "hundredths of a second"},
		{100 * time.Millisecond, "tenths of a second"},
		{time.Second, "whole seconds"},
		{time.Minute, "whole minutes"},
		{day, "whole days"},
	} {
		switch {
		case got.Equal(want.Truncate(unit.length)):
			return "cut to " + unit.name
		case got.Equal(want.Round(unit.length)):
			return "rounded to " + unit.name
		}
	}
	return ""
}
