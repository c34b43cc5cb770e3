package onbbolt //nolint:testpackage // users are added as the host does, in its own tables

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		t.Helper()
		return open(t, filepath.Join(hosttest.MemoryFolder(t), "shop.db"))
	})
}

func open(t *testing.T, file string) storetest.Fixture {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := Open(db, hasher(t, 128))
	if err != nil {
		t.Fatal(err)
	}
	add := func(h *passwords.Hasher) func(ctx context.Context, u store.User, password string) (store.User, error) {
		return func(ctx context.Context, u store.User, password string) (store.User, error) {
			hash, err := h.Hash(ctx, password)
			if err != nil {
				return u, err
			}
			u.CredentialVersion = "1"
			return u, s.update(ctx, func(tx *bbolt.Tx) error {
				if tx.Bucket(users).Get([]byte(u.ID)) != nil || tx.Bucket(logins).Get([]byte(u.Login)) != nil {
					return store.ErrConflict
				}
				if err := tx.Bucket(logins).Put([]byte(u.Login), []byte(u.ID)); err != nil {
					return err
				}
				return put(tx.Bucket(users), []byte(u.ID), account{User: u, Hash: hash})
			})
		}
	}
	next := func(a *account) {
		n, _ := strconv.Atoi(a.CredentialVersion)
		a.CredentialVersion = strconv.Itoa(n + 1)
	}
	return storetest.Fixture{
		Store: s, AddUser: add(s.hasher), AddUserToRenew: add(hasher(t, 64)),
		LockOut: func(ctx context.Context, id string) error {
			return s.change(ctx, id, func(a *account) { a.Blocked = true; next(a) })
		},
		SetPassword: func(ctx context.Context, id, password string) error {
			hash, err := s.hasher.Hash(ctx, password)
			if err != nil {
				return err
			}
			return s.change(ctx, id, func(a *account) { a.Hash = hash; next(a) })
		},
		Reopen: func(context.Context) (storetest.Fixture, error) {
			if err := db.Close(); err != nil {
				return storetest.Fixture{}, err
			}
			return open(t, file), nil
		},
		Many: 500, Batch: 200,
	}
}

func hasher(t *testing.T, memory uint32) *passwords.Hasher {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: memory, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}
