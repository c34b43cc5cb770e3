package storetest

import (
	"crypto/rand"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const outlives = "A store that outlives the process loses nothing when it is closed and opened again."

var restartRules = []rule{
	{
		name:  "A restart forgets no session",
		says:  outlives,
		why:   "every deployment logs everybody out, or brings back what was revoked and lets spent refresh tokens in again",
		check: keepsSessionsOverRestart,
	},
	{
		name:  "A restart forgets no user",
		says:  outlives,
		why:   "no user can log in after a deployment, or users who are locked out can",
		check: keepsUsersOverRestart,
	},
	{
		name:  "A restart forgets no key",
		says:  outlives,
		why:   "scripts stop after a deployment, or one whose key was revoked goes on",
		check: keepsKeysOverRestart,
	},
	{
		name:  "A restart forgets no denial",
		says:  outlives,
		why:   "an access token that was ended with its session works again after a deployment",
		check: keepsDenialsOverRestart,
	},
	{
		name:  "A restart forgets no client",
		says:  outlives,
		why:   "an application cannot log anybody in after a deployment, or one that was taken out can",
		check: keepsClientsOverRestart,
	},
}

// restartable skips the rule unless the fixture can be closed and opened.
func (t *trial) restartable() {
	if t.Reopen == nil {
		t.skipf("needs Fixture.Reopen")
	}
}

// restarts closes the fixture, and goes on with what is opened in its place.
func (t *trial) restarts() {
	f, err := t.Reopen(t.ctx)
	t.must(err, "Fixture.Reopen")
	if f.Store == nil {
		t.failf("Fixture.Reopen: returned no Store")
	}
	t.Fixture = f
}

func keepsSessionsOverRestart(t *trial) {
	t.restartable()
	live := t.opens()
	advanced := t.opensFor(live.UserID)
	for range 3 {
		advanced = t.advances(advanced, t.now.Add(time.Minute), t.now.Add(30*day))
	}
	revoked := t.revokes(t.advances(t.opensFor(live.UserID), t.now, t.now.Add(day)), t.now)
	all := t.opens()
	t.revokesAll(all.UserID, t.now)
	all.RevokedAt = t.now

	t.restarts()
	for _, s := range []store.Session{live, advanced, revoked, all} {
		t.finds(s, "a restart")
	}
	t.lists(live.UserID, live, advanced)
	t.lists(all.UserID)
	for _, spent := range []store.Session{advanced, revoked} {
		err := t.Store.AdvanceSession(t.ctx, spent.ID, spent.Generation-1, t.now, t.now.Add(day))
		t.wants(err, store.ErrConflict, "AdvanceSession from a spent generation, after a restart")
	}
	t.wants(t.Store.CreateSession(t.ctx, revoked), store.ErrConflict, "CreateSession with the ID of a revoked session, after a restart")
	t.finds(t.advances(advanced, t.now.Add(time.Hour), t.now.Add(day)), "AdvanceSession, after a restart")
}

func keepsUsersOverRestart(t *trial) {
	t.restartable()
	ada, adas := t.ada()
	grace, graces := t.ada()
	if t.LockOut != nil {
		t.locksOut(grace, graces)
	}
	t.restarts()
	t.enters(ada, ada.Login, adas)
	t.refuses(ada.Login, graces)
	t.returns(ada)
	if t.LockOut != nil {
		t.refuses(grace.Login, graces)
	}
}

func keepsKeysOverRestart(t *trial) {
	t.restartable()
	live := t.usesKey(t.addsKey(t.newKey()), t.now.Add(time.Minute))
	revoked := t.revokesKey(t.addsKeyFor(live.Owner), t.now)
	endless := t.endless()
	service := t.newKey()
	service.Owner.Kind = store.OwnerService
	service = t.replacesKeyBy(t.addsKey(service), endless.ID, t.now.Add(day))

	t.restarts()
	for _, k := range []store.APIKey{live, revoked, endless, service} {
		t.findsKey(k, "a restart")
		taken := t.newKey()
		taken.Digest = k.Digest
		t.wants(t.keys().CreateAPIKey(t.ctx, taken), store.ErrConflict, "CreateAPIKey with a digest that is taken, after a restart")
	}
	t.listsKeysOf(live.Owner, live)
	t.listsKeysOf(service.Owner, service)
}

func keepsDenialsOverRestart(t *trial) {
	t.restartable()
	sid := rand.Text()
	t.deniesUntil(sid, t.now.Add(day))
	t.restarts()
	t.isDenied(sid, true, "a restart")
	t.isDenied(rand.Text(), false, "a restart")
}

func keepsClientsOverRestart(t *trial) {
	t.restartable()
	c, removed := t.registers(newClient()), t.registers(newClient())
	if t.RemoveClient != nil {
		t.must(t.RemoveClient(t.ctx, removed.ID), "Fixture.RemoveClient(%q)", removed.ID)
	}
	t.restarts()
	t.findsClient(c, "a restart")
	if t.RemoveClient != nil {
		t.missesClient(removed.ID, "Fixture.RemoveClient and a restart")
	}
}
