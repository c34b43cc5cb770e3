package crashtest_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// A host is killed at random moments while 32 people refresh in each of its two
// modes, and so is the database server, where there is one. A client that lost an
// answer sends the request again.
//
// Afterwards each client can refresh, or got an answer about a reuse that the store
// has recorded. In graceful mode no client got such an answer.
// No session was advanced twice from one generation, none that was acknowledged
// is missing, and what was ended has stayed so.
func TestKilledWhileManyRefresh(t *testing.T) {
	t.Parallel()
	each(t, itsOwn, func(t *testing.T, p *place) {
		n := newNode(t, p)
		n.run(t)
		people := live(t, n, 32)
		kills, ofServer := trials(t, 5), 0
		for range kills {
			ofTheServer, notes := p.server != nil && chance(4) == 0, chance(150)
			if ofTheServer {
				notes++ // a host that starts where there is no server ends, as it should
			}
			n.awaits(t, notes)
			pause(t.Context(), time.Duration(chance(3000))*time.Microsecond)
			if ofTheServer {
				p.server.Kill()
				p.starts(t)
				ofServer++
				continue
			}
			n.kill()
			n.run(t)
		}
		n.awaits(t, 1)
		everybody := people.stop(t)

		s := p.direct(t)
		sum, lost := person{}, 0
		for _, one := range everybody {
			lost += one.missing(t, s)
			must(t, one.goesOn(t.Context()))
			sum.logins += one.logins
			sum.refreshes += one.refreshes
			sum.reuses += one.reuses
			sum.logouts += one.logouts
			sum.lost += one.lost
		}
		n.kill() // and the ledger has all of it
		n.ledger.check(t, func(n note) bool {
			// What follows a reuse whose answer was lost with the host.
			return n.Mode == strict && (n.Kind == events.Reuse || n.Err == tokens.ErrRevokedRefresh.Error())
		})
		n.run(t)
		for _, one := range everybody {
			one.isTheOnlyBranch(t, s)
		}
		t.Logf("crashtest: %-10s kills=%d (of the server %d) logins=%d refreshes=%d replays=%d reuses=%d logouts=%d answers lost=%d, sessions lost=%d",
			p.Store, kills, ofServer, sum.logins, sum.refreshes, n.ledger.count(events.Replay), sum.reuses, sum.logouts, sum.lost, lost)
	})
}

// crowd are people who live until they are stopped.
type crowd struct {
	people []*person
	over   chan struct{}
	lives  sync.WaitGroup
}

// live starts this many people in each mode of a node.
func live(t *testing.T, n *node, each int) *crowd {
	t.Helper()
	c := &crowd{over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		c.lives.Wait()
	})
	client := newClient(t, n, "")
	for mode := range modes {
		for range each {
			p := &person{client: client.in(mode)}
			c.people = append(c.people, p)
			c.lives.Go(func() {
				if err := p.lives(ctx, c.over); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	}
	return c
}

// stop waits until all have finished what they have begun.
func (c *crowd) stop(t *testing.T) []*person {
	t.Helper()
	close(c.over)
	c.lives.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return c.people
}

// missing counts what the store has lost of what this person was told.
func (p *person) missing(t *testing.T, s store.Store) (lost int) {
	t.Helper()
	if p.newest != "" {
		found, err := s.Session(t.Context(), p.newest.session())
		if err != nil || !found.RevokedAt.IsZero() || found.Generation != p.newest.generation() {
			t.Errorf("%s: a session at generation %d: the store has %+v, %v", p.mode, p.newest.generation(), found, err)
			lost++
		}
	}
	for _, over := range p.past {
		found, err := s.Session(t.Context(), over.token.session())
		want := over.token.generation()
		if over.how == toldOfReuse {
			want++ // the first time it was presented it did move the session
		}
		if err != nil || found.RevokedAt.IsZero() || found.Generation != want {
			t.Errorf("%s: a session at generation %d that was ended (%s): the store has %+v, %v", p.mode, want, over.how, found, err)
			lost++
		}
	}
	return lost
}

// goesOn refreshes two times or more.
func (p *person) goesOn(ctx context.Context) error {
	for p.newest == "" || len(p.spent) < 2 {
		act := p.movesOn
		if p.newest == "" {
			act = p.comesIn
		}
		if err := act(ctx); err != nil {
			return err
		}
	}
	return p.movesOn(ctx)
}

// isTheOnlyBranch presents a token that is spent for good: it is
// rejected, and the whole session is revoked, the newest token with it.
func (p *person) isTheOnlyBranch(t *testing.T, s store.Store) {
	t.Helper()
	spent := p.spent[len(p.spent)-1]
	if p.mode == graceful {
		spent = p.spent[len(p.spent)-2] // the last may be presented for a while
	}
	for _, dead := range []token{spent, p.newest} {
		a, _, err := p.insists(t.Context(), func(ctx context.Context) (answer, error) { return p.refresh(ctx, dead) })
		if err != nil || a.status != http.StatusBadRequest {
			t.Errorf("%s: generation %d of %d was answered %+v, %v", p.mode, dead.generation(), p.newest.generation(), a, err)
		}
	}
	if found, err := s.Session(t.Context(), p.newest.session()); err != nil || found.RevokedAt.IsZero() {
		t.Errorf("%s: a session whose spent token came again: %+v, %v", p.mode, found, err)
	}
}
