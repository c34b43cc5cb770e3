package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"; any other one would do

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlrows"
)

//go:embed schema.sql
var schema string

// open opens a database file, and makes the tables that it has not.
func open(ctx context.Context, file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: url.Values{
		"_pragma": {
			"journal_mode(WAL)",  // who reads does not wait for who writes
			"synchronous(FULL)",  // what was committed is on the disk
			"busy_timeout(5000)", // who writes waits for who writes, 5 s
			"foreign_keys(1)",    // SQLite's default is off
		},
		// A transaction that begins by reading and goes on to write would not wait:
		// it fails at once if another one has written meanwhile.
		"_txlock": {"immediate"},
	}.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // SQLite has one writer; to queue for it here is fairer than to poll
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("schema: %w", err), db.Close())
	}
	return db, nil
}

// Register is how the shop has always made its users. It returns them as the
// Store will.
func (s *Store) Register(ctx context.Context, u store.User, password string) (store.User, error) {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	return u, sqlrows.Insert(ctx, s.db, `INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1) ON CONFLICT DO NOTHING`,
		u.ID, u.Login, hash, u.Account, u.Tier, u.Seats, strings.Join(u.Scopes, " "))
}

// ChangePassword is how the shop has always done it, but for the version, which
// changes in the same statement. The sessions that the old password has opened
// end with a call of the Authority's PasswordChanged afterwards.
func (s *Store) ChangePassword(ctx context.Context, id, password string) error {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	rows, err := sqlrows.Exec(ctx, s.db, `UPDATE users SET password_hash = ?, login_version = login_version + 1 WHERE id = ?`, hash, id)
	if err == nil && rows == 0 {
		return store.ErrNotFound
	}
	return err
}

// Block is how the shop gets rid of them. Their sessions end by themselves: no
// refresh finds the user.
func (s *Store) Block(ctx context.Context, id string) error {
	_, err := sqlrows.Exec(ctx, s.db, `UPDATE users SET blocked = 1, login_version = login_version + 1 WHERE id = ?`, id)
	return err
}
