package redisstore_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// BenchmarkMemory tells what a session takes on the server, with its place in
// its user's list.
func BenchmarkMemory(b *testing.B) {
	client := dial(b, redistest.URL(b))
	s := open(b, client, redisstore.Config{Prefix: redistest.Prefix(b, client)})
	var bytes int64
	for b.Loop() {
		session := newSession("5f2b8e0c-7d0e-4b5e-9a55-1c7f0a2d9e11")
		session.Label = "Firefox on Linux"
		if err := s.CreateSession(b.Context(), session); err != nil {
			b.Fatal(err)
		}
	}
	keys := redistest.Keys(b, client, "sallyport-test-")
	for _, key := range keys {
		bytes += client.MemoryUsage(b.Context(), key, 0).Val()
	}
	b.ReportMetric(float64(bytes)/float64(len(keys)-1), "B/session")
}

func BenchmarkAdvanceSession(b *testing.B) {
	s := open(b, dial(b, redistest.URL(b)), redisstore.Config{})
	session := created(b, s, "ada")
	for b.Loop() {
		if err := advance(b.Context(), s, session); err != nil {
			b.Fatal(err)
		}
		session.Generation++
	}
}

// BenchmarkSessionDenied tells how many questions to the deny list a server answers to
// many callers at once. Each request with an access token asks one.
func BenchmarkSessionDenied(b *testing.B) {
	s := open(b, dial(b, redistest.URL(b)), redisstore.Config{Timeout: 30 * time.Second})
	if err := s.DenySession(b.Context(), "denied", time.Now().Add(time.Hour)); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if denied, err := s.SessionDenied(b.Context(), "denied"); err != nil || !denied {
				b.Errorf("%t, %v", denied, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "questions/s")
}
