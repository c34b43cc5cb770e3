package storetest_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// listing replaces what UserSessions does with the sessions that it has found.
func listing(change func(found []store.Session) []store.Session) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.UserSessions(ctx, userID)
			return change(found), err
		}}
	}
}

// listingWhere replaces which sessions UserSessions looks for.
func listingWhere(wanted func(s store.Session, userID string) bool) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.list(ctx, func(s store.Session) bool { return wanted(s, userID) })
			slices.SortFunc(found, oldestFirst)
			return found, err
		}}
	}
}

var listViolations = []violation{
	{"UserSessions returns a page", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session { return found[:min(100, len(found))] })},
	{"UserSessions returns the newest only", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session { return found[max(0, len(found)-1):] })},
	{"UserSessions leaves the labels out", "UserSessions returns all of a user's sessions", listing(func(found []store.Session) []store.Session {
		for i := range found {
			found[i].Label = ""
		}
		return found
	})},
	{"UserSessions returns the newest first", "UserSessions returns the oldest first", listing(func(found []store.Session) []store.Session {
		slices.Reverse(found)
		return found
	})},
	{"UserSessions sorts by the last refresh", "UserSessions returns the oldest first", listing(func(found []store.Session) []store.Session {
		slices.SortFunc(found, func(a, b store.Session) int { return a.AdvancedAt.Compare(b.AdvancedAt) })
		return found
	})},
	{"UserSessions sorts by the second", "UserSessions returns the oldest first", listing(func(found []store.Session) []store.Session {
		slices.Reverse(found)
		slices.SortStableFunc(found, func(a, b store.Session) int {
			return a.CreatedAt.Truncate(time.Second).Compare(b.CreatedAt.Truncate(time.Second))
		})
		return found
	})},
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
			found, err := r.reference.UserSessions(ctx, userID)
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
