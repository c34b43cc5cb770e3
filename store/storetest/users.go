package storetest

import (
	"errors"
	"slices"

	"github.com/sallyport-go/sallyport/store"
)

var userRules = []rule{
	{
		name:  "Authenticate returns the user",
		says:  "Authenticate returns the user with this login and this password.",
		why:   "the tier, seats, account and scopes of the first access token are what Authenticate returns",
		check: authenticates,
	},
	{
		name:  "Authenticate refuses every other pair alike",
		says:  "It returns ErrBadCredentials for every other pair",
		why:   "any other error is answered differently, so that an unauthenticated caller learns which logins exist, and ErrNotFound is no refusal at all but a broken store",
		check: refusesOtherPairs,
	},
	{
		name:  "Authenticate keeps look-alike logins apart",
		says:  "Identifiers are compared byte by byte",
		why:   "a user who chooses a login that looks like another user's is logged in as that user",
		check: keepsLoginsApart,
	},
	{
		name:  "User returns the user",
		says:  "User returns the user with this ID as they are now",
		why:   "the next access token is made of it: a field that is lost here is a tier, a seat or a scope that is lost with the first refresh",
		check: returnsUser,
	},
	{
		name:  "User says ErrNotFound of an unknown ID",
		says:  "ErrNotFound means that the store has looked, and that what was asked for does not exist.",
		why:   "any other error means 503: clients of a deleted user would retry for ever instead of logging out",
		check: missesUnknownUser,
	},
	{
		name:  "User compares IDs byte by byte",
		says:  "Identifiers are compared byte by byte",
		why:   "one user would go under two subjects, and what is revoked, counted or denied under the one would be open under the other",
		check: keepsUsersApart,
	},
	{
		name:  "A user's scopes belong to the caller",
		says:  "A slice that is passed in or returned belongs to the caller",
		why:   "a request that narrows its own scopes would narrow, or widen, those of every other request",
		check: givesOutCopiesOfUser,
	},
}

// newUser makes up a user with an ID and a login of their own, and a password.
func newUser(name string) (u store.User, password string) {
	return store.User{
		ID:      unique(name),
		Login:   unique(name) + "@example.com",
		Account: unique("account"),
		Tier:    "free",
		Seats:   3,
		Scopes:  []string{"articles:read", "articles:write"},
	}, unique("Correct horse & battery")
}

// adds makes the user, as far as the fixture can, and returns them as the store
// is to return them.
func (t *trial) adds(u store.User, password string) store.User {
	if t.AddUser == nil {
		t.skipf("needs Fixture.AddUser")
	}
	added, err := t.AddUser(t.ctx, u, password)
	if errors.Is(err, errors.ErrUnsupported) {
		t.skipf("Fixture.AddUser makes no such user: %v", err)
	}
	t.must(err, "Fixture.AddUser(%q, %q)", u.Login, password)
	return added
}

// differenceOfUser leaves out the CredentialVersion, which a store makes up.
func differenceOfUser(got, want store.User) string {
	got.CredentialVersion = want.CredentialVersion
	return difference(got, want)
}

// ada makes a user like any other.
func (t *trial) ada() (u store.User, password string) {
	u, password = newUser("ada")
	return t.adds(u, password), password
}

// enters fails the rule unless login and password let the user in.
func (t *trial) enters(u store.User, login, password string) {
	got, err := t.Store.Authenticate(t.ctx, login, password)
	t.must(err, "Authenticate(%q, %q)", login, password)
	if d := differenceOfUser(got, u); d != "" {
		t.failf("Authenticate(%q, %q): %s", login, password, d)
	}
}

// refuses fails the rule unless Authenticate refuses login and password.
func (t *trial) refuses(login, password string) {
	_, err := t.Store.Authenticate(t.ctx, login, password)
	t.wants(err, store.ErrBadCredentials, "Authenticate(%q, %q)", login, password)
}

func authenticates(t *trial) {
	ada, password := t.ada()
	t.ada() // another user, with whom a store could confuse them
	t.enters(ada, ada.Login, password)
}

func refusesOtherPairs(t *trial) {
	missing, password := newUser("unknown")
	t.refuses(missing.Login, password)
	t.refuses(missing.Login, "")
	t.refuses("", password)
	t.refuses("", "")

	ada, adas := t.ada()
	_, graces := t.ada()
	t.refuses(ada.Login, "wrong")
	t.refuses(ada.Login, graces)
	t.refuses(adas, ada.Login)
	t.refuses("", adas)
	if ada.ID != ada.Login {
		t.refuses(ada.ID, adas)
	}
}

func keepsLoginsApart(t *trial) {
	ada, adas := newUser("Ada é ß 🔑")
	ada = t.adds(ada, adas)
	unsupported := 0
	alike := lookAlikes(ada.Login)
	for _, login := range alike {
		other, others := newUser("ada")
		other.Login = login
		other, err := t.AddUser(t.ctx, other, others)
		if errors.Is(err, errors.ErrUnsupported) {
			unsupported++
			continue
		}
		t.must(err, "Fixture.AddUser(%q, %q), where there is %q", login, others, ada.Login)
		t.enters(other, login, others)
		t.enters(ada, ada.Login, adas)
		t.refuses(login, adas)
		t.refuses(ada.Login, others)
	}
	if unsupported == len(alike) {
		t.skipf("Fixture.AddUser makes no two users with look-alike logins")
	}
}

func returnsUser(t *trial) {
	ada, _ := t.ada()
	t.ada()
	t.returns(ada)
}

// returns fails the rule unless User returns exactly this user.
func (t *trial) returns(want store.User) {
	got, err := t.Store.User(t.ctx, want.ID)
	t.must(err, "User(%q)", want.ID)
	if d := differenceOfUser(got, want); d != "" {
		t.failf("User(%q): %s", want.ID, d)
	}
}

func missesUnknownUser(t *trial) {
	for _, id := range []string{unique("unknown"), ""} {
		_, err := t.Store.User(t.ctx, id)
		t.wants(err, store.ErrNotFound, "User(%q)", id)
	}
}

func keepsUsersApart(t *trial) {
	u, password := newUser("Ada é ß 🔑")
	ada := t.adds(u, password)
	for _, id := range lookAlikes(ada.ID) {
		_, err := t.Store.User(t.ctx, id)
		t.wants(err, store.ErrNotFound, "User(%q), where there is %q", id, ada.ID)
	}
}

func givesOutCopiesOfUser(t *trial) {
	ada, password := t.ada()
	if len(ada.Scopes) == 0 {
		t.skipf("Fixture.AddUser makes no user with scopes")
	}
	want := ada
	want.Scopes = slices.Clone(ada.Scopes)

	got, err := t.Store.User(t.ctx, ada.ID)
	t.must(err, "User(%q)", ada.ID)
	spoil(got.Scopes)
	t.returns(want)

	got, err = t.Store.Authenticate(t.ctx, ada.Login, password)
	t.must(err, "Authenticate(%q, %q)", ada.Login, password)
	spoil(got.Scopes)
	t.returns(want)
	t.enters(want, ada.Login, password)
}
