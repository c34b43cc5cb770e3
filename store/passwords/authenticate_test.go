package passwords_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	h, old := newHasher(t, cheap), newHasher(t, passwords.Config{Memory: 32, Time: 1, InsecureParameters: true})
	ada := store.User{ID: "u1", Login: "ada", CredentialVersion: "7"}
	errDown := errors.New("the database is down")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	current, outdated := hash(t, h, "right"), hash(t, old, "right")
	for name, tt := range map[string]struct {
		ctx      context.Context
		password string
		encoded  string
		lookup   error
		want     error // nil: Ada logs in
		renews   bool
	}{
		"the right password logs in":                               {t.Context(), "right", current, nil, nil, false},
		"the hash of another scheme is renewed":                    {t.Context(), "right", outdated, nil, nil, true},
		"a wrong password is a bad credential":                     {t.Context(), "wrong", current, nil, store.ErrBadCredentials, false},
		"a wrong password does not renew":                          {t.Context(), "wrong", outdated, nil, store.ErrBadCredentials, false},
		"an unknown login is a bad credential":                     {t.Context(), "right", "", store.ErrNotFound, store.ErrBadCredentials, false},
		"an unknown login may be wrapped":                          {t.Context(), "right", "", fmt.Errorf("users: %w", store.ErrNotFound), store.ErrBadCredentials, false},
		"an unknown login does not log in with what was found":     {t.Context(), "right", current, store.ErrNotFound, store.ErrBadCredentials, false},
		"a hash that cannot be read is a bad credential":           {t.Context(), "right", "!", nil, store.ErrBadCredentials, false},
		"a failed look-up is no fact about the password":           {t.Context(), "right", current, errDown, errDown, false},
		"a context that is done is no fact about the password":     {cancelled, "right", current, nil, context.Canceled, false},
		"a context that is done is no fact about an unknown login": {cancelled, "right", "", store.ErrNotFound, context.Canceled, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user, renewed, err := h.Authenticate(tt.ctx, tt.password, ada, tt.encoded, tt.lookup)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if (err == nil) != (user.ID == ada.ID && user.CredentialVersion == "7") {
				t.Errorf("the user is %+v, and the error %v", user, err)
			}
			if (renewed != "") != tt.renews {
				t.Errorf("the new hash is %q", renewed)
			}
			if tt.want != nil && !errors.Is(tt.want, store.ErrBadCredentials) && errors.Is(err, store.ErrBadCredentials) {
				t.Errorf("%v counts as a wrong password", err)
			}
			if tt.renews {
				if renew, err := h.Verify(t.Context(), renewed, tt.password); renew || err != nil {
					t.Errorf("the new hash: %v, %v", renew, err)
				}
			}
		})
	}
}

func TestAuthenticateReportsAHashThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, _, err := newHasher(t, cheap).Authenticate(t.Context(), "right", store.User{ID: "u1"}, "{noop}right", nil)
	fault, ok := errors.AsType[*store.FaultError](err)
	if !ok || fault.UserID != "u1" || !errors.Is(err, passwords.ErrFormat) {
		t.Errorf("got %v, want a FaultError of the user", err)
	}
}

func TestFaultA5AuthenticateTakesTheSameWorkForEachRefusal(t *testing.T) { //nolint:paralleltest // see counted
	h := newHasher(t, megabyte)
	current := hash(t, h, "right")
	for name, tt := range map[string]struct {
		encoded string
		lookup  error
	}{
		"a wrong password":            {current, nil},
		"an unknown login":            {"", store.ErrNotFound},
		"a hash that cannot be read":  {"!", nil},
		"a login that is locked out":  {current, store.ErrNotFound},
		"a user without any password": {"", nil},
	} {
		if got := counted(func() {
			if _, _, err := h.Authenticate(t.Context(), "wrong", store.User{ID: "u1"}, tt.encoded, tt.lookup); !errors.Is(err, store.ErrBadCredentials) {
				t.Errorf("%s: %v", name, err)
			}
		}); got != 1 {
			t.Errorf("%s takes %d hashes, want 1", name, got)
		}
	}
}
