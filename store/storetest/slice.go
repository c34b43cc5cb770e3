package storetest

import (
	"slices"

	"github.com/sallyport-go/sallyport/store"
)

const callersSlices = "A slice that is passed in or returned belongs to the caller: a store keeps and returns copies."

var sliceRules = []rule{
	{
		name:  "A slice that is passed in stays the caller's",
		says:  callersSlices,
		why:   "a caller that uses its slice again would change what an open session may do",
		check: keepsCopies,
	},
	{
		name:  "A slice that is returned is the caller's",
		says:  callersSlices,
		why:   "a request that narrows its own scopes would narrow, or widen, those of every other request, and race with them",
		check: givesOutCopies,
	},
}

// spoil changes a slice that belongs to the caller.
func spoil(scopes []string) {
	for i := range scopes {
		scopes[i] = "everything"
	}
}

func keepsCopies(t *trial) {
	s := t.newSession()
	given := s
	given.Scopes, given.Methods = slices.Clone(s.Scopes), slices.Clone(s.Methods)
	t.must(t.Store.CreateSession(t.ctx, given), "CreateSession")
	spoil(given.Scopes)
	spoil(given.Methods)
	t.finds(s, "a change of the slice that it was given")
	t.lists(s.UserID, s)
}

func givesOutCopies(t *trial) {
	s := t.opens()
	got := t.reads(s.ID)
	spoil(got.Scopes)
	spoil(got.Methods)
	t.finds(s, "a change of the slice that Session returned")

	listed, err := t.Store.UserSessions(t.ctx, s.UserID, store.Newest(), store.MaxPage)
	t.must(err, "UserSessions")
	for i := range listed {
		spoil(listed[i].Scopes)
		spoil(listed[i].Methods)
		listed[i] = store.Session{}
	}
	t.finds(s, "a change of the slice that UserSessions returned")
	t.lists(s.UserID, s)
}
