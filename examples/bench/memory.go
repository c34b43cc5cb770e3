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
		fill: func(ctx context.Context, n int) error { return fillMemory(ctx, s, n) },
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

func fillMemory(ctx context.Context, s *memstore.Store, n int) error {
	now := time.Now()
	for i := range n {
		err := s.CreateSession(ctx, store.Session{
			ID: rand.Text()[:22], UserID: rand.Text(), ClientID: "web", Generation: 1, CreatedAt: now, AdvancedAt: now,
			IdleUntil: now.Add(30*24*time.Hour - time.Duration(i)*time.Second), ExpiresAt: now.Add(90 * 24 * time.Hour), Label: "Firefox on Linux",
		})
		if err != nil {
			return err
		}
	}
	return nil
}
