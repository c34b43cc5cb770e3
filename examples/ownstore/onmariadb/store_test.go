package onmariadb //nolint:testpackage // users are added as the host does, in its own tables

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlrows"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	dsn := mariadbtest.Database(t)
	db, err := sql.Open("mysql", dsn+"&multiStatements=true")
	must(t, err)
	_, err = db.ExecContext(t.Context(), Schema)
	must(t, errors.Join(err, db.Close()))
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		t.Helper()
		return open(t, dsn)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dsn string) storetest.Fixture {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	must(t, err)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { _ = db.Close() })
	s := &Store{db: db, hasher: hasher(t, 128)}
	add := func(h *passwords.Hasher) func(ctx context.Context, u store.User, password string) (store.User, error) {
		return func(ctx context.Context, u store.User, password string) (store.User, error) {
			hash, err := h.Hash(ctx, password)
			if err != nil {
				return u, err
			}
			return u, sqlrows.Insert(ctx, db, `INSERT IGNORE INTO users (id, login, password_hash, account, tier, seats, scopes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				u.ID, u.Login, hash, u.Account, u.Tier, u.Seats, strings.Join(u.Scopes, " "))
		}
	}
	return storetest.Fixture{
		Store: s, AddUser: add(s.hasher), AddUserToRenew: add(hasher(t, 64)),
		LockOut: func(ctx context.Context, id string) error {
			_, err := sqlrows.Exec(ctx, db, `UPDATE users SET blocked = 1, version = version + 1 WHERE id = ?`, id)
			return err
		},
		SetPassword: func(ctx context.Context, id, password string) error {
			hash, err := s.hasher.Hash(ctx, password)
			if err != nil {
				return err
			}
			_, err = sqlrows.Exec(ctx, db, `UPDATE users SET password_hash = ?, version = version + 1 WHERE id = ?`, hash, id)
			return err
		},
		Reopen: func(context.Context) (storetest.Fixture, error) { return open(t, dsn), db.Close() },
		Many:   500, Batch: 200, // each a commit that waits for the disk
	}
}

func hasher(t *testing.T, memory uint32) *passwords.Hasher {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: memory, Time: 1, Threads: 1, InsecureParameters: true})
	must(t, err)
	return h
}
