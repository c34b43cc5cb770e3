package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	whatItEnded = "It returns the IDs of the sessions that it ended, and of those that earlier or concurrent calls of it ended at since or later"
	mayReturn   = "It may return other revoked sessions of the user, but no session that is not revoked, and none that the store has deleted."
	endsFirst   = "It ends them before it reads what to return, so after an error all of them may have ended; the same call may be made again, and ends the rest."
)

var revokedRules = []rule{
	{
		name:  "RevokeUserSessions returns what it ended",
		says:  whatItEnded,
		why:   "the access tokens of a session that is not returned are not denied: somebody who was logged out everywhere goes on calling",
		check: returnsWhatItEnded,
	},
	{
		name:  "RevokeUserSessions returns each ID once",
		says:  "Each ID is returned once, in any order; a user without sessions is not an error.",
		why:   "a user without sessions could not log out everywhere, and the deny list would be asked for more than there is",
		check: returnsEachOnce,
	},
	{
		name:  "RevokeUserSessions returns again what was ended before",
		says:  whatItEnded,
		why:   "when the deny list fails, the sessions have ended and their access tokens live: a second call that returns nothing denies nothing, and says that it worked",
		check: returnsWhatWasEnded,
	},
	{
		name:  "RevokeUserSessions returns what another call ends",
		says:  whatItEnded,
		why:   "of two calls at once one would say that all is over before the other has denied a single access token, and the other may fail to",
		check: returnsWhatOthersEnd,
	},
	{
		name:  "RevokeUserSessions returns what is advanced meanwhile",
		says:  whatItEnded,
		why:   "a refresh that is made at the same moment has an access token: if its session ends and is not returned, the token is not denied",
		check: returnsWhatIsAdvanced,
	},
	{
		name:  "RevokeUserSessions returns nothing that lives",
		says:  mayReturn,
		why:   "a session that lives, or is somebody else's, would have its access tokens refused for an hour",
		check: returnsNothingElse,
	},
	{
		name:  "RevokeUserSessions can be made again after an error",
		says:  endsFirst,
		why:   "a logout everywhere that broke off would end nothing at all, or what it ended would never be denied",
		check: endsTheRest,
	},
	{
		name:  "RevokeUserSessions looks at no clock",
		says:  "RevokeUserSessions ends every session that the user has when it is called",
		why:   "nodes' clocks differ: a store that passes over what has expired, or is yet to begin, by a clock of its own leaves a session alive that another node takes for live",
		check: revokesByNoClock,
	},
}

// returned fails the rule unless these sessions are among the IDs.
func (t *trial) returned(ids []string, sessions []store.Session, doing string) {
	for _, s := range sessions {
		if !slices.Contains(ids, s.ID) {
			t.failf("%s: returned %d IDs, without %q, which it has ended", doing, len(ids), s.ID)
		}
	}
}

func returnsWhatItEnded(t *trial) {
	user := unique("user")
	all := t.opensMany(user)
	all[0] = t.advances(all[0], t.now, t.now.Add(day))
	// the session of a login without a refresh token
	short := t.newSession()
	short.UserID = user
	short.IdleUntil = t.now.Add(time.Hour)
	short.ExpiresAt = short.IdleUntil
	all = append(all, t.creates(short))
	ids := t.revokesAll(user, t.now)
	t.returned(ids, all, "RevokeUserSessions")
	for _, s := range all {
		s.RevokedAt = t.now
		t.finds(s, "RevokeUserSessions, which has returned it")
	}
}

func returnsEachOnce(t *trial) {
	user := unique("user")
	if ids := t.revokesAll(user, t.now); len(ids) > 0 {
		t.failf("RevokeUserSessions of a user without any: returned %q", ids)
	}
	all := t.opensMany(user)
	for again := range 3 {
		ids := t.revokesSince(user, t.now.Add(time.Duration(again)*time.Second), t.now)
		slices.Sort(ids)
		if distinct := len(slices.Compact(slices.Clone(ids))); distinct != len(ids) || distinct != len(all) {
			t.failf("RevokeUserSessions, call %d: returned %d IDs, %d of them distinct, of %d sessions", again+1, len(ids), distinct, len(all))
		}
	}
}

func returnsWhatWasEnded(t *trial) {
	user := unique("user")
	ended := t.opensMany(user)
	t.revokesAll(user, t.now)
	for again, fresh := range []int{2, 0, 1, 0} {
		for range fresh {
			ended = append(ended, t.opensFor(user))
		}
		at := t.now.Add(time.Duration(again+1) * time.Minute)
		t.returned(t.revokesSince(user, at, t.now), ended, "RevokeUserSessions, after one that has ended them")
		at = at.Add(time.Second)
		t.returned(t.revokesSince(user, at, time.Time{}), ended, "RevokeUserSessions since a zero time")
	}
	late := t.now.Add(time.Hour)
	third := t.advances(t.opensFor(user), late, late.Add(day))
	t.returned(t.revokesSince(user, late, late), []store.Session{third}, "RevokeUserSessions since now")
}

