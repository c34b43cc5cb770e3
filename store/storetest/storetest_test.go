package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// rig is a conforming fixture, and what it is made of.
type rig struct {
	storetest.Fixture

	users     *memstore.Store
	reference *reference
	lists     *referenceLists
}

// newRig returns users of a memstore and all else of a reference store, whose restart
// changes nothing.
func newRig(t *testing.T) *rig {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	users, err := memstore.New(memstore.Config{Passwords: h})
	if err != nil {
		t.Fatal(err)
	}
	outdated, err := passwords.New(passwords.Config{Memory: 32, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	p := newReference()
	lists := newReferenceLists(p)
	refused := &refusals{}
	r := &rig{
		Fixture: storetest.Fixture{
			Store: struct {
				store.Users
				store.Sessions
			}{wordy{away{users, p}, refused}, p},
			APIKeys: p,
			AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
				return u, users.AddUser(ctx, u, password)
			},
			SetPassword: users.SetPassword,
			AddUserToRenew: func(ctx context.Context, u store.User, password string) (store.User, error) {
				hash, err := outdated.Hash(ctx, password)
				return u, errors.Join(err, users.AddUser(ctx, u, "none yet"), users.SetHash(ctx, u.ID, hash))
			},
			LockOut: users.RemoveUser,
			Refuse:  refused.add,
			Clients: lists, SetClient: lists.setClient, RemoveClient: lists.removeClient,
			Revocations: lists,
			Break: func(context.Context) (func(context.Context) error, error) {
				p.away.Store(true)
				return func(context.Context) error { p.away.Store(false); return nil }, nil
			},
			Batch: batch,
			Many:  3000,
		},
		users:     users,
		reference: p,
		lists:     lists,
	}
	r.Reopen = func(context.Context) (storetest.Fixture, error) { return r.Fixture, nil }
	return r
}

// away are users who are in the database that can be away.
type away struct {
	*memstore.Store

	reference *reference
}

func (a away) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	leave, err := a.reference.enter(ctx)
	if err != nil {
		return store.User{}, err
	}
	leave()
	return a.Store.Authenticate(ctx, login, password)
}

func (a away) User(ctx context.Context, id string) (store.User, error) {
	leave, err := a.reference.enter(ctx)
	if err != nil {
		return store.User{}, err
	}
	leave()
	return a.Store.User(ctx, id)
}

func TestHonestStore(t *testing.T) {
	t.Parallel()
	t.Run("passes rule by rule", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) storetest.Fixture {
			t.Helper()
			return newRig(t).Fixture
		})
	})
	t.Run("passes all rules on one database, again and again", func(t *testing.T) {
		t.Parallel()
		f := newRig(t).Fixture
		for range 2 {
			if err := storetest.Check(t.Context(), f); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("passes when it takes its time for every password", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			tiresome(r, true)
			failure, skipped := storetest.Try(t.Context(), "An unknown login takes about the same work", r.Fixture)
			if failure != nil || skipped != "" {
				t.Error(failure, skipped)
			}
		})
	})
}

// violation is a store that breaks the contract in one way.
type violation struct {
	name      string // what it does
	rule      string // which has to fail
	violation func(r *rig)
}

func violations() []violation {
	return slices.Concat(causeViolations, userViolations, passwordViolations, versionViolations, refusalViolations, createViolations, advanceViolations, revokeViolations, revokedViolations,
		listViolations, expiryViolations, sweepViolations,
		textViolations, commonViolations, contextViolations, concurrencyViolations, historyViolations, manyViolations, keyViolations, keyExpiryViolations, keyCommonViolations,
		denialViolations, manyDenialViolations, clientViolations, restartViolations, outageViolations)
}

func TestViolations(t *testing.T) {
	t.Parallel()
	for _, c := range violations() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.violation(r)
			failure, skipped := storetest.Try(t.Context(), c.rule, r.Fixture)
			switch {
			case skipped != "":
				t.Fatalf("the rule was skipped: %s", skipped)
			case failure == nil:
				t.Fatalf("the rule %q was kept", c.rule)
			case failure.Rule != c.rule || failure.Says == "" || failure.Did == "" || failure.Why == "":
				t.Errorf("the failure does not tell the story: %+v", failure)
			}
			if file, line, ok := strings.Cut(failure.Line, ".go:"); !ok || line == "" || file == "rule" || file == "trial" {
				t.Errorf("found at %q, which is no line of a rule", failure.Line)
			}
		})
	}
	t.Run("take time", func(t *testing.T) {
		t.Parallel()
		for _, c := range slowViolations {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					c.violation(r)
					if failure, _ := storetest.Try(t.Context(), c.rule, r.Fixture); failure == nil {
						t.Errorf("the rule %q was kept", c.rule)
					}
					time.Sleep(time.Hour) // of the bubble: what was left behind comes to its end
				})
			})
		}
	})
}

