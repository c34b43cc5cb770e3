package memstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestSetPassword(t *testing.T) {
	t.Parallel()
	s := withAda(t, memstore.Config{})
	if err := s.SetPassword(t.Context(), "u1", "new"); err != nil {
		t.Fatal(err)
	}
	opensOnly(t, s, "new", adas)
}

// opensOnly checks which of two passwords lets ada in.
func opensOnly(t *testing.T, s *memstore.Store, right, wrong string) {
	t.Helper()
	if _, err := s.Authenticate(t.Context(), "ada", right); err != nil {
		t.Errorf("Authenticate with %q: %v", right, err)
	}
	if _, err := s.Authenticate(t.Context(), "ada", wrong); !errors.Is(err, store.ErrBadCredentials) {
		t.Errorf("Authenticate with %q: got %v, want ErrBadCredentials", wrong, err)
	}
}

// withOldHash is withAda, with a hash by older parameters.
func withOldHash(t *testing.T) (s *memstore.Store, old string) {
	t.Helper()
	s = withAda(t, memstore.Config{})
	old, err := quick(t, 128).Hash(t.Context(), adas)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetHash(t.Context(), "u1", old); err != nil {
		t.Fatal(err)
	}
	return s, old
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	t.Run("an old hash is replaced at the login", func(t *testing.T) {
		t.Parallel()
		s, old := withOldHash(t)
		opensOnly(t, s, adas, "wrong")
		renewed := s.Hash("u1")
		if renewed == old || !strings.Contains(renewed, "m=64,") {
			t.Errorf("the hash was %s and is %s", old, renewed)
		}
		opensOnly(t, s, adas, "wrong")
		if s.Hash("u1") != renewed {
			t.Error("a current hash was replaced as well")
		}
	})
	t.Run("a wrong password replaces nothing", func(t *testing.T) {
		t.Parallel()
		s, old := withOldHash(t)
		if _, err := s.Authenticate(t.Context(), "ada", "wrong"); !errors.Is(err, store.ErrBadCredentials) {
			t.Error(err)
		}
		if s.Hash("u1") != old {
			t.Error("the hash was replaced")
		}
	})
	t.Run("a renewal that fails does not fail the login", func(t *testing.T) {
		t.Parallel()
		failed := 0
		for looks := range mostLooks {
			s, old := withOldHash(t)
			ctx, cancel := context.WithCancel(t.Context())
			_, err := s.Authenticate(&lookedAt{ctx, looks, cancel}, "ada", adas)
			cancel()
			if err == nil && s.Hash("u1") == old {
				failed++
			}
			if err != nil && (isSentinel(err) || !errors.Is(err, context.Canceled)) {
				t.Errorf("at look %d: %v", looks, err)
			}
			opensOnly(t, s, adas, "wrong")
		}
		if failed == 0 {
			t.Error("no renewal has failed")
		}
	})
	t.Run("a renewal never undoes a new password", func(t *testing.T) {
		t.Parallel()
		for looks := range mostLooks {
			s, _ := withOldHash(t)
			ctx := &lookedAt{t.Context(), looks, func() {
				if err := s.SetPassword(t.Context(), "u1", "new"); err != nil {
					t.Error(err)
				}
			}}
			if _, err := s.Authenticate(ctx, "ada", adas); err != nil && !errors.Is(err, store.ErrBadCredentials) {
				t.Errorf("at look %d: %v", looks, err)
			}
			if ctx.looks < 0 {
				opensOnly(t, s, "new", adas)
			}
		}
	})
}

func TestAuthenticateRace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meanwhile func(ctx context.Context, s *memstore.Store) error
		late      error // what the login gets
	}{
		"a user who is removed while their password is verified stays outside": {
			func(ctx context.Context, s *memstore.Store) error { return s.RemoveUser(ctx, "u1") },
			store.ErrBadCredentials,
		},
		"a login that becomes another's is not taken for theirs": {
			func(ctx context.Context, s *memstore.Store) error {
				return errors.Join(s.RemoveUser(ctx, "u1"), s.AddUser(ctx, store.User{ID: "u2", Login: "ada"}, "another"))
			},
			store.ErrBadCredentials,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for looks := range mostLooks {
				s := withAda(t, memstore.Config{})
				ctx := &lookedAt{t.Context(), looks, func() {
					if err := tt.meanwhile(t.Context(), s); err != nil {
						t.Error(err)
					}
				}}
				_, err := s.Authenticate(ctx, "ada", adas)
				if ctx.looks < 0 && !errors.Is(err, tt.late) {
					t.Errorf("at look %d: got %v, want %v", looks, err, tt.late)
				}
			}
		})
	}
}

