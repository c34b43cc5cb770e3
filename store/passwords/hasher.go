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
	// ErrMismatch says that a password is not the one that a hash was made of.
	ErrMismatch = errors.New("passwords: wrong password")

	// ErrBusy says that too many hashes are running and waiting, and that nothing
	// was done. Such an error has a method RetryAfter() time.Duration: how long
	// the queue takes until all who are in it are served. In HTTP it is 503 with
	// that Retry-After.
	ErrBusy = errors.New("passwords: too many hashes at once")

	// ErrFormat says that a stored string is not a hash that this package reads,
	// or that its parameters are out of bounds. At a login it counts as a wrong
	// password; the host must repair the row.
	ErrFormat = errors.New("passwords: not a readable hash")

	// ErrTooLong says that a password has more than 4096 bytes.
	ErrTooLong = errors.New("passwords: a password of more than 4096 bytes")
)

// maxPassword keeps a request from being expensive by its length alone.
const maxPassword = 4096

// Hasher makes and verifies hashes of passwords. Any number of goroutines may
// use it at once; a process has one, since each counts its own hashes.
//
// No error of a Hasher has a password, a hash or a part of either in it.
type Hasher struct {
	params  argon2Params
	prefix  string  // what all current hashes begin with
	unknown string  // a current hash, of no password
	asTyped bool    // passwords are bytes
	pepper  *string // of bcrypt; a pointer, so that printing a Hasher does not print it
	queue   *queue
}

// New returns a Hasher, or an error that names all that is wrong with c at once.
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

// WithCaller returns a context that tells a Hasher on whose behalf it hashes: the
// client's address and the login that was typed, as far as they are known. It
// shares its time out among addresses and among logins, so that the many
// requests of one do not delay those of the others. An IPv4 address counts by
// itself, an IPv6 address with its whole /48, and a login without regard to case.
//
// An Authority of package tokens does this for every login. A host needs it where
// it calls a Hasher itself for somebody who is not authenticated: to register a
// user, say. Calls of which nothing is told share what one address has.
func WithCaller(ctx context.Context, address netip.Addr, login string) context.Context {
	return caller.With(ctx, address, login)
}

// Hash returns a new argon2id hash of password, with a salt of its own, to be
// stored as it is: 97 bytes of ASCII, by the default parameters, which are in it.
// Unless Config.AsTyped is set, it is a hash of the password's normal form.
//
// ErrTooLong if the password has more than 4096 bytes, at once; ErrBusy if too
// many callers wait. When ctx is done before it is Hash's turn, it returns an
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

// Verify returns nil if encoded is a hash of password, and ErrMismatch if it is
// a hash of another.
//
// renew says, of a password that matches, that the hash was made otherwise than
// Hash would make it now: with another scheme, other parameters, a salt or key of
// another size, or of another form of the password. The caller then stores a new
// Hash of the password, and accepts the login whether or not that works: it may be
// ErrBusy.
//
// Unless Config.AsTyped is set, a password that is not ASCII is tried as it was
// typed, and then in its normal form or, if it was typed in that, decomposed: two
// tries at most, in one turn of the queue, and as many for an unknown login.
//
// ErrFormat if encoded is no hash that can be read: an empty string, a mark such
// as "!", an unknown scheme, parameters out of bounds. It comes after the same
// work as ErrMismatch, and a caller who logs in is to see no difference. A
// mismatch takes at least the work of one current hash, whatever the scheme; that
// of another scheme, or of an argon2 hash that costs more, takes its own on top.
//
// ErrMismatch comes at once for a password of more than 4096 bytes (as in
// VerifyUnknown): the work is done for passwords only that somebody could have.
// ErrBusy if too many callers wait. When ctx is done before it is Verify's turn,
// it returns an error that wraps ctx's. No other error means that the password is
// wrong.
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

// read is parse, with what the Config says of the row's scheme.
func (h *Hasher) read(encoded string) (stored, error) {
	row, err := parse(encoded)
	if b, ok := row.(bcryptHash); ok && b.prepare == nil {
		b.pepper = *h.pepper
		return b, err
	}
	return row, err
}

// spend does the work of a current hash for each of the tries.
func (h *Hasher) spend(tries []string) {
	for _, try := range tries {
		_ = h.params.hash(try)
	}
}

// VerifyUnknown does what Verify does with a wrong password and a current hash,
// and never returns nil. Call it for a login that does not exist, or that has no
// password: a refusal then takes as long as it does for one that has.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	if _, err := h.Verify(ctx, h.unknown, password); err != nil {
		return err
	}
	return ErrMismatch // the password happens to be one for 256 random bits
}

// current reports whether encoded, which parse has read, is as Hash would make
// it now.
func (h *Hasher) current(encoded string) bool {
	rest, ok := strings.CutPrefix(encoded, h.prefix)
	salt, key, _ := strings.Cut(rest, "$")
	return ok && len(salt) == b64.EncodedLen(saltSize) && len(key) == b64.EncodedLen(keySize)
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b) // never fails, says its documentation
	return b
}
