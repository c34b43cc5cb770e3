package main

import (
	"path/filepath"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openStore)
}

func openStore(t *testing.T) storetest.Fixture {
	t.Helper()
	db, err := open(t.Context(), filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, hasher: hasher}
	return storetest.Fixture{Store: s, AddUser: s.Register, LockOut: s.Block}
}