func returnsWhatOthersEnd(t *trial) {
	const callers = 8
	for range rounds / 4 {
		user := unique("user")
		all := []store.Session{t.opensFor(user), t.opensFor(user), t.opensFor(user)}
		told := make([][]string, callers)
		errs := atOnce(callers, func(i int) (err error) {
			told[i], err = t.Store.RevokeUserSessions(t.ctx, user, "", t.now.Add(time.Duration(i)*time.Microsecond), t.now)
			return err
		})
		for i, err := range errs {
			t.must(err, "RevokeUserSessions by %d callers", callers)
			t.returned(told[i], all, "RevokeUserSessions, while others do the same")
		}
	}
}

func returnsWhatIsAdvanced(t *trial) {
	late := t.now.Add(time.Hour)
	for range rounds / 4 {
		user := unique("user")
		all := []store.Session{t.opensFor(user), t.opensFor(user), t.opensFor(user), t.opensFor(user)}
		var ids []string
		errs := atOnce(len(all)+1, func(i int) (err error) {
			if i == len(all) {
				ids, err = t.Store.RevokeUserSessions(t.ctx, user, "", late, late)
				return err
			}
			err = t.Store.AdvanceSession(t.ctx, all[i].ID, all[i].Generation, late, late.Add(day))
			if errors.Is(err, store.ErrConflict) {
				return nil
			}
			return err
		})
		t.must(errors.Join(errs...), "AdvanceSession and RevokeUserSessions at once")
		for _, s := range all {
			s, err := t.Store.Session(t.ctx, s.ID)
			t.must(err, "Session")
			if s.AdvancedAt.Equal(late) {
				t.returned(ids, []store.Session{s}, "RevokeUserSessions, while its sessions were advanced")
			}
		}
	}
}

func returnsNothingElse(t *trial) {
	user := unique("Ada_é%ß 🔑")
	gone := t.opensFor(user)
	alone := t.revokes(t.opensFor(user), t.now)
	others := []store.Session{t.opensFor(unique("user")), t.opensFor(user + " "), t.opensFor(user[:len(user)-1])}
	t.revokes(others[0], t.now)
	t.revokesAll(others[1].UserID, t.now)
	allowed := []string{gone.ID, alone.ID}
	check := func(doing string) {
		ids := t.revokesSince(user, t.now.Add(time.Second), time.Time{})
		for _, id := range ids {
			if !slices.Contains(allowed, id) {
				t.failf("%s: returned %q, which is not a session that the user had", doing, id)
			}
		}
	}
	check("RevokeUserSessions")
	later := t.opensFor(user)
	ids := t.revokesSince(others[2].UserID, t.now, time.Time{})
	if slices.Contains(ids, later.ID) {
		t.failf("RevokeUserSessions of another user: returned a session that lives")
	}
	t.lists(user, later)
	if t.ForgetsExpired {
		return
	}
	past := t.past()
	forgotten := t.expires(past, past)
	t.must(t.Store.RevokeSession(t.ctx, forgotten.ID, past), "RevokeSession")
	t.deletes(past)
	for _, id := range t.revokesSince(forgotten.UserID, t.now, time.Time{}) {
		t.failf("RevokeUserSessions: returned %q, which DeleteExpiredSessions has deleted", id)
	}
}

func endsTheRest(t *trial) {
	for looks := range int64(mostLooks) {
		user := unique("user")
		all := []store.Session{t.opensFor(user), t.opensFor(user), t.opensFor(user)}
		t.halfWay(looks, call{"RevokeUserSessions", func(ctx context.Context) error {
			_, err := t.Store.RevokeUserSessions(ctx, user, "", t.now, t.now)
			return err
		}})
		t.returned(t.revokesSince(user, t.now.Add(time.Second), t.now), all, "RevokeUserSessions, after one whose context ended half-way")
		t.lists(user)
	}
}

// revokesByNoClock revokes sessions that by one clock or another have ended, or
// have not begun.
func revokesByNoClock(t *trial) {
	times := []time.Time{t.now, t.now.Add(-time.Hour), t.now.Add(400 * day)}
	if !t.ForgetsExpired {
		times = append(times, t.past())
	}
	for _, at := range times {
		user := unique("user")
		ahead, future := t.newSession(), t.newSession()
		ahead.UserID, ahead.CreatedAt, ahead.AdvancedAt = user, at.Add(time.Minute), at.Add(2*time.Minute)
		future.UserID, future.CreatedAt, future.AdvancedAt = user, at.Add(300*day), at.Add(300*day)
		for _, s := range []*store.Session{&ahead, &future} {
			s.IdleUntil, s.ExpiresAt = later(t.now, at).Add(500*day), later(t.now, at).Add(600*day)
		}
		all := []store.Session{t.creates(ahead), t.creates(future)}
		if !t.ForgetsExpired {
			for _, end := range []time.Time{at, at.Add(-time.Hour), at.Add(time.Minute), t.now.Add(-time.Hour), t.now.Add(time.Minute)} {
				for _, ends := range [][2]time.Time{{end, end}, {end, at.Add(60 * day)}, {at.Add(60 * day), end}} {
					s := t.newSession()
					s.UserID, s.CreatedAt, s.AdvancedAt = user, end.Add(-day), end.Add(-day)
					s.IdleUntil, s.ExpiresAt = ends[0], ends[1]
					all = append(all, t.creates(s))
				}
			}
		}
		t.returned(t.revokesSince(user, at, time.Time{}), all, "RevokeUserSessions")
		for _, s := range all {
			s.RevokedAt = at
			t.finds(s, "RevokeUserSessions")
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