func TestAuthenticateFailsWhenBusy(t *testing.T) {
	t.Parallel()
	for who, login := range map[string]string{"a user": "ada", "somebody unknown": "unknown"} {
		t.Run("when too many log in at once as "+who, func(t *testing.T) {
			t.Parallel()
			h, err := passwords.New(passwords.Config{Concurrent: 1, Queue: 1})
			if err != nil {
				t.Fatal(err)
			}
			s := withAda(t, memstore.Config{Passwords: h})
			errs := make(chan error, 16)
			var callers sync.WaitGroup
			for range cap(errs) {
				callers.Go(func() {
					_, err := s.Authenticate(t.Context(), login, "wrong")
					errs <- err
				})
			}
			callers.Wait()
			close(errs)
			busy := 0
			for err := range errs {
				if errors.Is(err, passwords.ErrBusy) && !isSentinel(err) {
					busy++
				} else if !errors.Is(err, store.ErrBadCredentials) {
					t.Error(err)
				}
			}
			if busy == 0 {
				t.Error("no login was rejected with ErrBusy")
			}
		})
	}
}

func TestFaultA5AHashThatCannotBeReadIsAWrongPasswordAndAFault(t *testing.T) {
	t.Parallel()
	for _, encoded := range []string{"", "!", "!CGzPpIoEXSVGyNV8C9eXU0Qh1xh6Jg1nMLeZNOTP", "{noop}" + adas, "$y$j9T$a$b", "$2b$31$" + strings.Repeat("a", 53)} {
		t.Run(encoded, func(t *testing.T) {
			t.Parallel()
			s := withAda(t, memstore.Config{})
			if err := s.SetHash(t.Context(), "u1", encoded); err != nil {
				t.Fatal(err)
			}
			_, err := s.Authenticate(t.Context(), "ada", adas)
			if !errors.Is(err, store.ErrBadCredentials) || !errors.Is(err, passwords.ErrFormat) {
				t.Errorf("got %v, want ErrBadCredentials because of ErrFormat", err)
			}
			fault, ok := errors.AsType[*store.FaultError](err)
			if !ok || fault.UserID != "u1" || fault.Field != "password hash" {
				t.Fatalf("got %#v, want a FaultError that names the user and the field", err)
			}
			if encoded != "" && encoded != "!" && strings.Contains(err.Error(), encoded) {
				t.Errorf("the hash is in %q", err)
			}
			if s.Hash("u1") != encoded {
				t.Error("the hash was replaced")
			}
		})
	}
}

func TestFaultC12WeakHashesAreRenewedAtTheFirstLogin(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../passwords/testdata/foreign.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ System, Form, By, Password, Hash, Pepper string }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range all {
		if v.Pepper != "" || seen[v.Form] || strings.Contains(v.Form, "crypt") || strings.Contains(v.Form, "pbkdf2") {
			continue // the slow ones are strong, and no different here
		}
		seen[v.Form] = true
		t.Run(v.System+" "+v.Form, func(t *testing.T) {
			t.Parallel()
			s := withAda(t, memstore.Config{})
			if err := s.SetHash(t.Context(), "u1", v.Hash); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Authenticate(t.Context(), "ada", v.Password); err != nil {
				t.Fatal(err)
			}
			if renewed := s.Hash("u1"); !strings.HasPrefix(renewed, "$argon2id$v=19$m=64,") {
				t.Errorf("after the first login the hash is %s", renewed)
			}
			if _, err := s.Authenticate(t.Context(), "ada", v.Password); err != nil {
				t.Errorf("the second login: %v", err)
			}
		})
	}
}
