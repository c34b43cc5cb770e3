package passwords

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

const (
	saltSize = 16
	keySize  = 32

	argon2MemoryPerThread = 8 // KiB; RFC 9106 §3.1
	maxArgon2Memory       = 256 << 10
	maxArgon2Work         = 1 << 20 // KiB of memory times passes
	maxArgon2Threads      = 64
)

// argon2Params are the parameters of an argon2 hash.
type argon2Params struct {
	memory, time uint32
	threads      uint8
}

// prefix returns the beginning of a PHC string with these parameters.
func (p argon2Params) prefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, p.memory, p.time, p.threads)
}

// hash returns a new hash of password.
func (p argon2Params) hash(password string) string {
	salt := random(saltSize)
	return p.encode(salt, p.derive(argon2.IDKey, password, salt, keySize))
}

func (p argon2Params) encode(salt, key []byte) string {
	return p.prefix() + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key)
}

// argon2Func is one of argon2's two variants, as x/crypto has them.
type argon2Func func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte

func (p argon2Params) derive(f argon2Func, password string, salt []byte, size int) []byte {
	return f([]byte(password), salt, p.time, p.memory, p.threads, uint32(size)) //nolint:gosec // size is keySize, or at most maxKey
}

// usual returns about how long a hash takes on a core of 2020.
func (p argon2Params) usual() time.Duration {
	const byDefault = 25 * time.Millisecond
	return time.Duration(p.work()) * byDefault / (defaultMemory * defaultTime) //nolint:gosec // 2^20 at most
}

func (p argon2Params) work() uint64 { return uint64(p.memory) * uint64(p.time) }

type argon2Hash struct {
	argon2Params
	secret

	variant argon2Func
}

func parseArgon2id(rest string) (stored, error) {
	h, err := parseArgon2(rest)
	h.variant = argon2.IDKey
	return h, err
}

func parseArgon2i(rest string) (stored, error) {
	h, err := parseArgon2(rest)
	h.variant = argon2.Key
	return h, err
}

// parseArgon2 reads v=19$m=19456,t=2,p=1$salt$key. A string without v= would be
// of version 16, which x/crypto does not support.
func parseArgon2(rest string) (argon2Hash, error) {
	rest, ok := strings.CutPrefix(rest, fmt.Sprintf("v=%d$", argon2.Version))
	if !ok {
		return argon2Hash{}, unreadable("argon2: not of version 19")
	}
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return argon2Hash{}, unreadable("argon2: must have parameters, salt and key")
	}
	ns, ok := numbers(fs[0], "m", "t", "p")
	if !ok {
		return argon2Hash{}, unreadable("argon2: must have the parameters m, t and p")
	}
	m, t, p := ns[0], ns[1], ns[2]
	if t < 1 || t > maxArgon2Work || p < 1 || p > maxArgon2Threads ||
		m < argon2MemoryPerThread*p || m > maxArgon2Memory || m*t > maxArgon2Work {
		return argon2Hash{}, unreadable("argon2: parameters out of bounds")
	}
	s, ok := decodeSecret(fs[1], fs[2], b64)
	if !ok {
		return argon2Hash{}, unreadable("argon2: salt or key malformed or out of bounds")
	}
	return argon2Hash{
		argon2Params: argon2Params{memory: uint32(m), time: uint32(t), threads: uint8(p)},
		secret:       s,
	}, nil
}

func (h argon2Hash) kib() uint64 { return uint64(h.memory) }

func (h argon2Hash) covers(p argon2Params) bool { return h.work() >= p.work() }

func (h argon2Hash) match(password string) (bool, error) {
	key := h.derive(h.variant, password, h.salt, len(h.key))
	return subtle.ConstantTimeCompare(key, h.key) == 1, nil
}