// A rule that no store breaks might as well not be there.
func TestEveryRuleHasAViolation(t *testing.T) {
	t.Parallel()
	broken := map[string]bool{}
	for _, c := range append(violations(), slowViolations...) {
		broken[c.rule] = true
	}
	seen := map[string]bool{}
	for _, r := range storetest.Rules() {
		if !broken[r.Name] {
			t.Errorf("no violation breaks the rule %q", r.Name)
		}
		if seen[r.Name] {
			t.Errorf("two rules are called %q", r.Name)
		}
		seen[r.Name] = true
		if r.Says == "" || r.Why == "" {
			t.Errorf("the rule %q does not say what it is for", r.Name)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	t.Run("names each rule that is broken", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.Store = override{Store: r.Store, revoke: func(context.Context, string, time.Time) error { return nil }}
		err := storetest.Check(t.Context(), r.Fixture)
		if _, ok := errors.AsType[*storetest.Failure](err); !ok {
			t.Fatalf("got %v, want a Failure", err)
		}
		for _, rule := range []string{"RevokeSession is committed when it returns", "AdvanceSession refuses a revoked session"} {
			if !strings.Contains(err.Error(), rule) {
				t.Errorf("%v\ndoes not name %q", err, rule)
			}
		}
		if strings.Contains(err.Error(), "CreateSession keeps all of a session") {
			t.Errorf("%v\nnames a rule that was kept", err)
		}
	})
	t.Run("tells the whole story", func(t *testing.T) {
		t.Parallel()
		got := (&storetest.Failure{Rule: "R", Says: "S", Did: "D", Why: "W", Line: "l.go:1"}).Error()
		want := "storetest: R\n    the contract says: S\n    the store did:     D\n    why it matters:    W\n    found at:          l.go:1"
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("wants a Store", func(t *testing.T) {
		t.Parallel()
		err := storetest.Check(t.Context(), storetest.Fixture{})
		if err == nil || !strings.Contains(err.Error(), "Fixture.Store is nil") {
			t.Errorf("got %v", err)
		}
	})
}

func TestSkips(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rule, because string
		without       func(f *storetest.Fixture)
	}{
		"rules for keys, without keys": {
			"CreateAPIKey has exactly one winner", "needs Fixture.APIKeys",
			func(f *storetest.Fixture) { f.APIKeys = nil },
		},
		"rules for users whom the host refuses, when it refuses none": {
			"Authenticate refuses in the host's words only who has the right password", "needs Fixture.Refuse",
			func(f *storetest.Fixture) { f.Refuse = nil },
		},
		"rules for clients, without clients": {
			"Client returns the client", "needs Fixture.Clients and Fixture.SetClient",
			func(f *storetest.Fixture) { f.Clients = nil },
		},
		"rules for clients, when none can be registered": {
			"A restart forgets no client", "needs Fixture.Clients and Fixture.SetClient",
			func(f *storetest.Fixture) { f.SetClient = nil },
		},
		"rules for a client that was taken out, when none can be": {
			"Client says ErrNotFound of one that may no longer be used", "needs Fixture.RemoveClient",
			func(f *storetest.Fixture) { f.RemoveClient = nil },
		},
		"rules for the deny list, without one": {
			"DenySession puts a session on the list", "needs Fixture.Revocations",
			func(f *storetest.Fixture) { f.Revocations = nil },
		},
		"rules for a restart, when there is none": {
			"A restart forgets no session", "needs Fixture.Reopen",
			func(f *storetest.Fixture) { f.Reopen = nil },
		},
		"rules for a password that changes, when none can": {
			"Authenticate returns the version of the row that it verified", "needs Fixture.SetPassword: whether a session that is opened",
			func(f *storetest.Fixture) { f.SetPassword = nil },
		},
		"rules for a hash that is renewed, when none is": {
			"A renewed hash keeps the CredentialVersion", "needs Fixture.AddUserToRenew: whether a login",
			func(f *storetest.Fixture) { f.AddUserToRenew = nil },
		},
		"rules for versions, when the host keeps none": {
			"A session keeps its CredentialVersion", "User.CredentialVersion is empty, so the host does not track it",
			untracked,
		},
		"rules for an outage, when there is none": {
			"A lost connection is no answer", "needs Fixture.Break: whether the store says ErrNotFound",
			func(f *storetest.Fixture) { f.Break = nil },
		},
		"rules for a sweep, when the store makes none": {
			"DeleteExpiredSessions deletes some at a time", "Fixture.ForgetsExpired: the store has nothing to delete",
			func(f *storetest.Fixture) { f.ForgetsExpired = true },
		},
		"rules for users, without users": {
			"User returns the user", "needs Fixture.AddUser",
			func(f *storetest.Fixture) { f.AddUser = nil },
		},
		"rules for users who are locked out, when the fixture cannot lock out": {
			"User says ErrNotFound of who is locked out", "needs Fixture.LockOut",
			func(f *storetest.Fixture) { f.LockOut = nil },
		},
		"rules for a user whom the host would not have": {
			"Authenticate does not trim the password", "Fixture.AddUser makes no such user: no spaces, please",
			func(f *storetest.Fixture) { f.AddUser = refusing(f.AddUser, " ", "no spaces, please") },
		},
		"rules for look-alike logins, when the host has none": {
			"Authenticate keeps look-alike logins apart", "Fixture.AddUser makes no two users with look-alike logins",
			onlyOneLogin,
		},
		"rules for scopes of a user, when there are none": {
			"A user's scopes belong to the caller", "Fixture.AddUser makes no user with scopes",
			func(f *storetest.Fixture) {
				add := f.AddUser
				f.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
					u.Scopes = nil
					return add(ctx, u, password)
				}
			},
		},
		"rules for the expired, when it is forgotten": {
			"No method looks at a clock", "Fixture.ForgetsExpired: nothing is known of an expired session",
			func(f *storetest.Fixture) { f.ForgetsExpired = true },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tt.without(&r.Fixture)
			failure, skipped := storetest.Try(t.Context(), tt.rule, r.Fixture)
			if failure != nil || !strings.HasPrefix(skipped, tt.because) {
				t.Errorf("got %v, %q", failure, skipped)
			}
			if err := storetest.Check(t.Context(), r.Fixture); err != nil {
				t.Error(err)
			}
		})
	}
}

