package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	usersSessions = "UserSessions returns a page of the user's sessions that are not revoked."
	newestFirst   = "The newest is the first, by CreatedAt, and of those with one CreatedAt the one with the greatest ID."
	pageBehind    = "The page begins behind after, which need not be the position of a session."
	pageLength    = "It has limit sessions, and fewer only if there are no more; limit is 1 to MaxPage."
)

var listRules = []rule{
	{
		name:  "UserSessions returns all of a user's sessions",
		says:  usersSessions,
		why:   "the session that the user does not see is the one that they cannot end",
		check: listsAll,
	},
	{
		name:  "UserSessions returns the newest first",
		says:  newestFirst,
		why:   "the list changes its order at every look, and of too many sessions another than the oldest is ended",
		check: listsNewestFirst,
	},
	{
		name:  "UserSessions returns all of those that were created at one time, each once",
		says:  newestFirst,
		why:   "pages that are cut at a time leave out a session, or repeat one: the one that the user does not see is the one that they cannot end",
		check: listsOneTime,
	},
	{
		name:  "UserSessions returns full pages",
		says:  pageLength,
		why:   "a page that is short is taken for the last: sessions behind it are neither seen nor ended; one that is long is work without a bound",
		check: listsFullPages,
	},
	{
		name:  "A cursor outlives the session that it is behind",
		says:  pageBehind,
		why:   "when the session at the end of a page is ended or deleted meanwhile, the next page would fail, begin anew, or be empty",
		check: listsBehindWhatIsGone,
	},
	{
		name:  "Pages do not shift when a session is added",
		says:  pageBehind,
		why:   "a login between two pages would repeat the last session of the first, and a logout would leave one out",
		check: listsWithoutShift,
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
		says:  "A user without sessions is not an error.",
		why:   "a new user's list of sessions would be answered with 503",
		check: listsNone,
	},
}

func listsAll(t *trial) {
	user := unique("user")
	t.lists(user, t.opensMany(user)...)
}

func listsNewestFirst(t *trial) {
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

// opensAtOneTime adds sessions of one user that have one CreatedAt, and returns them
// in the order of their IDs, which is not that of a dictionary.
func (t *trial) opensAtOneTime(user string) (all []store.Session) {
	for _, first := range []string{"a", "A", "-", "_", "~", "b", "B", "0", "."} {
		s := t.newSession()
		s.ID, s.UserID, s.CreatedAt = first+s.ID, user, t.now
		all = append(all, t.creates(s))
	}
	slices.SortFunc(all, func(a, b store.Session) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func listsOneTime(t *trial) {
	user := unique("user")
	before := t.newSession()
	before.UserID, before.CreatedAt = user, t.now.Add(-time.Microsecond)
	all := append([]store.Session{t.creates(before)}, t.opensAtOneTime(user)...)
	after := t.newSession()
	after.UserID, after.CreatedAt = user, t.now.Add(time.Microsecond)
	all = append(all, t.creates(after))
	for _, limit := range []int{1, 2, 3, len(all), store.MaxPage} {
		t.pages(user, limit, all...)
	}
}

func listsFullPages(t *trial) {
	user := unique("user")
	all := t.opensMany(user)
	var live []store.Session
	for i, s := range all {
		if i%8 == 0 {
			live = append(live, s)
			continue
		}
		t.revokes(s, t.now)
	}
	for _, limit := range []int{1, 5, len(live) - 1, len(live), len(live) + 1} {
		t.pages(user, limit, live...)
	}
}

// pageIs fails the rule unless the page of two behind a position is these sessions, which
// are given the newest first.
func (t *trial) pageIs(userID string, after store.Cursor, doing string, want ...store.Session) {
	page, err := t.Store.UserSessions(t.ctx, userID, after, 2)
	t.must(err, "UserSessions, %s", doing)
	if len(page) != len(want) {
		t.failf("UserSessions, %s: returned %d sessions, not %d", doing, len(page), len(want))
	}
	for i := range want {
		if page[i].ID != want[i].ID {
			t.failf("UserSessions, %s: session %d of the page is another than that which follows", doing, i)
		}
	}
}

func listsBehindWhatIsGone(t *trial) {
	user := unique("user")
	all := t.opensMany(user)
	at := all[100].Cursor()
	t.revokes(all[100], t.now)
	t.pageIs(user, at, "behind a session that was revoked", all[99], all[98])
	between := store.Cursor{CreatedAt: all[50].CreatedAt.Add(time.Microsecond), ID: "none"}
	t.pageIs(user, between, "behind a session that never was", all[50], all[49])
	t.revokesAll(user, t.now)
	t.pageIs(user, between, "behind a session that never was, when all have ended")
	if t.ForgetsExpired {
		return
	}
	past := t.past()
	gone, left := t.newSession(), t.newSession()
	gone.UserID, left.UserID = user, user
	gone.IdleUntil = past
	left.CreatedAt = gone.CreatedAt.Add(-time.Second)
	t.creates(gone)
	t.creates(left)
	t.deletes(past)
	t.pageIs(user, gone.Cursor(), "behind a session that was deleted", left)
}

func listsWithoutShift(t *trial) {
	user := unique("user")
	first, second, third := t.opensFor(user), t.opensFor(user), t.opensFor(user)
	t.pageIs(user, store.Newest(), "before any other is added", third, second)
	fourth := t.opensFor(user)
	t.pageIs(user, second.Cursor(), "after another was added", first)
	t.revokes(third, t.now)
	t.pageIs(user, second.Cursor(), "after another was ended", first)
	t.pageIs(user, store.Newest(), "after another was ended", fourth, second)
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
