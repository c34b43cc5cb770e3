package passwords_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// megabyte hashes in 1 MiB, so that hashes can be counted by the memory that they
// take: argon2 takes it anew for each.
var megabyte = passwords.Config{Memory: 1 << 10, Time: 1, InsecureParameters: true, Concurrent: 1, Queue: 1}

// counted is how many hashes of megabyte something takes. No test that calls it
// is parallel: the counter is the whole process's.
func counted(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) >> 20)
}

func TestFaultA5EveryRefusalTakesTheWorkOfACurrentHash(t *testing.T) { //nolint:paralleltest // see counted
	h := newHasher(t, megabyte)
	current := hash(t, h, "right")
	less := hash(t, newHasher(t, passwords.Config{Memory: 512, Time: 1, InsecureParameters: true}), "right")
	const accented = "caf\u00e9" // two tries: as it is, and decomposed

	unknown := func(password string) int {
		return counted(func() {
			if err := h.VerifyUnknown(t.Context(), password); !errors.Is(err, passwords.ErrMismatch) {
				t.Errorf("VerifyUnknown = %v, want ErrMismatch", err)
			}
		})
	}
	verify := func(encoded, password string, want error) int {
		return counted(func() {
			if _, err := h.Verify(t.Context(), encoded, password); !errors.Is(err, want) {
				t.Errorf("Verify = %v, want %v", err, want)
			}
		})
	}
	for password, want := range map[string]int{"wrong": 1, accented: 2, strings.Repeat("x", 4097): 0} {
		if got := unknown(password); got != want {
			t.Errorf("an unknown login with a password of %d bytes takes %d hashes, want %d", len(password), got, want)
		}
		if got := verify(current, password, passwords.ErrMismatch); got != want {
			t.Errorf("a wrong password of %d bytes takes %d hashes, want %d", len(password), got, want)
		}
		for name, encoded := range unreadable {
			format := passwords.ErrFormat
			if want == 0 {
				format = passwords.ErrMismatch
			}
			if got := verify(encoded, password, format); got != want {
				t.Errorf("%s, with a password of %d bytes, takes %d hashes, want %d", name, len(password), got, want)
			}
		}
		if got := verify(less, password, passwords.ErrMismatch); got < want {
			t.Errorf("a hash by fewer KiB takes %d hashes, want %d or more", got, want)
		}
	}
	seen := map[string]bool{}
	for _, v := range foreign(t) {
		if _, work := passwords.Cost(v.Hash); work > 20_000 || seen[v.System+v.Form] {
			continue
		}
		seen[v.System+v.Form] = true
		if got := verify(v.Hash, "wrong", passwords.ErrMismatch); got < 1 {
			t.Errorf("%s %s: a wrong password takes less than a current hash", v.System, v.Form)
		}
		if got := verify(v.Hash, accented, passwords.ErrMismatch); got < 2 {
			t.Errorf("%s %s: a wrong password that can be written in two ways takes less than two current hashes", v.System, v.Form)
		}
	}
}
