package storetest

import "github.com/sallyport-go/sallyport/store"

const usersSessions = "UserSessions returns a user's sessions that are not revoked, oldest first; a user without sessions is not an error."

var listRules = []rule{
	{
		name:  "UserSessions returns all of a user's sessions",
		says:  usersSessions,
		why:   "the session that the user does not see is the one that they cannot end",
		check: listsAll,
	},
	{
		name:  "UserSessions returns the oldest first",
		says:  usersSessions,
		why:   "the list jumps about at every look, and a host that ends the oldest of too many ends another",
		check: listsOldestFirst,
	},
	{
		name:  "UserSessions leaves out what is revoked",
		says:  usersSessions,
		why:   "a user who has logged a device out sees it in the list and thinks that it did not work",
		check: listsNoRevoked,
	},
	{
		name:  "UserSessions returns only the user's",
		says:  usersSessions,
		why:   "a user would read, and end, other people's sessions",
		check: listsOnlyUsers,
	},
	{
		name:  "UserSessions of a user without any is no error",
		says:  usersSessions,
		why:   "a new user's list of sessions would be answered with 503",
		check: listsNone,
	},
}

func listsAll(t *trial) {
	user := unique("user")
	t.lists(user, t.opensMany(user)...)
}

func listsOldestFirst(t *trial) {
	user := unique("user")
	middle, youngest, oldest := t.newSession(), t.newSession(), t.newSession()
	middle.CreatedAt = oldest.CreatedAt.Add(1000)
	youngest.CreatedAt = oldest.CreatedAt.Add(2000)
	for _, s := range []*store.Session{&middle, &youngest, &oldest} {
		s.UserID = user
		t.creates(*s)
	}
	t.lists(user, oldest, middle, youngest)
	oldest = t.advances(oldest, t.now.Add(day), t.now.Add(31*day))
	t.lists(user, oldest, middle, youngest)
}

func listsNoRevoked(t *trial) {
	user := unique("user")
	first, second, third := t.opensFor(user), t.opensFor(user), t.opensFor(user)
	t.revokes(second, t.now)
	t.lists(user, first, third)
	t.revokes(first, t.now)
	t.revokes(third, t.now)
	t.lists(user)
}

func listsOnlyUsers(t *trial) {
	user := unique("Ada_é%ß 🔑")
	s := t.opensFor(user)
	for _, other := range append(lookAlikes(user), unique("user"), user[:len(user)-1]) {
		t.lists(other)
		t.lists(other, t.opensFor(other))
	}
	t.lists(user, s)
}

func listsNone(t *trial) {
	t.opens()
	t.lists(unique("unknown"))
	t.lists("")
}
