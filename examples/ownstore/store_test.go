package main

import (
	"context"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlrows"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		t.Helper()
		return openStore(t, filepath.Join(t.TempDir(), "shop.db"))
	})
}

// A host that has a table of users needs no more lines than these for a Store.
func TestAStoreTakesAtMostAHundredLinesOfCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("store.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	var tokens scanner.Scanner
	file := files.AddFile("store.go", files.Base(), len(text))
	tokens.Init(file, text, nil, 0) // without comments
	lines := map[int]bool{}
	for {
		at, kind, literal := tokens.Scan()
		if kind == token.EOF {
			break
		}
		for n := range 1 + strings.Count(literal, "\n") { // a statement in SQL has many
			if literal != "\n" || n == 0 { // a semicolon that the scanner adds at the end of a line
				lines[file.Line(at)+n] = true
			}
		}
	}
	if got := len(lines); got < 50 || got > 100 {
		t.Errorf("store.go has %d lines of code, want at most 100", got)
	}
}

func openStore(t *testing.T, file string) storetest.Fixture {
	t.Helper()
	db, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	// A third of the default's work. Any less, and the suite skips the rule that an
	// unknown login takes about the same work.
	hasher, err := passwords.New(passwords.Config{Memory: 12 << 10, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	outdated, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, hasher: hasher}
	return storetest.Fixture{
		Store: s, AddUser: s.Register, LockOut: s.Block,
		SetPassword: s.ChangePassword,
		AddUserToRenew: func(ctx context.Context, u store.User, password string) (store.User, error) {
			hash, err := outdated.Hash(ctx, password)
			if err != nil {
				return u, err
			}
			_, err = sqlrows.Exec(ctx, s.db, `INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1)`,
				u.ID, u.Login, hash, u.Account, u.Tier, u.Seats, strings.Join(u.Scopes, " "))
			return u, err
		},
		Many:   1000, // each a commit that waits for the disk
		Reopen: func(context.Context) (storetest.Fixture, error) { return openStore(t, file), db.Close() },
	}
}
