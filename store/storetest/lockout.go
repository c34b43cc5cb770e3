package storetest

import "github.com/sallyport-go/sallyport/store"

var lockoutRules = []rule{
	{
		name:  "Authenticate refuses who is locked out",
		says:  "It returns ErrBadCredentials for every other pair: the same for an unknown login, a wrong password, and a user who is locked out or deleted",
		why:   "somebody who was sent away logs in again, or learns by the answer that their password was right",
		check: refusesLockedOut,
	},
	{
		name:  "User says ErrNotFound of who is locked out",
		says:  "ErrNotFound once they are deleted or locked out.",
		why:   "it is asked at every refresh: a store that still knows them, from a cache for instance, renews their access for months",
		check: forgetsLockedOut,
	},
}

// locksOut locks the user out, after the store has had every chance to cache
// them.
func (t *trial) locksOut(u store.User, password string) {
	if t.LockOut == nil {
		t.skipf("needs Fixture.LockOut")
	}
	t.enters(u, u.Login, password)
	t.returns(u)
	t.must(t.LockOut(t.ctx, u.ID), "Fixture.LockOut(%q)", u.ID)
}

func refusesLockedOut(t *trial) {
	ada, adas := t.ada()
	grace, graces := t.ada()
	t.locksOut(ada, adas)
	t.refuses(ada.Login, adas)
	t.refuses(ada.Login, "wrong")
	t.enters(grace, grace.Login, graces)
}

func forgetsLockedOut(t *trial) {
	ada, adas := t.ada()
	grace, _ := t.ada()
	t.locksOut(ada, adas)
	_, err := t.Store.User(t.ctx, ada.ID)
	t.wants(err, store.ErrNotFound, "User(%q), who is locked out", ada.ID)
	t.returns(grace)
}
