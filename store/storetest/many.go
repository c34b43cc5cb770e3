package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	fullTable = 50_000 // sessions, unless Fixture.Many says otherwise
	heavy     = 400    // of one user, or a quarter of them if those are fewer
	samples   = 100    // that are read
)

var manyRules = []rule{{
	name:  "Many sessions are kept as one is",
	says:  forgets,
	why:   "what was tried with ten sessions breaks with the first busy day: a batch that is deleted and no more, a list that is cut, a cache that runs over",
	check: keepsMany,
}}

// keepsMany fills the table, half of it with expired sessions.
func keepsMany(t *trial) {
	n := t.Many
	if n == 0 {
		n = fullTable
		if testing.Testing() && testing.Short() {
			t.skipf("takes %d sessions, and the tests are to be short", n)
		}
	}
	past := t.past()
	crowded, others := unique("user"), t.fewUsers()
	live, expired := make([]store.Session, n/2), make([]store.Session, n/2)
	for i := range live {
		live[i], expired[i] = t.newSession(), t.newSession()
		if i < min(heavy, n/4) {
			live[i].UserID = crowded
		}
		expired[i].UserID = others[i%len(others)]
		expired[i].IdleUntil = past.Add(-time.Duration(i) * time.Microsecond)
	}
	t.createsAll(live)
	t.createsAll(expired)

	some := func(of []store.Session, look func(s store.Session)) {
		for i := 0; i < len(of); i += max(1, len(of)/samples) {
			look(of[i])
		}
	}
	some(live, func(s store.Session) { t.finds(s, "CreateSession of many") })
	t.lists(crowded, live[:min(heavy, n/4)]...)
	other := live[len(live)-1]
	t.lists(other.UserID, other)

	if got := t.deletes(past); got < 0 || got > len(expired) || got != len(expired) && !t.ForgetsExpired {
		t.failf("DeleteExpiredSessions: said %d, of %d that had expired", got, len(expired))
	}
	some(expired, func(s store.Session) { t.misses(s.ID, "DeleteExpiredSessions of many") })
	some(live, func(s store.Session) { t.finds(s, "DeleteExpiredSessions of many others") })

	t.revokesAll(crowded, t.now)
	for i := range live[:min(heavy, n/4)] {
		live[i].RevokedAt = t.now
	}
	some(live, func(s store.Session) { t.finds(s, "RevokeUserSessions of many") })
	t.lists(crowded)
	t.advances(other, t.now, t.now.Add(day))
}

// fewUsers are users for many sessions.
func (*trial) fewUsers() []string {
	users := make([]string, 16)
	for i := range users {
		users[i] = unique("user")
	}
	return users
}

// createsAll adds sessions, some at once.
func (t *trial) createsAll(all []store.Session) {
	const atATime = 16
	errs := atOnce(atATime, func(caller int) error {
		for i := caller; i < len(all); i += atATime {
			if err := t.Store.CreateSession(t.ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	t.must(errors.Join(errs...), "CreateSession of %d sessions by %d callers", len(all), atATime)
}
