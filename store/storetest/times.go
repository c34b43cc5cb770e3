package storetest

import "time"

var timeRules = []rule{
	{
		name:  "Times come back equal",
		says:  "They come back equal (as [time.Time.Equal] has it)",
		why:   "the retry window of a refresh is a few seconds wide: a time that is cut, rounded or moved to another zone opens or shuts it",
		check: keepsTimes,
	},
	{
		name:  "A zero time comes back zero",
		says:  "and a zero time comes back zero.",
		why:   "a RevokedAt that comes back as 1970 ends a session that nobody has ended",
		check: keepsZeroTimes,
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
		s = t.advances(s, at.Add(3*time.Microsecond), future.Add(at.Sub(t.now)))
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
