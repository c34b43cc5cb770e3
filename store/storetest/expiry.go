package storetest

import (
	"math/rand/v2"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const forgets = "DeleteExpiredSessions deletes the sessions whose IdleUntil or ExpiresAt is not after before, revoked or not, and returns how many that was."

var expiryRules = []rule{
	{
		name:  "DeleteExpiredSessions forgets what has expired",
		says:  forgets,
		why:   "the table grows with every login for ever",
		check: forgetsExpired,
	},
	{
		name:  "DeleteExpiredSessions keeps what lives",
		says:  "It deletes no other",
		why:   "users are logged out whenever the host tidies up",
		check: keepsLive,
	},
	{
		name:  "DeleteExpiredSessions keeps the revoked until they would have expired",
		says:  "a revoked session stays until it would have expired.",
		why:   "a stolen token that comes back is recognised by the revoked session; without it the theft looks like a typing mistake",
		check: keepsRevoked,
	},
	{
		name:  "DeleteExpiredSessions says how many",
		says:  "and returns how many that was.",
		why:   "a host that deletes until nothing is left would stop too early, or never",
		check: saysHowMany,
	},
	{
		name:  "No method looks at a clock",
		says:  "No method uses a clock: the caller decides what has expired.",
		why:   "a store whose clock is ahead says ErrNotFound of a session that the library still takes for live, or ErrConflict, which looks like a theft",
		check: looksAtNoClock,
	},
}

// past is a moment that no living session is as old as, with nothing before it
// left to be deleted.
func (t *trial) past() time.Time {
	past := longAgo()
	_, err := t.Store.DeleteExpiredSessions(t.ctx, past.Add(time.Hour))
	t.must(err, "DeleteExpiredSessions")
	return past
}

// expires adds a session that has expired once its IdleUntil or its ExpiresAt
// has passed, whichever is first.
func (t *trial) expires(idleUntil, expiresAt time.Time) store.Session {
	s := t.newSession()
	s.IdleUntil, s.ExpiresAt = idleUntil, expiresAt
	s.CreatedAt = idleUntil.Add(-30 * day)
	s.AdvancedAt = s.CreatedAt
	return t.creates(s)
}

// expired adds five sessions that have expired at this moment, each in another
// way.
func (t *trial) expired(at time.Time) []store.Session {
	return []store.Session{
		t.expires(at, at.Add(60*day)),
		t.expires(at.Add(60*day), at),
		t.expires(at.Add(-time.Microsecond), at.Add(-time.Microsecond)),
		t.expires(at.Add(-time.Hour), t.now.Add(60*day)),
		t.expires(t.now.Add(60*day), at.Add(-time.Hour)),
	}
}

// longAgo is a moment that nothing which lives is as old as.
func longAgo() time.Time {
	return time.Date(2001, time.January, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rand.Int64N(int64(300*day)/1000)) * time.Microsecond)
}

func (t *trial) deletes(before time.Time) int {
	n, err := t.Store.DeleteExpiredSessions(t.ctx, before)
	t.must(err, "DeleteExpiredSessions")
	return n
}

func forgetsExpired(t *trial) {
	past := t.past()
	gone := t.expired(past)
	revoked := t.expires(past, past.Add(day))
	t.must(t.Store.RevokeSession(t.ctx, revoked.ID, past.Add(-day)), "RevokeSession")
	shortened := t.opens()
	t.must(t.Store.AdvanceSession(t.ctx, shortened.ID, 1, past.Add(-day), past), "AdvanceSession")

	t.deletes(past)
	for _, s := range append(gone, revoked, shortened) {
		t.misses(s.ID, "DeleteExpiredSessions, when expired")
		t.lists(s.UserID)
	}
}

func keepsLive(t *trial) {
	past := t.past()
	t.expired(past)
	live := []store.Session{t.opens(), t.opens()}
	if !t.ForgetsExpired {
		soon := past.Add(time.Microsecond)
		prolonged := t.expires(past, t.now.Add(60*day))
		live = append(live,
			t.expires(soon, t.now.Add(60*day)),
			t.expires(t.now.Add(60*day), soon),
			t.expires(soon, soon),
			t.advances(prolonged, past, soon),
		)
	}
	for range 2 {
		t.deletes(past)
		for _, s := range live {
			t.finds(s, "DeleteExpiredSessions, when live")
			t.lists(s.UserID, s)
		}
	}
}

func keepsRevoked(t *trial) {
	past := t.past()
	t.expired(past)
	revoked := []store.Session{t.revokes(t.opens(), past.Add(-day)), t.revokes(t.opens(), t.now)}
	if !t.ForgetsExpired {
		soon := past.Add(time.Microsecond)
		revoked = append(revoked, t.revokes(t.expires(soon, soon), past.Add(-day)))
	}
	t.deletes(past)
	for _, s := range revoked {
		t.finds(s, "DeleteExpiredSessions, when revoked but not expired")
	}
}

func saysHowMany(t *trial) {
	past := t.past()
	want := len(t.expired(past))
	t.opens()
	// A store that deletes expired rows itself may have deleted them.
	if n := t.deletes(past); n < 0 || n > want || n != want && !t.ForgetsExpired {
		t.failf("DeleteExpiredSessions: said %d, of %d that had expired", n, want)
	}
	if n := t.deletes(past); n != 0 {
		t.failf("DeleteExpiredSessions, once more: said %d, of none", n)
	}
}

func looksAtNoClock(t *trial) {
	if t.ForgetsExpired {
		t.skipf("Fixture.ForgetsExpired: nothing is known of an expired session")
	}
	past := t.past()
	for _, s := range t.expired(past) {
		t.finds(s, "CreateSession, when expired")
		t.lists(s.UserID, s)
		s = t.advances(s, past, past.Add(time.Hour))
		t.finds(s, "AdvanceSession, when expired")
		t.wants(t.Store.CreateSession(t.ctx, s), store.ErrConflict, "CreateSession with the ID of an expired session")
		s = t.revokes(s, past)
		t.finds(s, "RevokeSession, when expired")
	}
}
