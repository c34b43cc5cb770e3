package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const forGood = "RevokeSession ends a session permanently: no call advances it afterwards, and no call undoes the revocation."

var revokeRules = []rule{
	{
		name:  "RevokeSession is committed when it returns",
		says:  "It is committed when RevokeSession returns nil.",
		why:   "the user was told that they are logged out, or a theft was detected, and the session goes on",
		check: revokesAtOnce,
	},
	{
		name:  "RevokeSession is for good",
		says:  forGood,
		why:   "with a revocation that ends by itself the stolen token works again",
		check: revokesForGood,
	},
	{
		name:  "RevokeSession keeps the first RevokedAt",
		says:  "A session that is revoked already keeps its first RevokedAt",
		why:   "the time of a theft is evidence; another use of the stolen token would move it",
		check: keepsFirstRevocation,
	},
	{
		name:  "RevokeSession of an unknown session is no error",
		says:  "one that does not exist is not an error.",
		why:   "a logout after the session was forgotten would be answered with 503, for ever",
		check: revokesUnknown,
	},
	{
		name:  "RevokeSession refuses a zero time",
		says:  "A zero time is rejected with an error that is not a sentinel, and ends nothing.",
		why:   "a zero RevokedAt is that of a session which was not revoked: the caller is told that it has ended, and it goes on, or ends and comes back",
		check: refusesTimelessRevocation,
	},
	{
		name:  "RevokeSession ends no other session",
		says:  "RevokeSession ends a session permanently",
		why:   "a logout on the telephone would log the laptop out",
		check: revokesOnlyOne,
	},
	{
		name:  "Nothing advances once RevokeSession has returned",
		says:  forGood,
		why:   "a refresh that has read the session before its revocation and writes afterwards brings a stolen session back",
		check: revokesAgainstAdvances,
	},
	{
		name:  "RevokeUserSessions ends all of the user's sessions",
		says:  "RevokeUserSessions ends every session that the user has when it is called, each as RevokeSession does",
		why:   "a user changes their password because of an attacker, and the attacker's session is the one that is left",
		check: revokesAllOfUser,
	},
	{
		name:  "RevokeUserSessions leaves one session as it is",
		says:  "It leaves the session with the ID except as it is; an empty except is none.",
		why:   "a user who ends their other sessions would log themselves out, or leave the session of an attacker open",
		check: leavesOne,
	},
	{
		name:  "RevokeUserSessions ends only the user's",
		says:  "and no other user's.",
		why:   "one user who logs out everywhere would log everybody out",
		check: revokesOnlyUsers,
	},
}

func revokesAtOnce(t *trial) {
	for _, s := range []store.Session{t.opens(), t.advances(t.opens(), t.now, t.now.Add(day))} {
		s = t.revokes(s, t.now.Add(time.Minute))
		for range 3 {
			t.finds(s, "RevokeSession")
			t.lists(s.UserID)
		}
	}
}

func revokesForGood(t *trial) {
	s := t.revokes(t.opens(), t.now)
	for range 3 {
		t.wants(t.Store.AdvanceSession(t.ctx, s.ID, 1, t.now, t.now.Add(day)), store.ErrConflict, "AdvanceSession of a revoked session")
		t.wants(t.Store.CreateSession(t.ctx, s), store.ErrConflict, "CreateSession of a revoked session")
		t.opensFor(s.UserID)
		t.finds(s, "RevokeSession, and all that was tried afterwards")
	}
}

func keepsFirstRevocation(t *trial) {
	s := t.revokes(t.opens(), t.now)
	for _, again := range []time.Duration{time.Hour, -time.Hour} {
		t.must(t.Store.RevokeSession(t.ctx, s.ID, t.now.Add(again)), "RevokeSession again")
		t.finds(s, "RevokeSession again")
		t.revokesAll(s.UserID, t.now.Add(again))
		t.finds(s, "RevokeSession, then RevokeUserSessions")
	}
}

func revokesUnknown(t *trial) {
	unknown := t.newSession()
	t.must(t.Store.RevokeSession(t.ctx, unknown.ID, t.now), "RevokeSession of an unknown session")
	t.misses(unknown.ID, "RevokeSession of an unknown session")
	t.revokesAll(unknown.UserID, t.now)
}

func refusesTimelessRevocation(t *trial) {
	s := t.opens()
	revoked := t.revokes(t.opensFor(s.UserID), t.now)
	for _, c := range []call{
		{"RevokeSession", func(ctx context.Context) error { return t.Store.RevokeSession(ctx, s.ID, time.Time{}) }},
		{"RevokeSession, of a revoked one,", func(ctx context.Context) error { return t.Store.RevokeSession(ctx, revoked.ID, time.Time{}) }},
		{"RevokeUserSessions", func(ctx context.Context) error {
			_, err := t.Store.RevokeUserSessions(ctx, s.UserID, "", time.Time{}, time.Time{})
			return err
		}},
	} {
		t.refusesZeroTime(c)
		t.finds(s, c.name+" at a zero time")
		t.finds(revoked, c.name+" at a zero time")
		t.lists(s.UserID, s)
	}
	t.advances(s, t.now, t.now.Add(day))
}

