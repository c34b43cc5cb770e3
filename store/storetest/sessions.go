package storetest

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// newSession makes up a live session of a user of its own. Each is a
// little younger than the last.
func (t *trial) newSession() store.Session {
	t.made++
	created := t.now.Add(time.Duration(t.made) * time.Millisecond)
	return store.Session{
		ID:         rand.Text(),
		UserID:     unique("user"),
		ClientID:   "web",
		Scopes:     []string{"articles:read", "articles:write"},
		Generation: 1,
		CreatedAt:  created,
		AdvancedAt: created,
		IdleUntil:  created.Add(30 * day),
		ExpiresAt:  created.Add(90 * day),
		Label:      "Firefox on Linux",

		AuthenticatedAt: created.Add(-time.Minute),
		Methods:         []string{"pwd", "otp", "mfa"},
		Actor:           "support-7",
	}
}

// creates adds the session and returns it.
func (t *trial) creates(s store.Session) store.Session {
	given := s
	given.Scopes, given.Methods = slices.Clone(s.Scopes), slices.Clone(s.Methods)
	t.must(t.Store.CreateSession(t.ctx, given), "CreateSession(%q)", s.ID)
	return s
}

// opens adds a new live session and returns it.
func (t *trial) opens() store.Session { return t.creates(t.newSession()) }

// opensFor adds a new live session of this user and returns it.
func (t *trial) opensFor(userID string) store.Session {
	s := t.newSession()
	s.UserID = userID
	return t.creates(s)
}

// opensMany adds more live sessions of this user than a page of a list has, and
// returns them, oldest first.
func (t *trial) opensMany(userID string) []store.Session {
	const atATime, each = 16, 8
	all := make([]store.Session, atATime*each)
	for i := range all {
		all[i] = t.newSession()
		all[i].UserID = userID
	}
	errs := atOnce(atATime, func(caller int) error {
		for _, s := range all[caller*each : (caller+1)*each] {
			if err := t.Store.CreateSession(t.ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	t.must(errors.Join(errs...), "CreateSession by %d callers", atATime)
	return all
}

// reads returns the session with this ID, which has to be there.
func (t *trial) reads(id string) store.Session {
	s, err := t.Store.Session(t.ctx, id)
	t.must(err, "Session(%q)", id)
	return s
}

// finds fails the rule unless the store has exactly this session.
func (t *trial) finds(want store.Session, after string) {
	if d := difference(t.reads(want.ID), want); d != "" {
		t.failf("Session, after %s: %s", after, d)
	}
}

// misses fails the rule unless the store has no session with this ID.
func (t *trial) misses(id, after string) {
	_, err := t.Store.Session(t.ctx, id)
	t.wants(err, store.ErrNotFound, "Session(%q), after %s", id, after)
}

// advances moves the session on, and returns what it then is.
func (t *trial) advances(s store.Session, at, idleUntil time.Time) store.Session {
	t.must(t.Store.AdvanceSession(t.ctx, s.ID, s.Generation, at, idleUntil), "AdvanceSession from %d", s.Generation)
	s.Generation, s.AdvancedAt, s.IdleUntil = s.Generation+1, at, idleUntil
	return s
}

// revokes ends the session, and returns what it then is.
func (t *trial) revokes(s store.Session, at time.Time) store.Session {
	t.must(t.Store.RevokeSession(t.ctx, s.ID, at), "RevokeSession(%q)", s.ID)
	s.RevokedAt = at
	return s
}

// revokesAll ends all sessions of a user, and returns the IDs that the store does.
// It asks for those that were revoked at that moment or later.
func (t *trial) revokesAll(userID string, at time.Time) []string {
	return t.revokesSince(userID, at, at)
}

func (t *trial) revokesSince(userID string, at, since time.Time) []string {
	ids, err := t.Store.RevokeUserSessions(t.ctx, userID, "", at, since)
	t.must(err, "RevokeUserSessions(%q)", userID)
	return ids
}

// lists fails the rule unless the pages of UserSessions are exactly these, which are
// given the oldest first.
func (t *trial) lists(userID string, want ...store.Session) {
	t.pages(userID, store.MaxPage, want...)
}

// pages is lists with pages of this length.
func (t *trial) pages(userID string, limit int, want ...store.Session) {
	var got []store.Session
	after := store.Newest()
	for more := true; more; {
		page, err := t.Store.UserSessions(t.ctx, userID, after, limit)
		t.must(err, "UserSessions(%q)", userID)
		if len(page) > limit {
			t.failf("UserSessions(%q): returned %d sessions, where the limit is %d", userID, len(page), limit)
		}
		got = append(got, page...)
		if more = len(page) == limit && len(got) <= len(want); more {
			after = page[limit-1].Cursor()
		}
	}
	if len(got) != len(want) {
		t.failf("UserSessions(%q), in pages of %d: returned %d sessions, not %d", userID, limit, len(got), len(want))
	}
	for i := range got {
		if d := difference(got[i], want[len(want)-1-i]); d != "" {
			t.failf("UserSessions(%q)[%d], in pages of %d: %s", userID, i, limit, d)
		}
	}
}
