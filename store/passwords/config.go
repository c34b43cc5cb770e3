package passwords

import (
	"runtime"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
)

const (
	defaultMemory  = 19456 // KiB; with the next two, OWASP's first choice for argon2id
	defaultTime    = 2
	defaultThreads = 1

	defaultTotalMemory = 256 << 10 // KiB

	waitingPerPlace = 16
	leastWaiting    = 128
	maxPlaces       = 1 << 20
	maxWaiting      = 1 << 16
)

// Config configures a [Hasher]: the cost of a hash, and how many run at once. The
// zero value is safe to use.
type Config struct {
	// Memory is the memory of one argon2id hash, in KiB (RFC 9106 §3.1). Zero:
	// 19456.
	//
	// Together with Time it must reach one of OWASP's minimums: 47104 KiB at Time 1,
	// 19456 at 2, 12288 at 3, 9216 at 4, 7168 at 5 or more. At most 262144, and at
	// most 1048576 when multiplied by Time.
	Memory uint32

	// Time is the number of passes that argon2id makes over the memory. Its limits
	// are those of Memory. Zero: 2.
	Time uint32

	// Threads is the number of threads of one argon2id hash, at most 64. Concurrent
	// counts hashes, not threads. Zero: 1.
	Threads uint8

	// InsecureParameters allows Memory and Time below OWASP's minimums, down to 8
	// KiB for each thread. It is for tests, whose hashes protect no password. False:
	// such parameters are an error of New.
	InsecureParameters bool

	// Concurrent is how many hashes run at once, at most 1048576. Zero: GOMAXPROCS
	// less one, but at least one. That leaves one core to the requests that do not
	// hash.
	Concurrent int

	// TotalMemory is how much memory the running hashes may use together, in KiB. A
	// new hash uses Memory; an older hash that is verified uses what its own
	// parameters say. A hash that does not fit waits in the queue; a hash that needs
	// more than TotalMemory runs alone. Memory that Go has not collected yet is not
	// counted. Zero: 262144, which is 256 MiB.
	TotalMemory uint32

	// Queue is how many callers may wait while Concurrent hashes are running, at
	// most 65536. If one more comes, a caller of the address or the login that holds
	// the most places gets ErrBusy. Zero: 16 for each hash that may run, and at
	// least 128. With one core and the default parameters, 128 callers are served
	// within three seconds.
	Queue int

	// AsTyped takes passwords byte for byte. False: Hash normalizes a password to
	// the OpaqueString form of RFC 8265 §4.2.2 (each space is the ASCII one, and the
	// text is in Unicode's Normalization Form C, as NIST SP 800-63B §3.1.1.2
	// recommends), and Verify tries a password first as it was typed and then in
	// another form. Users whose devices write "é" in two different ways need that. A
	// password of ASCII has only one form. See [Hasher.Verify].
	AsTyped bool

	// BcryptPepper is what Devise (Ruby on Rails) calls config.pepper: it is
	// appended to a password before a hash that begins with "$2" is verified. No new
	// hash has it. It is a secret: read it from where the host keeps its keys. Other
	// systems whose hashes begin with "$2" have none. Empty: no pepper.
	BcryptPepper string

	// Now is the clock that measures hashes, for the RetryAfter of an ErrBusy. It
	// must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time
}

// ConfigError is one invalid field of a [Config].
type ConfigError = configerror.Error

// floors are the minimums of OWASP, in the order of their time. OWASP calls them
// equivalent.
var floors = [...]struct{ time, memory uint32 }{{1, 47104}, {2, 19456}, {3, 12288}, {4, 9216}, {5, 7168}}

func (c Config) withDefaults() Config {
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Time == 0 {
		c.Time = defaultTime
	}
	if c.Threads == 0 {
		c.Threads = defaultThreads
	}
	if c.Concurrent == 0 {
		c.Concurrent = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.TotalMemory == 0 {
		c.TotalMemory = defaultTotalMemory
	}
	if c.Queue == 0 && c.Concurrent > 0 {
		c.Queue = max(leastWaiting, min(c.Concurrent, maxWaiting/waitingPerPlace)*waitingPerPlace)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// check returns all defects of a Config that has its defaults.
func (c Config) check() error {
	found := configcheck.List{Package: "passwords"}
	wrong := found.At("Config.")

	switch least := c.leastMemory(); {
	case c.Memory > maxArgon2Memory:
		wrong("Memory", "must be %d KiB at most, got %d", maxArgon2Memory, c.Memory)
	case c.Memory < least:
		wrong("Memory", "must be %d KiB or more with Time %d and Threads %d, got %d", least, c.Time, c.Threads, c.Memory)
	}
	if work := uint64(c.Memory) * uint64(c.Time); work > maxArgon2Work {
		wrong("Time", "must be such that Memory times Time is %d KiB at most, got %d", maxArgon2Work, work)
	}
	if c.Threads > maxArgon2Threads {
		wrong("Threads", "must be %d at most, got %d", maxArgon2Threads, c.Threads)
	}
	if c.Concurrent < 0 || c.Concurrent > maxPlaces {
		wrong("Concurrent", "must be 1 to %d, or 0 for the default, got %d", maxPlaces, c.Concurrent)
	}
	if c.Queue < 0 || c.Queue > maxWaiting {
		wrong("Queue", "must be 1 to %d, or 0 for the default, got %d", maxWaiting, c.Queue)
	}
	return found.Err()
}

// leastMemory returns the minimum memory for Time and Threads, in KiB.
func (c Config) leastMemory() uint32 {
	least := argon2MemoryPerThread * uint32(c.Threads) // argon2's own minimum
	if c.InsecureParameters {
		return least
	}
	floor := floors[min(int(c.Time), len(floors))-1]
	return max(least, floor.memory)
}
