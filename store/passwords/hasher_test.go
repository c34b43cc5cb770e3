package passwords_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// cheap is a Config for tests that do not care what a hash costs.
var cheap = passwords.Config{Memory: 64, Time: 1, InsecureParameters: true, Concurrent: 4, Queue: 1 << 10}

func newHasher(tb testing.TB, c passwords.Config) *passwords.Hasher {
	tb.Helper()
	h, err := passwords.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func hash(t *testing.T, h *passwords.Hasher, password string) string {
	t.Helper()
	encoded, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestHashMatchesItsPasswordAndNoOther(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	shape := regexp.MustCompile(`^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)

	for name, password := range map[string]string{
		"of 64 characters":        strings.Repeat("correct horse battery staple, ok", 2),
		"of 4096 bytes":           strings.Repeat("x", 4096),
		"of four-byte characters": "🏰🗝🐎😀",
		"of 72 bytes and more":    strings.Repeat("🗝", 20),
		"with spaces around it":   "  two  ",
		"with what forms escape":  "&+% &amp;%20+=",
		"with a NUL byte":         "a\x00b",
		"with no valid UTF-8":     "\xff\xfe",
		"that looks like a hash":  "$argon2id$v=19$m=64,t=1,p=1$",
		"that is empty":           "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded := hash(t, h, password)
			if !shape.MatchString(encoded) {
				t.Errorf("the hash is %s, want %s", encoded, shape)
			}
			if renew, err := h.Verify(t.Context(), encoded, password); renew || err != nil {
				t.Errorf("Verify = %t, %v, want false, nil", renew, err)
			}
			for _, other := range []string{password + "x", password + "\x00", " " + password, strings.ToUpper(password) + "!"} {
				if _, err := h.Verify(t.Context(), encoded, other); !errors.Is(err, passwords.ErrMismatch) {
					t.Errorf("Verify of another password = %v, want ErrMismatch", err)
				}
			}
		})
	}
}

func TestTwoHashesOfOnePasswordDiffer(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	if a, b := hash(t, h, "same"), hash(t, h, "same"); a == b {
		t.Errorf("both are %s: they have no salt of their own", a)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	now := passwords.Config{Memory: 128, Time: 2, Threads: 2, InsecureParameters: true}
	h := newHasher(t, now)

	for name, test := range map[string]struct {
		made func(c *passwords.Config)
		want bool
	}{
		"a hash as it is made now stays":           {func(*passwords.Config) {}, false},
		"another bound on concurrency is the same": {func(c *passwords.Config) { c.Concurrent, c.Queue = 1, 1 }, false},
		"one with less memory is renewed":          {func(c *passwords.Config) { c.Memory = 64 }, true},
		"one with more memory is renewed":          {func(c *passwords.Config) { c.Memory = 256 }, true},
		"one of fewer passes is renewed":           {func(c *passwords.Config) { c.Time = 1 }, true},
		"one of other threads is renewed":          {func(c *passwords.Config) { c.Threads = 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			then := now
			test.made(&then)
			encoded := hash(t, newHasher(t, then), "secret")
			if renew, err := h.Verify(t.Context(), encoded, "secret"); renew != test.want || err != nil {
				t.Errorf("Verify = %t, %v, want %t, nil", renew, err, test.want)
			}
			if renew, err := h.Verify(t.Context(), encoded, "wrong"); renew || !errors.Is(err, passwords.ErrMismatch) {
				t.Errorf("Verify of a wrong password = %t, %v, want false, ErrMismatch", renew, err)
			}
		})
	}
}

func TestPasswordsThatAreTooLong(t *testing.T) {
	t.Parallel()
	h := newHasher(t, narrow)
	long := strings.Repeat("x", 4097)

	// No place is free and none gets free: none of these may want one.
	encoded := hash(t, h, "x")
	if err := h.Occupy(t.Context()); err != nil {
		t.Fatal(err)
	}

	if _, err := h.Hash(t.Context(), long); !errors.Is(err, passwords.ErrTooLong) {
		t.Errorf("Hash = %v, want ErrTooLong", err)
	}
	if _, err := h.Verify(t.Context(), encoded, long); !errors.Is(err, passwords.ErrMismatch) {
		t.Errorf("Verify = %v, want ErrMismatch", err)
	}
	if err := h.VerifyUnknown(t.Context(), long); !errors.Is(err, passwords.ErrMismatch) {
		t.Errorf("VerifyUnknown = %v, want ErrMismatch", err)
	}
}

func TestUnknownLoginIsAWrongPassword(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	for _, password := range []string{"", "x", strings.Repeat("x", 4096)} {
		if err := h.VerifyUnknown(t.Context(), password); !errors.Is(err, passwords.ErrMismatch) {
			t.Errorf("VerifyUnknown = %v, want ErrMismatch", err)
		}
	}

	known := hash(t, h, "x")
	if params := known[:strings.LastIndex(known[:len(known)-44], "$")]; !strings.HasPrefix(h.Unknown(), params) || len(h.Unknown()) != len(known) {
		t.Errorf("unknown logins are verified against %s, known ones against %s", h.Unknown(), known)
	}
}

// Argon2 takes its memory anew for each hash, which is how its work can be seen
// from without. Not parallel: the counter is the whole process's.
func TestWorkIsDoneOrNotAtAll(t *testing.T) { //nolint:paralleltest // see above
	synctest.Test(t, func(t *testing.T) {
		const kib = 8 << 10
		c := passwords.Config{Memory: kib, Time: 1, InsecureParameters: true, Concurrent: 1, Queue: 1}
		free, full := newHasher(t, c), newHasher(t, c)
		encoded := hash(t, free, "right")
		malicious := strings.Replace(encoded, "m=8192", "m=4294967295", 1)
		long := strings.Repeat("x", 4097)

		ctx, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		for range 2 { // one has the place, the other waits for it
			go func() { _ = full.Occupy(ctx) }()
		}
		synctest.Wait()

		verify := func(ctx context.Context, h *passwords.Hasher, encoded, password string) error {
			_, err := h.Verify(ctx, encoded, password)
			return err
		}
		for _, test := range []struct {
			name string
			do   func() error
			work bool
			want error
		}{
			{"a right password", func() error { return verify(t.Context(), free, encoded, "right") }, true, nil},
			{"a wrong password", func() error { return verify(t.Context(), free, encoded, "wrong") }, true, passwords.ErrMismatch},
			{"an unknown login", func() error { return free.VerifyUnknown(t.Context(), "wrong") }, true, passwords.ErrMismatch},
			{"a new hash", func() error { _, err := free.Hash(t.Context(), "right"); return err }, true, nil},
			{"a full queue", func() error { return verify(t.Context(), full, encoded, "right") }, false, passwords.ErrBusy},
			{"a full queue, for an unknown login", func() error { return full.VerifyUnknown(t.Context(), "x") }, false, passwords.ErrBusy},
			{"a context that is done", func() error { return verify(cancelled(t), free, encoded, "right") }, false, context.Canceled},
			{"a hash with parameters out of bounds", func() error { return verify(t.Context(), free, malicious, "right") }, true, passwords.ErrFormat},
			{"a password that is too long", func() error { return verify(t.Context(), free, encoded, long) }, false, passwords.ErrMismatch},
			{"one for an unknown login", func() error { return free.VerifyUnknown(t.Context(), long) }, false, passwords.ErrMismatch},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := test.do()
			runtime.ReadMemStats(&after)

			if !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v", test.name, err, test.want)
			}
			took := (after.TotalAlloc - before.TotalAlloc) >> 10
			if test.work && (took < kib || took > kib+kib/4) {
				t.Errorf("%s takes %d KiB, want one hash's: %d and little more", test.name, took, kib)
			}
			if !test.work && took > kib/4 {
				t.Errorf("%s takes %d KiB, want next to nothing", test.name, took)
			}
		}
	})
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestNothingThatIsPrintedHasThePassword(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	const password = "hunter2-hunter2"
	encoded := hash(t, h, password)
	salt := strings.Split(encoded, "$")[4]

	_, mismatch := h.Verify(t.Context(), encoded, password+"x")
	_, format := h.Verify(t.Context(), strings.Replace(encoded, "t=1", "t=0", 1), password)
	_, done := h.Verify(cancelled(t), encoded, password)
	_, long := h.Hash(t.Context(), strings.Repeat(password, 1000))
	printed := fmt.Sprintf("%v %+v %#v %v %v %v %v", h, h, h, mismatch, format, done, long)
	for _, secret := range []string{password, salt} {
		if strings.Contains(printed, secret) {
			t.Errorf("%q is in %s", secret, printed)
		}
	}
}
