package passwords

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrMismatch says that a password is not the one that a hash was made of.
	ErrMismatch = errors.New("passwords: wrong password")

	// ErrBusy says that as many hashes are running and waiting as may, and that
	// nothing was done. It is worth another try in a second: in HTTP, 503 with
	// Retry-After.
	ErrBusy = errors.New("passwords: too many hashes at once")

	// ErrFormat says that a stored string is not a hash that this package reads,
	// or that its parameters are out of bounds.
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
	prefix  string // what all current hashes begin with
	unknown string // a current hash, of no password
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
		queue:   newQueue(c.Concurrent, c.Queue, uint64(c.TotalMemory)),
	}, nil
}

// Hash returns a new argon2id hash of password, with a salt of its own, to be
// stored as it is: 97 bytes of ASCII, by the default parameters, which are in it.
//
// ErrTooLong if the password has more than 4096 bytes, ErrBusy if too many
// callers wait already, both at once. When ctx is done before it is Hash's turn,
// it returns an error that wraps ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > maxPassword {
		return "", ErrTooLong
	}
	memory := uint64(h.params.memory)
	if err := h.queue.enter(ctx, memory); err != nil {
		return "", err
	}
	defer h.queue.leave(memory)
	return h.params.hash(password), nil
}

// Verify returns nil if encoded is a hash of password, and ErrMismatch if it is
// a hash of another.
//
// renew says, of a password that matches, that the hash was made otherwise than
// Hash would make it now: with another scheme, other parameters, or a salt or
// key of another size. The caller then stores a new Hash of the password, and
// lets the user in whether or not that works: it may be ErrBusy.
//
// ErrFormat comes at once, and so do ErrBusy, and ErrMismatch for a password of
// more than 4096 bytes (as in VerifyUnknown): the work is done for passwords
// only that somebody could have. A user without a password is not ErrFormat's
// business: call VerifyUnknown. When ctx is done before it is Verify's turn, it
// returns an error that wraps ctx's. No other error means that the password is
// wrong.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (renew bool, err error) {
	if len(password) > maxPassword {
		return false, ErrMismatch
	}
	row, err := parse(encoded)
	if err != nil {
		return false, err
	}
	if err := h.queue.enter(ctx, row.kib()); err != nil {
		return false, err
	}
	defer h.queue.leave(row.kib())

	ok, err := row.match(password)
	if err != nil {
		return false, fmt.Errorf("passwords: %w", err)
	}
	if !ok {
		return false, ErrMismatch
	}
	return !h.current(encoded), nil
}

// VerifyUnknown does what Verify does with a wrong password and a current hash,
// and never returns nil. Call it for a login that does not exist, or that has no
// password: a refusal then takes as long as it does for one that has.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	if _, err := h.Verify(ctx, h.unknown, password); err != nil {
		return err
	}
	return ErrMismatch // somebody guessed 256 random bits
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
