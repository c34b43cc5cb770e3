package storetest

import (
	"math"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	racers = 64 // concurrent callers
	rounds = 16 // how often they race

	losers = "The others, callers with a generation that is not the session's, and callers after a revocation get ErrConflict and change nothing."
)

var advanceRules = []rule{
	{
		name:  "AdvanceSession moves the session on",
		says:  "AdvanceSession moves a session from generation from to from+1 and sets AdvancedAt and IdleUntil, in one atomic step.",
		why:   "a session that stays behind lets a spent refresh token in again; one whose IdleUntil stays behind logs a busy user out",
		check: movesOn,
	},
	{
		name:  "AdvanceSession has exactly one winner",
		says:  "Of any number of callers with the same from exactly one gets nil.",
		why:   "with two winners an attacker and the user refresh side by side, and the theft is never noticed",
		check: advancesOnce,
	},
	{
		name:  "AdvanceSession has exactly one winner at one time",
		says:  "Of any number of callers with the same from exactly one gets nil.",
		why:   "a clock may stand still, or two nodes may show one time: a store that takes the second caller for the first, come again, has two winners, and a stolen token is never noticed",
		check: advancesOnceAtOneTime,
	},
	{
		name:  "AdvanceSession from generation 0 has exactly one winner",
		says:  "A session may be created at generation 0: then it is the token of a step that may be made once, and is advanced from 0 to 1 by exactly one of its callers.",
		why:   "the step of a login that a second factor completes could be made twice, or a store that takes 0 for nothing would never let it be made",
		check: advancesFromZeroOnce,
	},
	{
		name:  "AdvanceSession refuses another generation",
		says:  losers,
		why:   "a spent refresh token would be good again, or a session would jump over the token that its user holds",
		check: refusesOtherGeneration,
	},
	{
		name:  "AdvanceSession refuses a revoked session",
		says:  losers,
		why:   "after a logout, or a theft that was noticed, the refresh token would go on working",
		check: refusesRevoked,
	},
	{
		name:  "AdvanceSession says ErrNotFound of an unknown ID",
		says:  "ErrNotFound if there is no such session.",
		why:   "ErrConflict here looks like a stolen token, and nil like a refresh that was remembered",
		check: missesAdvancedUnknown,
	},
	{
		name:  "AdvanceSession counts as far as an int64 does",
		says:  "AdvanceSession moves a session from generation from to from+1",
		why:   "a counter of 32 bits wraps, and one that is kept as a float stands still at 2^53: every token is then the current one",
		check: countsFar,
	},
}

func movesOn(t *trial) {
	s := t.opens()
	neighbour := t.opensFor(s.UserID)
	for i := range 5 {
		hour := time.Duration(i+1) * time.Hour
		s = t.advances(s, t.now.Add(hour), t.now.Add(30*day+hour))
		t.finds(s, "AdvanceSession")
	}
	s = t.advances(s, t.now.Add(6*time.Hour), t.now.Add(day))
	t.finds(s, "AdvanceSession with an earlier IdleUntil")
	t.lists(s.UserID, s, neighbour)
	t.finds(neighbour, "AdvanceSession of another session of the same user")
}

func advancesOnce(t *trial) {
	for range rounds {
		s := t.opens()
		at := func(i int) time.Time { return t.now.Add(time.Duration(i) * time.Second) }
		errs := atOnce(racers, func(i int) error {
			return t.Store.AdvanceSession(t.ctx, s.ID, 1, at(i), at(i).Add(day))
		})
		t.oneWins(errs, "AdvanceSession from one generation")
		for i, err := range errs {
			if err == nil {
				s.Generation, s.AdvancedAt, s.IdleUntil = 2, at(i), at(i).Add(day)
			}
		}
		t.finds(s, "AdvanceSession with one winner")
	}
}

