package storetest

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const takenSession = "It returns ErrConflict if the ID is taken, and does not change the session that has it."

var createRules = []rule{
	{
		name:  "CreateSession keeps all of a session",
		says:  "CreateSession adds a session.",
		why:   "a refresh is decided by what was kept: a client, a scope or an end that is lost lets in whom it should not",
		check: keepsSession,
	},
	{
		name:  "A session keeps when and how its user was authenticated",
		says:  "Every field comes back as it was given.",
		why:   "a route that asks for a fresh login or a second factor would be open to every session, or to none; and what support staff did in a user's name would look like the user's own doing",
		check: keepsAuthentication,
	},
	{
		name:  "CreateSession says ErrConflict when the ID is taken",
		says:  takenSession,
		why:   "a session that can be overwritten can be taken over, or brought back after its revocation",
		check: refusesTakenID,
	},
	{
		name:  "CreateSession has exactly one winner",
		says:  takenSession,
		why:   "two logins that share a session are logged in as one another",
		check: createsOnce,
	},
	{
		name:  "Session says ErrNotFound of an unknown ID",
		says:  "ErrNotFound if there is none.",
		why:   "any other error means 503, and a client that retries for ever; no error means a session without a user",
		check: missesUnknownSession,
	},
}

func keepsSession(t *trial) {
	s := t.opens()
	other := t.opensFor(s.UserID)
	t.finds(s, "CreateSession")
	t.finds(other, "CreateSession")

	bare := t.newSession()
	bare.ClientID, bare.Scopes, bare.Label = "", nil, ""
	t.creates(bare)
	t.finds(bare, "CreateSession without client, scopes and label")

	old := t.newSession()
	old.Generation, old.AdvancedAt = 8760, t.now.Add(-day)
	t.creates(old)
	t.finds(old, "CreateSession at a later generation")
}

func keepsAuthentication(t *trial) {
	unknown, alone, strange := t.newSession(), t.newSession(), t.newSession()
	unknown.AuthenticatedAt, unknown.Methods, unknown.Actor = time.Time{}, nil, ""
	alone.AuthenticatedAt, alone.Methods, alone.Actor = alone.CreatedAt.Add(-day), []string{"pwd"}, ""
	strange.Methods = make([]string, 16)
	for i := range strange.Methods {
		strange.Methods[i] = strings.Repeat(rand.Text(), 5)[:128]
	}
	strange.Methods[0], strange.Methods[1] = "user", `a,b:'c'{d}`
	strange.Actor = strings.Repeat("é", 256)
	for _, s := range []store.Session{unknown, alone, strange} {
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
		s = t.advances(s, t.now.Add(time.Hour), t.now.Add(day))
		t.finds(s, "AdvanceSession")
		t.finds(t.revokes(s, t.now.Add(2*time.Hour)), "RevokeSession")
	}
}

func refusesTakenID(t *trial) {
	for _, s := range []store.Session{
		t.opens(),
		t.advances(t.opens(), t.now, t.now.Add(day)),
		t.revokes(t.opens(), t.now),
	} {
		taken := t.newSession()
		taken.ID = s.ID
		t.wants(t.Store.CreateSession(t.ctx, taken), store.ErrConflict, "CreateSession(%q), which is taken", s.ID)
		t.finds(s, "CreateSession with its ID")
		t.lists(taken.UserID)
	}
}

func createsOnce(t *trial) {
	for range rounds {
		id := t.newSession().ID
		racing := make([]store.Session, racers)
		for i := range racing {
			racing[i] = t.newSession()
			racing[i].ID = id
		}
		errs := atOnce(racers, func(i int) error { return t.Store.CreateSession(t.ctx, racing[i]) })
		t.oneWins(errs, "CreateSession with one ID")
		for i, err := range errs {
			if err == nil {
				t.finds(racing[i], "the others' CreateSession with its ID")
			}
		}
	}
}

func missesUnknownSession(t *trial) {
	t.opens()
	t.misses(t.newSession().ID, "nothing")
}
