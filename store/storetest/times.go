package storetest

import (
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

var timeRules = []rule{
	{
		name:  "Times come back equal",
		says:  "A store returns them equal (by [time.Time.Equal])",
		why:   "the retry window of a refresh is a few seconds wide: a time that is cut, rounded or moved to another zone opens or shuts it",
		check: keepsTimes,
	},
	{
		name:  "A zero time comes back zero",
		says:  "and a zero time as zero.",
		why:   "a RevokedAt that comes back as 1970 ends a session that was not revoked",
		check: keepsZeroTimes,
	},
	{
		name:  "Times need not move on",
		says:  "No method uses a clock: the caller decides what has expired.",
		why:   "nodes' clocks differ: a store that compares times refuses the refresh on a node which is behind, and that looks like a theft",
		check: takesTimesAsTheyCome,
	},
}

// moments are times that somebody's column has changed.
func (t *trial) moments() []time.Time {
	second := t.now.Truncate(time.Second)
	return []time.Time{
		second,
		second.Add(time.Microsecond),
		second.Add(499999 * time.Microsecond),
		second.Add(500 * time.Millisecond),
		second.Add(999999 * time.Microsecond),
		time.Date(2027, time.March, 28, 2, 30, 0, 1000, time.UTC),   // an hour that Berlin does not have
		time.Date(2027, time.October, 31, 2, 30, 0, 0, time.UTC),    // and one that it has twice
		time.Date(2039, time.December, 31, 23, 59, 59, 0, time.UTC), // past 32 bits of seconds
		time.Date(2106, time.December, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(1969, time.December, 31, 23, 59, 59, 999999000, time.UTC), // negative, where 1970 is 0
		time.Unix(0, 0).UTC(),                                               // and no zero time
		time.Date(9999, time.December, 31, 12, 0, 0, 999999000, time.UTC),   // "never", past 64 bits of nanoseconds
	}
}

func keepsTimes(t *trial) {
	future := t.now.Add(100 * 365 * day)
	for _, at := range t.moments() {
		s := t.newSession()
		s.CreatedAt, s.AdvancedAt = at, at.Add(time.Microsecond)
		s.IdleUntil, s.ExpiresAt = future.Add(time.Microsecond), future
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
		s = t.advances(s, at.Add(3*time.Microsecond), future.Add(at.Sub(t.now).Truncate(time.Microsecond)))
		t.finds(s, "AdvanceSession")
		t.finds(t.revokes(s, at), "RevokeSession")
	}
}

func keepsZeroTimes(t *trial) {
	s := t.newSession()
	s.CreatedAt, s.AdvancedAt = time.Time{}, time.Time{}
	t.creates(s)
	t.finds(s, "CreateSession")
	t.lists(s.UserID, s)
	s = t.advances(s, time.Time{}, s.IdleUntil)
	t.finds(s, "AdvanceSession")
	if t.ForgetsExpired {
		return
	}
	s.IdleUntil, s.ExpiresAt = time.Time{}, time.Time{}
	s.ID = t.newSession().ID
	t.creates(s)
	t.finds(s, "CreateSession without an end")
}

// takesTimesAsTheyCome does everything within one microsecond, and then with
// earlier times.
func takesTimesAsTheyCome(t *trial) {
	user := unique("user")
	same := make([]store.Session, 5)
	for i := range same {
		same[i] = t.newSession()
		same[i].UserID, same[i].CreatedAt, same[i].AdvancedAt = user, t.now, t.now
		t.creates(same[i])
	}
	listed, err := t.Store.UserSessions(t.ctx, user, store.Newest(), store.MaxPage)
	t.must(err, "UserSessions(%q)", user)
	for _, s := range same {
		if !slices.ContainsFunc(listed, func(l store.Session) bool { return l.ID == s.ID }) || len(listed) != len(same) {
			t.failf("UserSessions(%q): returned %d of the %d that were created at one moment", user, len(listed), len(same))
		}
	}
	for i, back := range []time.Duration{0, time.Microsecond, time.Hour} {
		s := t.advances(same[i], t.now.Add(-back), same[i].IdleUntil)
		t.finds(s, "AdvanceSession at the same moment, or before it")
		s = t.advances(s, t.now.Add(-2*back), s.IdleUntil.Add(-back))
		t.finds(s, "AdvanceSession at the same moment, or before it, again")
		t.finds(t.revokes(s, t.now.Add(-3*back)), "RevokeSession at the moment of the login, or before it")
	}
	end := t.newSession()
	end.IdleUntil = end.ExpiresAt
	t.creates(end)
	t.finds(t.advances(end, end.CreatedAt, end.ExpiresAt), "AdvanceSession with the same end")
}
