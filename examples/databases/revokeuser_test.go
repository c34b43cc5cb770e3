package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// crowdOfOne is how many sessions the tests give one user. SALLYPORT_SESSIONS
// makes them more: 100000 is what the promise is about.
func crowdOfOne(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SALLYPORT_SESSIONS"))
	if err != nil {
		return 5000
	}
	return n
}

// manySessions gives the user u1 that many sessions.
func manySessions(t *testing.T, p *place, db *sql.DB, n int) {
	t.Helper()
	p.run(t, db, fmt.Sprintf("INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, methods, actor) SELECT 'id-' || n, 'u1', 'web', '[]', 1, %[1]d + n, %[1]d + n, %[2]d, %[2]d, NULL, 'Firefox', 'v1', '[]', '' FROM %[3]s",
		noon.UnixMicro(), noon.Add(24*time.Hour).UnixMicro(), p.numbers(n)),
		fmt.Sprintf("INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until) VALUES ('u1', 0, NULL, %d)", noon.UnixMicro()))
}

// However many sessions a user has, as many statements end and return them, and one for
// each thousand denies them.
func TestFaultA16ManySessionsAreEndedInOneStatement(t *testing.T) {
	t.Parallel()
	n := crowdOfOne(t)
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		manySessions(t, p, db, n)
		recorder.take()
		began := time.Now()
		ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon, noon.Add(-time.Hour))
		must(t, err)
		t.Logf("%d sessions ended in %v", len(ids), time.Since(began))
		if calls := recorder.take(); len(ids) != n || len(calls) != 6 {
			t.Errorf("%d of %d sessions were returned, in %d statements; want 6:\n%s", len(ids), n, len(calls), strings.Join(statements(calls), "\n"))
		}
		began = time.Now()
		for some := range slices.Chunk(ids, 1000) {
			must(t, s.DenySessions(t.Context(), some, noon.Add(time.Hour)))
		}
		t.Logf("and denied in %v", time.Since(began))
		if calls := recorder.take(); len(calls) != (n+999)/1000 {
			t.Errorf("%d statements deny %d sessions", len(calls), n)
		}
		for _, id := range []string{"id-1", fmt.Sprint("id-", n/2), fmt.Sprint("id-", n)} {
			wants(t, s.AdvanceSession(t.Context(), id, 1, noon, noon), store.ErrConflict, "AdvanceSession of "+id)
			if denied, err := s.SessionDenied(t.Context(), id); err != nil || !denied {
				t.Errorf("%s is denied: %v, %v", id, denied, err)
			}
		}
	})
}

// Sessions that are created while a user's are ended are either returned, or live
// on for the next call. After a call that failed in between, the next returns all
// that it has ended.
func TestFaultA8WhatWasEndedIsReturned(t *testing.T) {
	t.Parallel()
	t.Run("after a call that broke off", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, p *place) {
			db, recorder := p.recorded(t)
			s := p.store(t, db)
			manySessions(t, p, db, 100)
			ctx, cancel := context.WithCancel(t.Context())
			recorder.hook(nil, func(statement string) {
				if statement == "COMMIT" {
					cancel()
				}
			})
			_, err := s.RevokeUserSessions(ctx, "u1", "", noon, noon)
			recorder.hook(nil, nil)
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("the first call: %v", err)
			}
			wants(t, s.AdvanceSession(t.Context(), "id-1", 1, noon, noon), store.ErrConflict, "AdvanceSession after it")
			if ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon.Add(time.Minute), noon); err != nil || len(ids) != 100 {
				t.Errorf("the second call returned %d, %v; want 100", len(ids), err)
			}
		})
	})
	t.Run("after a call that broke off before it was committed", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, p *place) {
			db, recorder := p.recorded(t)
			s := p.store(t, db)
			manySessions(t, p, db, 100)
			ctx, cancel := context.WithCancel(t.Context())
			recorder.before(func(statement string) {
				if strings.HasPrefix(statement, "INSERT INTO sallyport_epochs") {
					cancel()
				}
			})
			_, err := s.RevokeUserSessions(ctx, "u1", "id-2", noon, noon)
			recorder.before(nil)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the first call: %v", err)
			}
			must(t, s.AdvanceSession(t.Context(), "id-1", 1, noon, noon), s.AdvanceSession(t.Context(), "id-2", 1, noon, noon))
			if ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon.Add(time.Minute), noon); err != nil || len(ids) != 100 {
				t.Errorf("the second call returned %d, %v; want 100", len(ids), err)
			}
		})
	})
	t.Run("while others are created", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, p *place) {
			s := p.store(t, p.db(t))
			var mu sync.Mutex
			returned := map[string]bool{}
			must(t, atOnce(8, func(i int) error {
				for n := range 10 {
					if i > 0 {
						if err := s.CreateSession(t.Context(), session(fmt.Sprint(i, "-", n), 24)); err != nil {
							return err
						}
						continue
					}
					ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon, noon)
					if err != nil {
						return err
					}
					mu.Lock()
					for _, id := range ids {
						returned[id] = true
					}
					mu.Unlock()
				}
				return nil
			})...)
			for i := 1; i < 8; i++ {
				for n := range 10 {
					id := fmt.Sprint(i, "-", n)
					if got, err := s.Session(t.Context(), id); err != nil || got.RevokedAt.IsZero() == returned[id] {
						t.Errorf("%s: revoked at %v, returned: %t, %v", id, got.RevokedAt, returned[id], err)
					}
				}
			}
		})
	})
}

