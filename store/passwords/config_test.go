package passwords_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config passwords.Config
		want   []string // one line each, in this order
	}{
		"less than OWASP's minimum": {
			passwords.Config{Memory: 19455},
			[]string{"passwords: Config.Memory: must be 19456 KiB or more with Time 2 and Threads 1, got 19455"},
		},
		"one pass over memory that is enough for two": {
			passwords.Config{Time: 1},
			[]string{"passwords: Config.Memory: must be 47104 KiB or more with Time 1 and Threads 1, got 19456"},
		},
		"little memory, however many passes": {
			passwords.Config{Memory: 7167, Time: 99},
			[]string{"passwords: Config.Memory: must be 7168 KiB or more with Time 99 and Threads 1, got 7167"},
		},
		"less memory than argon2 has for its threads, in a test too": {
			passwords.Config{Memory: 15, Threads: 2, InsecureParameters: true},
			[]string{"passwords: Config.Memory: must be 16 KiB or more with Time 2 and Threads 2, got 15"},
		},
		"more memory than Verify would accept": {
			passwords.Config{Memory: 262145},
			[]string{"passwords: Config.Memory: must be 262144 KiB at most, got 262145"},
		},
		"more work than Verify would accept": {
			passwords.Config{Memory: 262144, Time: 5},
			[]string{"passwords: Config.Time: must be such that Memory times Time is 1048576 KiB at most, got 1310720"},
		},
		"work that overflows 32 bits": {
			passwords.Config{Memory: 65536, Time: 65536},
			[]string{"passwords: Config.Time: must be such that Memory times Time is 1048576 KiB at most, got 4294967296"},
		},
		"so many hashes at once that no queue holds them": {
			passwords.Config{Concurrent: int(^uint(0) >> 1)},
			[]string{"passwords: Config.Concurrent: must be 1 to 1048576"},
		},
		"all that is wrong, at once": {
			passwords.Config{Memory: 64, Time: 20000, Threads: 65, Concurrent: -1, Queue: -2},
			[]string{
				"passwords: Config.Memory: ",
				"passwords: Config.Time: ",
				"passwords: Config.Threads: must be 64 at most, got 65",
				"passwords: Config.Concurrent: must be 1 to 1048576, or 0 for the default, got -1",
				"passwords: Config.Queue: must be 1 to 65536, or 0 for the default, got -2",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := passwords.New(test.config)
			if err == nil || h != nil {
				t.Fatalf("New = %v, %v, want no Hasher and an error", h, err)
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(test.want) {
				t.Fatalf("New complains of %d things, want %d:\n%v", len(got), len(test.want), err)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], test.want[i]) {
					t.Errorf("complaint %d is %q, want %q", i, got[i], test.want[i])
				}
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]passwords.Config{
		"the zero value":              {},
		"OWASP's choice of one pass":  {Memory: 47104, Time: 1},
		"of three passes":             {Memory: 12288, Time: 3},
		"of four":                     {Memory: 9216, Time: 4},
		"of five":                     {Memory: 7168, Time: 5},
		"more of everything":          {Memory: 65536, Time: 3, Threads: 4, Concurrent: 7, Queue: 1},
		"the most of everything":      {Memory: 262144, Time: 4, Threads: 64, Concurrent: 1 << 20, Queue: 1 << 16},
		"next to nothing, for a test": {Memory: 8, Time: 1, InsecureParameters: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := passwords.New(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := passwords.Check(h.Unknown()); err != nil {
				t.Errorf("a hash by these parameters could not be read: %v", err)
			}
		})
	}
}

func TestTheZeroConfigIsTheDefault(t *testing.T) {
	t.Parallel()
	h, err := passwords.New(passwords.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "$argon2id$v=19$m=19456,t=2,p=1$"
	if encoded, err := h.Hash(t.Context(), "x"); err != nil || !strings.HasPrefix(encoded, want) {
		t.Errorf("Hash = %q, %v, want %s...", encoded, err, want)
	}
	spare := max(1, runtime.GOMAXPROCS(0)-1)
	if places, waiting := h.Sizes(); places != spare || waiting != max(128, 16*spare) {
		t.Errorf("%d places and %d waiting, want %d and %d", places, waiting, spare, max(128, 16*spare))
	}
}
