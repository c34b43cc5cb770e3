package crashtest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Eight hosts get the same refresh token at the same moment, round after round:
// the session is advanced once. Where a token can be used once, one of them hands
// out its successor, and the session ends; where there is a grace all eight hand
// out the same one.
func TestManyNodesAndOneToken(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	const hosts = 8
	each(t, anybodys, func(t *testing.T, p *place) {
		book := newLedger()
		var clients []client
		var nodes []*node
		for range hosts {
			n := newNode(t, p)
			n.ledger = book
			n.run(t)
			nodes = append(nodes, n)
			clients = append(clients, newClient(t, n, ""))
		}
		for _, n := range nodes {
			n.awaits(t, 1)
		}
		s := p.direct(t)
		kept, err := clients[0].in(graceful).enters(t.Context())
		must(t, err)
		rounds := trials(t, 5)
		for range rounds {
			once, err := clients[0].in(strict).enters(t.Context())
			must(t, err)
			won := atOnce(t, clients, strict, once)
			if len(won) != 1 || won[0].generation() != 2 {
				t.Errorf("%d of %d hosts handed out a successor of a token that can be used once", len(won), hosts)
			}
			at(t, s, once, 2, len(won) < hosts)

			won = atOnce(t, clients, graceful, kept)
			for _, token := range won {
				if len(won) != hosts || token != won[0] || token.generation() != kept.generation()+1 {
					t.Fatalf("%d hosts have handed out %d tokens: %d after %d", hosts, len(won), token.generation(), kept.generation())
				}
			}
			kept = won[0]
			at(t, s, kept, kept.generation(), false)
		}
		for _, n := range nodes {
			n.kill()
		}
		book.check(t, func(n note) bool { return n.Mode == strict })
		advances := book.count(events.Refresh)
		if advances != 2*rounds {
			t.Errorf("%d advances in %d rounds in two modes", advances, rounds)
		}
		t.Logf("crashtest: %-10s hosts=%d rounds=%d in each of 2 modes, advances=%d replays=%d reuses=%d",
			p.Store, hosts, rounds, advances, book.count(events.Replay), book.count(events.Reuse))
	})
}

// atOnce presents a token to all, and returns what those have got that got one.
func atOnce(t *testing.T, clients []client, mode string, presented token) (won []token) {
	t.Helper()
	answers, errs := make([]answer, len(clients)), make([]error, len(clients))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			<-start
			answers[i], errs[i] = c.in(mode).refresh(t.Context(), presented)
		})
	}
	close(start)
	all.Wait()
	for i, a := range answers {
		switch {
		case errs[i] == nil && a.status == http.StatusOK:
			won = append(won, a.token)
		case errs[i] == nil && a.status == http.StatusBadRequest && mode == strict:
		default:
			t.Errorf("%s: host %d answered %+v, %v", mode, i, a, errs[i])
		}
	}
	return won
}

// at checks where a session is, past all hosts.
func at(t *testing.T, s store.Store, of token, generation int64, revoked bool) {
	t.Helper()
	found, err := s.Session(t.Context(), of.session())
	if err != nil || found.Generation != generation || found.RevokedAt.IsZero() == revoked {
		t.Errorf("the store has %+v, %v; want generation %d", found, err, generation)
	}
}
