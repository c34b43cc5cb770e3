package main

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// openMemory keeps the sessions where the users are.
func openMemory(_ context.Context, _ options, users store.Users) (*place, error) {
	s, ok := users.(*memstore.Store)
	if !ok {
		return nil, errors.New("the users are not in memory")
	}
	return &place{
		Store: s, server: "memstore",
		fill: func(ctx context.Context, n int, created time.Time) error { return fillMemory(ctx, s, n, created) },
		size: func(context.Context) (int64, error) {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			runtime.KeepAlive(s)
			return int64(m.HeapAlloc), nil //nolint:gosec // no heap is that large
		},
		settle: func(context.Context) error { return nil },
		close:  func(context.Context) error { return nil },
	}, nil
}

func fillMemory(ctx context.Context, s *memstore.Store, n int, created time.Time) error {
	for i := range n {
		err := s.CreateSession(ctx, store.Session{
			ID: rand.Text()[:22], UserID: rand.Text(), ClientID: "web", Generation: 1, CreatedAt: created, AdvancedAt: created,
			IdleUntil: created.Add(idle - time.Duration(i)*(apart/time.Duration(n))), ExpiresAt: created.Add(lifetime), Label: "Firefox on Linux",
		})
		if err != nil {
			return err
		}
	}
	return nil
}
