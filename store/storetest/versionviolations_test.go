package storetest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

const verifiedRow = "Authenticate returns the version of the row that it verified"

// versioning changes the versions of users on their way out.
func versioning(change func(u *store.User)) func(r *rig) {
	return func(r *rig) {
		conforming := r.Store
		changed := func(u store.User, err error) (store.User, error) {
			if err == nil {
				change(&u)
			}
			return u, err
		}
		r.Store = override{
			Store: conforming,
			authenticate: func(ctx context.Context, login, password string) (store.User, error) {
				return changed(conforming.Authenticate(ctx, login, password))
			},
			user: func(ctx context.Context, id string) (store.User, error) { return changed(conforming.User(ctx, id)) },
		}
	}
}

// loggingIn does something after each login that succeeds.
func loggingIn(then func(ctx context.Context, r *rig, u *store.User, password string) error) func(r *rig) {
	return func(r *rig) {
		conforming := r.Store
		r.Store = override{Store: conforming, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			u, err := conforming.Authenticate(ctx, login, password)
			if err == nil {
				err = then(ctx, r, &u, password)
			}
			return u, err
		}}
	}
}

// readingAgain takes the version from a row that is read after the work of the
// hash.
func readingAgain(ctx context.Context, r *rig, u *store.User, _ string) error {
	yields()
	now, err := r.users.User(ctx, u.ID)
	u.CredentialVersion = now.CredentialVersion
	return err
}

var versionViolations = []violation{
	{"Authenticate returns no version", "Authenticate and User return one CredentialVersion", loggingIn(func(_ context.Context, _ *rig, u *store.User, _ string) error {
		u.CredentialVersion = ""
		return nil
	})},
	{"every look at a user is another version", "Authenticate and User return one CredentialVersion", func(r *rig) {
		var mu sync.Mutex
		n := 0
		versioning(func(u *store.User) {
			mu.Lock()
			defer mu.Unlock()
			n++
			u.CredentialVersion = fmt.Sprint(n)
		})(r)
	}},
	{"a session loses its version", "A session keeps its CredentialVersion", creating(func(s *store.Session) { s.CredentialVersion = "" })},
	{"a session's version is cut at 255 bytes", "A session keeps its CredentialVersion", creating(func(s *store.Session) { s.CredentialVersion = cut(s.CredentialVersion, 255) })},
	{"a session's version is a number", "A session keeps its CredentialVersion", creating(func(s *store.Session) {
		s.CredentialVersion = strings.TrimLeft(s.CredentialVersion, " \t\n\r0")
	})},
	{"a key loses its version", "A key keeps its CredentialVersion", creatingKeys(func(k *store.APIKey) { k.CredentialVersion = "" })},
	{"the version never changes", "A new password changes the CredentialVersion", versioning(func(u *store.User) { u.CredentialVersion = "1" })},
	{"the version is 0 or 1", "A new password changes the CredentialVersion", func(r *rig) {
		var mu sync.Mutex
		seen := map[string]string{}
		versioning(func(u *store.User) {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := seen[u.CredentialVersion]; !ok {
				seen[u.CredentialVersion] = fmt.Sprint(len(seen) % 2)
			}
			u.CredentialVersion = seen[u.CredentialVersion]
		})(r)
	}},
	{"User is asked of a cache", "A new password changes the CredentialVersion", func(r *rig) {
		var cached sync.Map
		conforming := r.Store
		r.Store = override{Store: conforming, user: func(ctx context.Context, id string) (store.User, error) {
			if u, ok := cached.Load(id); ok {
				return u.(store.User), nil
			}
			u, err := conforming.User(ctx, id)
			if err == nil {
				cached.Store(id, u)
			}
			return u, err
		}}
	}},
	{"Authenticate reads the user again after the hash", verifiedRow, loggingIn(readingAgain)},
	{"a renewed hash is a new password", "A renewed hash keeps the CredentialVersion", func(r *rig) {
		var renewed sync.Map
		loggingIn(func(ctx context.Context, r *rig, u *store.User, password string) error {
			if _, again := renewed.LoadOrStore(u.ID, true); again {
				return nil
			}
			return r.users.SetPassword(ctx, u.ID, password)
		})(r)
	}},
	{"a renewed hash replaces any other", "A renewal brings no old password back", func(r *rig) {
		h, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
		if err != nil {
			panic(err)
		}
		loggingIn(func(ctx context.Context, r *rig, u *store.User, password string) error {
			hash, err := h.Hash(ctx, password)
			if err != nil {
				return err
			}
			yields()
			return r.users.SetHash(ctx, u.ID, hash)
		})(r)
	}},
}

// A host that hands out the version of a row that it reads after the hash passed:
// a login with the old password that is under way during the change got the new
// version, and its session survived.
func TestFaultA2TheVersionIsThatOfTheVerifiedRow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if failure, skipped := storetest.Try(t.Context(), verifiedRow, r.Fixture); failure != nil || skipped != "" {
		t.Errorf("a conforming store: %v, %q", failure, skipped)
	}
	loggingIn(readingAgain)(r)
	if failure, _ := storetest.Try(t.Context(), verifiedRow, r.Fixture); failure == nil {
		t.Error("a store that reads the row again passes")
	}
}
