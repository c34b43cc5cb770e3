// Package onbbolt is a store.Store on bbolt, a key-value store in one file.
package onbbolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// The buckets: users by their ID, the IDs of users by their logins, sessions by their
// ID, and the IDs of sessions by user and time, and by the time of their end.
var (
	users, logins    = []byte("users"), []byte("logins")
	sessions         = []byte("sessions")
	byUser, byTheEnd = []byte("sessions by user"), []byte("sessions by their end")
)

// Store keeps users and sessions. Write transactions of bbolt exclude each other, so
// what is read in one is still so when it is written.
type Store struct {
	db     *bbolt.DB
	hasher *passwords.Hasher
}

var _ store.Store = (*Store)(nil)

// Open returns a Store on a database of bbolt.
func Open(db *bbolt.DB, hasher *passwords.Hasher) (*Store, error) {
	return &Store{db, hasher}, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{users, logins, sessions, byUser, byTheEnd} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// account is a user and the hash of their password.
type account struct {
	store.User

	Hash    string
	Blocked bool
}

// Authenticate verifies the hash outside of any transaction, since it takes long.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	var found account
	err := s.view(ctx, func(tx *bbolt.Tx) error { return active(tx, tx.Bucket(logins).Get([]byte(login)), &found) })
	u, renewed, err := s.hasher.Authenticate(ctx, password, found.User, found.Hash, err)
	if renewed != "" {
		_ = s.change(ctx, u.ID, func(a *account) {
			if a.Hash == found.Hash {
				a.Hash = renewed
			}
		})
	}
	return u, err
}

// User returns the user as they are now.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	var found account
	err := s.view(ctx, func(tx *bbolt.Tx) error { return active(tx, []byte(id), &found) })
	return found.User, err
}

// active gets a user who is not blocked.
func active(tx *bbolt.Tx, id []byte, into *account) error {
	if err := get(tx.Bucket(users), id, into); err != nil {
		return err
	}
	if into.Blocked {
		*into = account{}
		return store.ErrNotFound
	}
	return nil
}

// change changes a user.
func (s *Store) change(ctx context.Context, id string, change func(*account)) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		var a account
		if err := get(tx.Bucket(users), []byte(id), &a); err != nil {
			return err
		}
		change(&a)
		return put(tx.Bucket(users), []byte(id), a)
	})
}

// CreateSession adds a session and its places in the two orders.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		if tx.Bucket(sessions).Get([]byte(n.ID)) != nil {
			return store.ErrConflict
		}
		if err := tx.Bucket(byUser).Put(place(n), []byte(n.ID)); err != nil {
			return err
		}
		return write(tx, store.Session{}, n)
	})
}

// Session returns a session.
func (s *Store) Session(ctx context.Context, id string) (found store.Session, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error { return get(tx.Bucket(sessions), []byte(id), &found) })
	return found, err
}

// AdvanceSession reads and writes the session in one transaction.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		var old store.Session
		if err := get(tx.Bucket(sessions), []byte(id), &old); err != nil {
			return err
		}
		next, err := old.Advanced(from, at, idleUntil)
		if err != nil {
			return err
		}
		return write(tx, old, next)
	})
}

// RevokeSession ends a session, if there is one.
func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	if err := store.CheckRevocation(at); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		var old store.Session
		err := get(tx.Bucket(sessions), []byte(id), &old)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return write(tx, old, old.Revoked(at))
	})
}

// UserSessions reads a page from the newest to the oldest.
func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) (page []store.Session, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return each(tx, userID, func(n store.Session) (more bool, err error) {
			if n.RevokedAt.IsZero() && !after.Passed(n.CreatedAt, n.ID) {
				page = append(page, n)
			}
			return len(page) < limit, nil
		})
	})
	return page, err
}

// RevokeUserSessions ends the sessions and collects them in one transaction.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) (ids []string, err error) {
	if err := store.CheckRevocation(at); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		return each(tx, userID, func(n store.Session) (more bool, err error) {
			if n.ID == except {
				return true, nil
			}
			ended := n.Revoked(at)
			if !ended.RevokedAt.Before(since) {
				ids = append(ids, n.ID)
			}
			return true, write(tx, n, ended)
		})
	})
	return ids, err
}

// DeleteExpiredSessions deletes a thousand in a transaction.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (gone int, err error) {
	for {
		n := 0
		err := s.update(ctx, func(tx *bbolt.Tx) error {
			ends := tx.Bucket(byTheEnd)
			for key, id := ends.Cursor().First(); key != nil && n < 200; key, id = ends.Cursor().First() {
				var old store.Session
				if err := get(tx.Bucket(sessions), id, &old); err != nil {
					return err
				}
				if old.EndsAt().After(before) {
					return nil
				}
				for bucket, key := range map[string][]byte{string(sessions): id, string(byUser): place(old), string(byTheEnd): end(old)} {
					if err := tx.Bucket([]byte(bucket)).Delete(bytes.Clone(key)); err != nil {
						return err
					}
				}
				n++
			}
			return nil
		})
		if err != nil {
			return gone, err
		}
		gone += n
		if n < 200 {
			return gone, nil
		}
	}
}

// each calls do for the sessions of a user, the newest first.
func each(tx *bbolt.Tx, userID string, do func(store.Session) (more bool, err error)) error {
	prefix := append([]byte(userID), 0) // no ID has a zero byte
	c := tx.Bucket(byUser).Cursor()
	last := c.Prev
	if next, _ := c.Seek(append([]byte(userID), 1)); next == nil {
		last = c.Last
	}
	for key, id := last(); bytes.HasPrefix(key, prefix); key, id = c.Prev() {
		var n store.Session
		if err := get(tx.Bucket(sessions), id, &n); err != nil {
			return err
		}
		if more, err := do(n); err != nil || !more {
			return err
		}
	}
	return nil
}

// write replaces a session, and its place in the order of their ends.
func write(tx *bbolt.Tx, old, n store.Session) error {
	if err := tx.Bucket(byTheEnd).Delete(end(old)); err != nil {
		return err
	}
	if err := tx.Bucket(byTheEnd).Put(end(n), []byte(n.ID)); err != nil {
		return err
	}
	return put(tx.Bucket(sessions), []byte(n.ID), n)
}

// place and end are keys that sort by time.
func place(n store.Session) []byte {
	return append(instant(append([]byte(n.UserID), 0), n.CreatedAt), n.ID...)
}

func end(n store.Session) []byte { return append(instant(nil, n.EndsAt()), n.ID...) }

func instant(key []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(key, uint64(at.UnixMicro())^1<<63)
}

func get(b *bbolt.Bucket, key []byte, into any) error {
	found := b.Get(key)
	if found == nil {
		return store.ErrNotFound
	}
	return json.Unmarshal(found, into)
}

func put(b *bbolt.Bucket, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}

// view and update ask the context first: bbolt takes none.
func (s *Store) view(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(do)
}

func (s *Store) update(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(do)
}
