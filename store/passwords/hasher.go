package passwords

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport-go/sallyport/internal/caller"
)

var (
	// ErrMismatch means that the hash was not made from this password.
	ErrMismatch = errors.New("passwords: wrong password")

	// ErrBusy means that too many hashes are running and waiting, and that nothing
	// was done. Such an error has a method RetryAfter() time.Duration: how long the
	// queue takes until all who are in it are served. In HTTP it is 503 with that
	// Retry-After.
	ErrBusy = errors.New("passwords: too many hashes at once")

	// ErrFormat means that a stored string is not a hash that this package reads, or
	// that its parameters are out of bounds. A login with it must be answered as a
	// wrong password; the host must repair the row.
	ErrFormat = errors.New("passwords: not a readable hash")

	// ErrTooLong means that a password has more than 4096 bytes.
	ErrTooLong = errors.New("passwords: a password of more than 4096 bytes")
)

// maxPassword limits the cost of a request by its length, in bytes.
const maxPassword = 4096

// Hasher makes and verifies hashes of passwords. Create it with [New]. It is safe
// for concurrent use. A process should have one, because each limits only its own
// hashes.
//
// No error of a Hasher contains a password, a hash or a part of either.
type Hasher struct {
	params  argon2Params
	prefix  string  // the beginning of all current hashes
	unknown string  // a current hash, of no password
	asTyped bool    // Config.AsTyped
	pepper  *string // Config.BcryptPepper; a pointer, so that printing a Hasher does not print it
	queue   *queue
}

// New returns a Hasher. It starts no goroutine.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field.
func New(c Config) (*Hasher, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	params := argon2Params{memory: c.Memory, time: c.Time, threads: c.Threads}
	return &Hasher{
		params:  params,
		prefix:  params.prefix(),
		unknown: params.encode(random(saltSize), random(keySize)),
		asTyped: c.AsTyped,
		pepper:  &c.BcryptPepper,
		queue:   newQueue(c, params.usual()),
	}, nil
}

// WithCaller returns a context that tells a Hasher for whom it hashes: the
// client's address and the login that was typed. The Hasher shares its turns out
// among addresses and among logins, so that many requests of one do not delay
// those of others. An IPv4 address counts by itself, an IPv6 address with its
// whole /48, and a login without regard to case. A zero address or an empty login
// means that it is not known.
//
// An Authority of package tokens does this for each login. A host needs it if it
// calls a Hasher itself for an unauthenticated caller, for example to register a
// user. Calls with a context without a caller share the turns of one address.
func WithCaller(ctx context.Context, address netip.Addr, login string) context.Context {
	return caller.With(ctx, address, login)
}

// Hash returns a new argon2id hash of password, with a salt of its own. Store it
// unchanged: it has its parameters in it, and with the default ones it is 97
// bytes of ASCII. Unless Config.AsTyped is set, it is a hash of the password's
// normalized form.
//
// Hash returns ErrTooLong at once if the password has more than 4096 bytes, and
// ErrBusy if too many callers wait. If ctx is done before its turn, it returns an
// error that wraps ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > maxPassword {
		return "", ErrTooLong
	}
	if !h.asTyped {
		password = opaque(password)
	}
	t, err := h.queue.enter(ctx, uint64(h.params.memory))
	if err != nil {
		return "", err
	}
	defer h.queue.leave(t)
	return h.params.hash(password), nil
}

// Verify returns nil if encoded is a hash of password, and ErrMismatch if it is a
// hash of another.
//
// renew is true if the password matches and Hash would now make a different hash:
// with another scheme, other parameters, a salt or key of another size, or of
// another form of the password. The caller should then store a new Hash of the
// password, and accept the login even if that fails: it may be ErrBusy.
//
// Unless Config.AsTyped is set, a password that is not ASCII is tried as it was
// typed and then once more: in its normalized form or, if it was typed in that,
// in its decomposed form. The same number of tries is made for an unknown login.
//
// ErrFormat means that encoded cannot be read: it is an empty string, a mark such
// as "!", an unknown scheme, or has parameters out of bounds. It comes after the
// same work as ErrMismatch; the answer to a login must be the same too. A
// mismatch takes at least the work of one current hash, whatever the scheme. A
// hash of another scheme, or an argon2 hash that costs more, takes its own work
// in addition.
//
// A password of more than 4096 bytes gets ErrMismatch at once, here and in
// VerifyUnknown: no user can have it. Verify returns ErrBusy if too many callers
// wait. If ctx is done before its turn, it returns an error that wraps ctx's.
// Only ErrMismatch means that the password is wrong.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (renew bool, err error) {
	if len(password) > maxPassword {
		return false, ErrMismatch
	}
	row, unreadable := h.read(encoded)
	memory := uint64(h.params.memory)
	if unreadable == nil {
		memory = max(memory, row.kib())
	}
	t, err := h.queue.enter(ctx, memory)
	if err != nil {
		return false, err
	}
	defer h.queue.leave(t)

	tries := []string{password}
	if !h.asTyped {
		tries = spellings(password)
	}
	if unreadable != nil {
		h.spend(tries)
		return false, unreadable
	}
	for _, try := range tries {
		switch ok, err := row.match(try); {
		case err != nil:
			return false, fmt.Errorf("passwords: %w", err)
		case ok:
			return !h.current(encoded) || !h.asTyped && try != opaque(password), nil
		}
	}
	if !row.covers(h.params) {
		h.spend(tries)
	}
	return false, ErrMismatch
}

// read is parse, with the pepper of the Config.
func (h *Hasher) read(encoded string) (stored, error) {
	row, err := parse(encoded)
	if b, ok := row.(bcryptHash); ok && b.prepare == nil {
		b.pepper = *h.pepper
		return b, err
	}
	return row, err
}

// spend does the work of one current hash for each try.
func (h *Hasher) spend(tries []string) {
	for _, try := range tries {
		_ = h.params.hash(try)
	}
}

// VerifyUnknown does the work of Verify with a wrong password and a current hash,
// and never returns nil. Call it for a login that does not exist or has no
// password, so that its rejection takes as long as that of a wrong password. It
// returns ErrMismatch, ErrBusy, or an error that wraps ctx's.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	if _, err := h.Verify(ctx, h.unknown, password); err != nil {
		return err
	}
	return ErrMismatch // the password matched 256 random bits by chance
}

// current reports whether encoded, which parse has read, has the form of a new
// hash.
func (h *Hasher) current(encoded string) bool {
	rest, ok := strings.CutPrefix(encoded, h.prefix)
	salt, key, _ := strings.Cut(rest, "$")
	return ok && len(salt) == b64.EncodedLen(saltSize) && len(key) == b64.EncodedLen(keySize)
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b) // never fails, by its documentation
	return b
}
