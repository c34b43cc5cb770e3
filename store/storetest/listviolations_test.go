package storetest_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// listing replaces what UserSessions does with the sessions that it has found.
func listing(change func(found []store.Session) []store.Session) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.ofUser(ctx, userID)
			return change(found), err
		}}
	}
}

// listingWhere replaces which sessions UserSessions looks for.
func listingWhere(wanted func(s store.Session, userID string) bool) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.list(ctx, func(s store.Session) bool { return wanted(s, userID) })
			slices.SortFunc(found, newestFirst)
			return found, err
		}}
	}
}

// paging replaces which page UserSessions cuts out of all sessions of a user.
func paging(cut func(all []store.Session, after store.Cursor, limit int) []store.Session) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, page: func(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
			all, err := r.reference.ofUser(ctx, userID)
			return cut(all, after, limit), err
		}}
	}
}

// behindRow cuts a page behind the row of the cursor. Where it is gone, there is no
// page, or the first.
func behindRow(none bool) func(all []store.Session, after store.Cursor, limit int) []store.Session {
	return func(all []store.Session, after store.Cursor, limit int) []store.Session {
		i := slices.IndexFunc(all, func(s store.Session) bool { return s.ID == after.ID })
		if i < 0 && none && after != store.Newest() {
			return nil
		}
		return all[i+1 : min(i+1+limit, len(all))]
	}
}

var listViolations = []violation{
	{"UserSessions returns a page", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session { return found[:min(100, len(found))] })},
	{"UserSessions returns the newest only", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session { return found[:min(1, len(found))] })},
	{"UserSessions leaves the labels out", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session {
		for i := range found {
			found[i].Label = ""
		}
		return found
	})},
	{"UserSessions returns the oldest first", "UserSessions returns the newest first", listing(func(found []store.Session) []store.Session {
		slices.Reverse(found)
		return found
	})},
	{"UserSessions sorts by the last refresh", "UserSessions returns the newest first", listing(func(found []store.Session) []store.Session {
		slices.SortFunc(found, func(a, b store.Session) int { return b.AdvancedAt.Compare(a.AdvancedAt) })
		return found
	})},
	{"UserSessions sorts by the second", "UserSessions returns the newest first", listing(func(found []store.Session) []store.Session {
		slices.Reverse(found)
		slices.SortStableFunc(found, func(a, b store.Session) int {
			return b.CreatedAt.Truncate(time.Second).Compare(a.CreatedAt.Truncate(time.Second))
		})
		return found
	})},
	{"UserSessions begins behind the time of the cursor", "UserSessions returns all of those that were created at one time, each once", paging(func(all []store.Session, after store.Cursor, limit int) []store.Session {
		all = slices.DeleteFunc(all, func(s store.Session) bool { return !s.CreatedAt.Before(after.CreatedAt) })
		return all[:min(limit, len(all))]
	})},
	{"UserSessions begins at the time of the cursor", "UserSessions returns all of those that were created at one time, each once", paging(func(all []store.Session, after store.Cursor, limit int) []store.Session {
		all = slices.DeleteFunc(all, func(s store.Session) bool { return s.CreatedAt.After(after.CreatedAt) || s.ID == after.ID })
		return all[:min(limit, len(all))]
	})},
	{"UserSessions sorts IDs as a dictionary does", "UserSessions returns all of those that were created at one time, each once", listing(func(found []store.Session) []store.Session {
		slices.SortStableFunc(found, func(a, b store.Session) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(strings.ToLower(b.ID), strings.ToLower(a.ID)))
		})
		return found
	})},
	{"UserSessions does not sort those of one time", "UserSessions returns all of those that were created at one time, each once", listing(func(found []store.Session) []store.Session {
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		slices.SortStableFunc(found, func(a, b store.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
		return found
	})},
	{"UserSessions cuts the page before it leaves out what is revoked", "UserSessions returns full pages", func(r *rig) {
		r.Store = override{Store: r.Store, page: func(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
			found, err := r.reference.list(ctx, func(s store.Session) bool { return s.UserID == userID })
			slices.SortFunc(found, newestFirst)
			return slices.DeleteFunc(sessionPage(found, after, limit), func(s store.Session) bool { return !s.RevokedAt.IsZero() }), err
		}}
	}},
	{"UserSessions knows no limit", "UserSessions returns full pages", paging(func(all []store.Session, after store.Cursor, _ int) []store.Session {
		return sessionPage(all, after, len(all))
	})},
	{"UserSessions has pages of ten at most", "UserSessions returns full pages", paging(func(all []store.Session, after store.Cursor, limit int) []store.Session {
		return sessionPage(all, after, min(limit, 10))
	})},
	{"UserSessions looks for the session of the cursor", "A cursor outlives the session that it is behind", paging(behindRow(true))},
	{"UserSessions begins anew where the session of the cursor is gone", "A cursor outlives the session that it is behind", paging(behindRow(false))},
	{"UserSessions counts where the page begins", "Pages do not shift when a session is added", func(r *rig) {
		var mu sync.Mutex
		offsets := map[store.Cursor]int{}
		r.Store = override{Store: r.Store, page: func(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
			all, err := r.reference.ofUser(ctx, userID)
			mu.Lock()
			defer mu.Unlock()
			from := min(offsets[after], len(all))
			page := all[from:min(from+limit, len(all))]
			for i, s := range page {
				offsets[s.Cursor()] = from + i + 1
			}
			return page, err
		}}
	}},
	{"UserSessions returns revoked ones", "UserSessions leaves out what is revoked", listingWhere(func(s store.Session, userID string) bool { return s.UserID == userID })},
	{"UserSessions returns all users'", "UserSessions returns only the user's", listingWhere(func(s store.Session, _ string) bool { return s.RevokedAt.IsZero() })},
	{"UserSessions folds the user's ID", "UserSessions returns only the user's", listingWhere(func(s store.Session, userID string) bool {
		return strings.EqualFold(s.UserID, userID) && s.RevokedAt.IsZero()
	})},
	{"UserSessions trims the user's ID", "UserSessions returns only the user's", listingWhere(func(s store.Session, userID string) bool {
		return s.UserID == strings.TrimSpace(userID) && s.RevokedAt.IsZero()
	})},
	{"UserSessions says ErrNotFound when there are none", "UserSessions of a user without any is no error", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.ofUser(ctx, userID)
			if len(found) == 0 {
				err = store.ErrNotFound
			}
			return found, err
		}}
	}},
	{"UserSessions takes no user for all users", "UserSessions of a user without any is no error", listingWhere(func(s store.Session, userID string) bool {
		return (userID == "" || s.UserID == userID) && s.RevokedAt.IsZero()
	})},
}