// A login with the old password that is under way while it changes returns the
// version of the row that it has verified, on every database.
func TestFaultA2TheVersionIsThatOfTheVerifiedRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		must(t, s.AddUser(t.Context(), ada, adas))
		before, err := s.User(t.Context(), "u1")
		must(t, err)
		// The password changes after the row was read, and before anything else is.
		statement := 0
		recorder.before(func(string) {
			statement++
			if statement == 2 {
				must(t, s.SetPassword(t.Context(), "u1", "another horse"))
			}
		})
		got, err := s.Authenticate(t.Context(), "ada", adas)
		recorder.before(nil)
		after, e := s.User(t.Context(), "u1")
		must(t, e)
		switch {
		case after.CredentialVersion == before.CredentialVersion || after.CredentialVersion == "":
			t.Errorf("the version is %q after the change, and was %q", after.CredentialVersion, before.CredentialVersion)
		case err == nil && got.CredentialVersion != before.CredentialVersion:
			t.Errorf("the old password has the version %q; it was %q before the change", got.CredentialVersion, before.CredentialVersion)
		case err != nil:
			wants(t, err, store.ErrBadCredentials, "Authenticate")
		}
	})
}

// What can be logged in with changes the version, and nothing else does.
func TestCredentialVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		outdated, err := quick(t, 32).Hash(t.Context(), "third")
		must(t, err)
		richer, renamed := ada, ada
		richer.Tier, richer.CredentialVersion = "premium", "what was read long ago"
		renamed.Login = "countess"
		for _, step := range []struct {
			name    string
			do      func() error
			changes bool
		}{
			{"another tier", func() error { return s.SetUser(t.Context(), richer) }, false},
			{"another password", func() error { return s.SetPassword(t.Context(), "u1", "second") }, true},
			{"the same password", func() error { return s.SetPassword(t.Context(), "u1", "second") }, true},
			{"another hash", func() error { return s.SetHash(t.Context(), "u1", outdated) }, true},
			{"a login that renews the hash", func() error { _, err := s.Authenticate(t.Context(), "ada", "third"); return err }, false},
			{"another login", func() error { return s.SetUser(t.Context(), renamed) }, true},
		} {
			before, err := s.User(t.Context(), "u1")
			must(t, err, step.do())
			after, err := s.User(t.Context(), "u1")
			must(t, err)
			if before.CredentialVersion == "" || (before.CredentialVersion != after.CredentialVersion) != step.changes {
				t.Errorf("%s: the version was %q and is %q", step.name, before.CredentialVersion, after.CredentialVersion)
			}
		}
	})
}
