package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		t.Helper()
		return openStore(t, filepath.Join(t.TempDir(), "shop.db"))
	})
}

func openStore(t *testing.T, file string) storetest.Fixture {
	t.Helper()
	db, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, hasher: hasher}
	return storetest.Fixture{
		Store: s, AddUser: s.Register, LockOut: s.Block,
		Many:   5000, // each a commit that waits for the disk
		Reopen: func(context.Context) (storetest.Fixture, error) { return openStore(t, file), db.Close() },
	}
}