type addUser = func(context.Context, store.User, string) (store.User, error)

// untracked is a host from before there were versions: neither its users nor its
// sessions have any.
func untracked(f *storetest.Fixture) {
	conforming := f.Store
	f.Store = override{
		Store: conforming,
		authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			u, err := conforming.Authenticate(ctx, login, password)
			u.CredentialVersion = ""
			return u, err
		},
		user: func(ctx context.Context, id string) (store.User, error) {
			u, err := conforming.User(ctx, id)
			u.CredentialVersion = ""
			return u, err
		},
		create: func(ctx context.Context, s store.Session) error {
			s.CredentialVersion = ""
			return conforming.CreateSession(ctx, s)
		},
	}
}

// refusing makes no users with this in their password.
func refusing(add addUser, part, why string) addUser {
	return func(ctx context.Context, u store.User, password string) (store.User, error) {
		if strings.Contains(password, part) {
			return store.User{}, fmt.Errorf("%s: %w", why, errors.ErrUnsupported)
		}
		return add(ctx, u, password)
	}
}

// onlyOneLogin makes the first user only whose login is not plain ASCII.
func onlyOneLogin(f *storetest.Fixture) {
	add, made := f.AddUser, false
	f.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
		if strings.ContainsAny(u.Login, "éßABC 🔑🔒\u0301") {
			if made {
				return store.User{}, errors.ErrUnsupported
			}
			made = true
		}
		return add(ctx, u, password)
	}
}

// TestRunFails runs this very test in another process, where it fails.
func TestRunFails(t *testing.T) {
	if os.Getenv("STORETEST_FAILS") != "" {
		storetest.Run(t, func(t *testing.T) storetest.Fixture {
			t.Helper()
			r := newRig(t)
			r.APIKeys = nil
			r.Store = override{Store: r.Store, revoke: func(context.Context, string, time.Time) error { return nil }}
			return r.Fixture
		})
		return
	}
	t.Parallel()
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunFails$", "-test.v") //nolint:gosec // ourselves
	self.Env = append(os.Environ(), "STORETEST_FAILS=1")
	out, err := self.CombinedOutput()
	if err == nil {
		t.Error("the store was passed")
	}
	for _, line := range []string{
		"--- FAIL: TestRunFails/RevokeSession_is_committed_when_it_returns",
		"the contract says: It is committed when RevokeSession returns nil.",
		"why it matters:    the user was told",
		"found at:          revoke.go:",
		"--- PASS: TestRunFails/CreateSession_keeps_all_of_a_session",
		"--- SKIP: TestRunFails/CreateAPIKey_keeps_all_of_a_key",
		"needs Fixture.APIKeys",
	} {
		if !strings.Contains(string(out), line) {
			t.Errorf("the output has no line %q:\n%s", line, out)
		}
	}
}
