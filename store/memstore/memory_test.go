package memstore_test

import (
	"crypto/rand"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// BenchmarkMemory says what a session takes, each of another user, with all that
// belongs to it: strings, scopes, maps and the order of expiry.
func BenchmarkMemory(b *testing.B) {
	const sessions = 200_000
	for b.Loop() {
		s := open(b, memstore.Config{})
		before := heap()
		for range sessions {
			now := time.Now()
			create(b, s, store.Session{
				ID: rand.Text(), UserID: rand.Text(), ClientID: "web", Scopes: []string{"articles:read", "articles:write"},
				Generation: 1, CreatedAt: now, AdvancedAt: now, IdleUntil: now.Add(720 * time.Hour), ExpiresAt: now.Add(2160 * time.Hour),
				Label: "Firefox on Linux " + rand.Text(),
			})
		}
		b.ReportMetric(float64(heap()-before)/sessions, "B/session")
		runtime.KeepAlive(s)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSessions is what each call costs among a hundred thousand sessions.
func BenchmarkSessions(b *testing.B) {
	s := open(b, memstore.Config{})
	now := time.Now()
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = rand.Text()
		n := session(ids[i], 0)
		n.UserID, n.IdleUntil, n.ExpiresAt = ids[i], now.Add(time.Hour+time.Duration(i)*time.Second), now.Add(2160*time.Hour)
		create(b, s, n)
	}
	b.Run("Session", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := s.Session(b.Context(), ids[i%len(ids)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("AdvanceSession", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			from := int64(1 + i/len(ids))
			if err := s.AdvanceSession(b.Context(), ids[i%len(ids)], from, now, now.Add(720*time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CreateSession", func(b *testing.B) {
		for b.Loop() {
			n := session(rand.Text(), 0)
			n.UserID, n.IdleUntil, n.ExpiresAt = n.ID, now, now // forgotten by the next
			create(b, s, n)
		}
	})
}
