package tokens_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

const (
	racers     = 64
	raceRounds = 200
)

// P1. The clock of the bubble makes the latency of the store cost no time; that
// the callers do run at once on real processors is the second test's to see.
func TestRefreshRace(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond} {
		t.Run(fmt.Sprintf("of 64 callers with one token exactly one is let in, at %v a store call", latency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { raceStrict(t, latency) })
		})
		t.Run(fmt.Sprintf("within the grace 64 callers with one token get one successor, at %v a store call", latency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { raceGrace(t, latency) })
		})
	}
}

func TestRefreshRaceInParallel(t *testing.T) {
	t.Parallel()
	t.Run("of 64 callers with one token exactly one is let in", func(t *testing.T) {
		t.Parallel()
		raceStrict(t, 0)
	})
	t.Run("within the grace 64 callers with one token get one successor", func(t *testing.T) {
		t.Parallel()
		raceGrace(t, 0)
	})
}

// answer is what one racer got.
type answer struct {
	pair tokens.Pair
	err  error
}

// race lets all racers refresh one token at once.
func (r *fixture) race(t *testing.T, token tokens.Secret) []answer {
	t.Helper()
	answers := make([]answer, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			<-start
			p, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: token})
			answers[i] = answer{p, err}
		})
	}
	close(start)
	all.Wait()
	return answers
}

func raceFixture(t *testing.T, latency, grace time.Duration) *fixture {
	t.Helper()
	r := open(t, graceOf(grace), func(c *tokens.Config) { c.Now = time.Now })
	r.store.latency = latency
	return r
}

func raceStrict(t *testing.T, latency time.Duration) {
	t.Helper()
	r := raceFixture(t, latency, 0)
	for range raceRounds {
		first := r.login(t)
		r.journal.Take()
		var won []tokens.Pair
		reused := 0
		for _, a := range r.race(t, first.RefreshToken) {
			switch {
			case a.err == nil:
				won = append(won, a.pair)
			case errors.Is(a.err, tokens.ErrReused):
				reused++
			case !errors.Is(a.err, tokens.ErrRevokedRefresh):
				t.Fatalf("a loser got %v, want ErrReused or ErrRevokedRefresh", a.err)
			}
		}
		if len(won) != 1 || reused == 0 {
			t.Fatalf("%d callers were let in and %d were told of the reuse, want 1, and 1 or more", len(won), reused)
		}
		if n := len(r.journal.Take()); n != racers {
			t.Fatalf("there were %d events, want one a caller", n)
		}
		if s := r.store.row(t); s.Generation != 2 || s.RevokedAt.IsZero() {
			t.Fatalf("the session is %+v, want generation 2, revoked", s)
		}
		r.refused(t, won[0].RefreshToken, tokens.ErrRevokedRefresh)
		if t.Failed() {
			return
		}
	}
}

func raceGrace(t *testing.T, latency time.Duration) {
	t.Helper()
	r := raceFixture(t, latency, time.Minute)
	for range raceRounds {
		first := r.login(t)
		r.journal.Take()
		moved := 0
		names := map[string]bool{}
		answers := r.race(t, first.RefreshToken)
		for _, a := range answers {
			if a.err != nil {
				t.Fatalf("a caller got %v", a.err)
			}
			if a.pair.RefreshToken != answers[0].pair.RefreshToken {
				t.Fatal("two callers got different refresh tokens")
			}
			names[a.pair.Principal.TokenID] = true
			if !a.pair.Replayed {
				moved++
			}
		}
		if moved != 1 || len(names) != racers {
			t.Fatalf("%d callers moved the session and %d access tokens were made, want 1 and %d", moved, len(names), racers)
		}
		counts := map[events.Kind]int{}
		for _, e := range r.journal.Take() {
			counts[e.Kind]++
		}
		if counts[events.Refresh] != 1 || counts[events.Replay] != racers-1 {
			t.Fatalf("events = %v, want 1 refresh and %d replays", counts, racers-1)
		}
		if s := r.store.row(t); s.Generation != 2 || !s.RevokedAt.IsZero() {
			t.Fatalf("the session is %+v, want generation 2, live", s)
		}
		if next := r.refresh(t, answers[0].pair.RefreshToken); next.RefreshToken == first.RefreshToken || next.Replayed {
			t.Fatal("the successor does not move the session on")
		}
		if t.Failed() {
			return
		}
	}
}