// refusesZeroTime fails the rule unless the call returns an error that is no
// sentinel.
func (t *trial) refusesZeroTime(c call) {
	err := c.do(t.ctx)
	if err == nil {
		t.failf("%s at a zero time: returned nil", c.name)
	}
	t.noSentinel(err, c.name+" at a zero time")
}

func revokesOnlyOne(t *trial) {
	s := t.opens()
	neighbour := t.opensFor(s.UserID)
	t.revokes(s, t.now)
	t.finds(neighbour, "RevokeSession of another session of the same user")
	t.lists(s.UserID, neighbour)
	t.advances(neighbour, t.now, t.now.Add(day))
}

func revokesAgainstAdvances(t *trial) {
	const callers = 8
	for range rounds {
		s := t.opens()
		begun := make(chan struct{}, 2*callers)
		ended := make(chan error, callers)
		for range callers {
			go func() { ended <- t.advancesUntilRevoked(s.ID, begun) }()
		}
		<-begun
		t.must(t.Store.RevokeSession(t.ctx, s.ID, t.now), "RevokeSession, with advances under way")
		revoked := t.reads(s.ID)
		for range callers {
			t.must(<-ended, "AdvanceSession, with a revocation under way")
		}
		t.finds(revoked, "RevokeSession had returned and all advances had come to their end")
		err := t.Store.AdvanceSession(t.ctx, s.ID, revoked.Generation, t.now, t.now.Add(day))
		t.wants(err, store.ErrConflict, "AdvanceSession of a revoked session")
	}
}

// advancesUntilRevoked advances the session as often as it can. It says so when
// it has begun, and ends by itself when a lost revocation would go on for ever.
func (t *trial) advancesUntilRevoked(id string, begun chan<- struct{}) error {
	defer func() { begun <- struct{}{} }()
	for i := range 200 {
		s, err := t.Store.Session(t.ctx, id)
		if err != nil || !s.RevokedAt.IsZero() {
			return err
		}
		if i == 1 {
			begun <- struct{}{}
		}
		err = t.Store.AdvanceSession(t.ctx, id, s.Generation, t.now, t.now.Add(day))
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("from %d: %w", s.Generation, err)
		}
	}
	return nil
}

func revokesAllOfUser(t *trial) {
	user := unique("user")
	first := t.revokes(t.opensFor(user), t.now.Add(-time.Hour))
	all := t.opensMany(user)
	t.revokesAll(user, t.now)
	for _, s := range all {
		s.RevokedAt = t.now
		t.finds(s, "RevokeUserSessions")
		err := t.Store.AdvanceSession(t.ctx, s.ID, s.Generation, t.now, t.now.Add(day))
		t.wants(err, store.ErrConflict, "AdvanceSession after RevokeUserSessions")
	}
	t.lists(user)
	t.finds(first, "RevokeUserSessions, when revoked before")

	later := t.opensFor(user)
	t.finds(later, "RevokeUserSessions, when created afterwards")
	t.lists(user, later)
}

func revokesOnlyUsers(t *trial) {
	user := unique("Ada_é%ß 🔑")
	t.opensFor(user)
	var others []store.Session
	for _, other := range append(lookAlikes(user), unique("user"), user[:len(user)-1]) {
		others = append(others, t.opensFor(other))
	}
	t.revokesAll(user, t.now)
	for _, s := range others {
		t.finds(s, "RevokeUserSessions of another user")
	}
}

func leavesOne(t *trial) {
	user := unique("user")
	all := t.opensMany(user)
	own := t.advances(all[40], t.now, t.now.Add(day))
	ids, err := t.Store.RevokeUserSessions(t.ctx, user, own.ID, t.now, t.now)
	t.must(err, "RevokeUserSessions(%q) but one", user)
	t.finds(own, "RevokeUserSessions, which excepts it")
	t.lists(user, own)
	if slices.Contains(ids, own.ID) {
		t.failf("RevokeUserSessions: returned the session that it has to leave")
	}
	t.returned(ids, slices.Concat(all[:40], all[41:]), "RevokeUserSessions of all but one")
	t.advances(own, t.now, t.now.Add(day))

	other := t.opensFor(unique("user"))
	for _, except := range []string{"none", other.ID, ""} {
		s := t.opensFor(user)
		_, err := t.Store.RevokeUserSessions(t.ctx, user, except, t.now, t.now)
		t.must(err, "RevokeUserSessions but one that is not the user's")
		s.RevokedAt = t.now
		t.finds(s, "RevokeUserSessions but one that is not the user's")
	}
	t.finds(other, "RevokeUserSessions of another user")
	t.lists(user)
}