// advancesOnceAtOneTime gives all callers the same arguments, as with a stopped
// clock, first one after the other and then concurrently.
func advancesOnceAtOneTime(t *trial) {
	s := t.opens()
	for range 3 {
		before := s.Generation
		s = t.advances(s, t.now, t.now.Add(day))
		for range 2 {
			err := t.Store.AdvanceSession(t.ctx, s.ID, before, t.now, t.now.Add(day))
			t.wants(err, store.ErrConflict, "AdvanceSession from %d at one time, once more", before)
			t.finds(s, "AdvanceSession at one time, once more")
		}
	}
	for range rounds {
		s := t.opens()
		errs := atOnce(racers, func(int) error {
			return t.Store.AdvanceSession(t.ctx, s.ID, 1, t.now, t.now.Add(day))
		})
		t.oneWins(errs, "AdvanceSession from one generation at one time")
		s.Generation, s.AdvancedAt, s.IdleUntil = 2, t.now, t.now.Add(day)
		t.finds(s, "AdvanceSession at one time, with one winner")
	}
}

func refusesOtherGeneration(t *trial) {
	s := t.opens()
	for range 3 {
		s = t.advances(s, t.now, s.IdleUntil)
	}
	for _, from := range []int64{s.Generation - 1, s.Generation + 1, 1, 0, -s.Generation, math.MaxInt64, math.MinInt64} {
		err := t.Store.AdvanceSession(t.ctx, s.ID, from, t.now.Add(day), t.now.Add(60*day))
		t.wants(err, store.ErrConflict, "AdvanceSession from %d, at %d", from, s.Generation)
		t.finds(s, "AdvanceSession from another generation")
	}
}

func refusesRevoked(t *trial) {
	s := t.revokes(t.advances(t.opens(), t.now, t.now.Add(day)), t.now)
	for _, from := range []int64{s.Generation, s.Generation - 1, s.Generation + 1} {
		err := t.Store.AdvanceSession(t.ctx, s.ID, from, t.now.Add(day), t.now.Add(60*day))
		t.wants(err, store.ErrConflict, "AdvanceSession from %d of a revoked session", from)
		t.finds(s, "AdvanceSession of a revoked session")
	}
}

func missesAdvancedUnknown(t *trial) {
	unknown := t.newSession()
	err := t.Store.AdvanceSession(t.ctx, unknown.ID, 1, t.now, t.now.Add(day))
	t.wants(err, store.ErrNotFound, "AdvanceSession of an unknown session")
	t.misses(unknown.ID, "AdvanceSession of an unknown session")
}

func countsFar(t *trial) {
	for _, from := range []int64{math.MaxInt16, math.MaxInt32, math.MaxUint32, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1} {
		s := t.newSession()
		s.Generation = from
		t.creates(s)
		t.finds(s, "CreateSession")
		err := t.Store.AdvanceSession(t.ctx, s.ID, from-1, t.now, t.now)
		t.wants(err, store.ErrConflict, "AdvanceSession from %d, at %d", from-1, from)
		t.finds(t.advances(s, t.now, s.IdleUntil), "AdvanceSession")
	}
}

func advancesFromZeroOnce(t *trial) {
	for range rounds {
		s := t.newSession()
		s.Generation = 0
		t.creates(s)
		t.finds(s, "CreateSession at generation 0")
		err := t.Store.AdvanceSession(t.ctx, s.ID, 1, t.now, t.now.Add(day))
		t.wants(err, store.ErrConflict, "AdvanceSession from 1, at 0")
		errs := atOnce(racers, func(int) error { return t.Store.AdvanceSession(t.ctx, s.ID, 0, t.now, t.now.Add(day)) })
		t.oneWins(errs, "AdvanceSession from generation 0")
		s.Generation, s.AdvancedAt, s.IdleUntil = 1, t.now, t.now.Add(day)
		t.finds(s, "AdvanceSession from generation 0")
	}
	over := t.newSession()
	over.Generation = 0
	over = t.revokes(t.creates(over), t.now)
	err := t.Store.AdvanceSession(t.ctx, over.ID, 0, t.now, t.now.Add(day))
	t.wants(err, store.ErrConflict, "AdvanceSession from generation 0 of a revoked session")
}
