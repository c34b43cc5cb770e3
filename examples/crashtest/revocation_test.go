package crashtest_test

import (
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// A host, and the server where there is one, is killed the moment that a client
// has read that its session is over, for a reuse or because it has logged out: it
// is over for the next host as well.
func TestKilledRightAfterARevocation(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	each(t, itsOwn, func(t *testing.T, p *place) {
		n := newNode(t, p)
		n.run(t)
		c := newClient(t, n, strict)
		for range max(2, trials(t, 2)/10) {
			first, err := c.enters(t.Context())
			must(t, err)
			a, err := c.refresh(t.Context(), first)
			must(t, err)
			second := a.token
			if a, err := c.refresh(t.Context(), first); err != nil || a.status != http.StatusBadRequest {
				t.Fatalf("a token that came twice was answered %+v, %v", a, err)
			}
			p.dies(t, n)
			remainsOver(t, c, p, second)

			left, err := c.enters(t.Context())
			must(t, err)
			if a, err := c.logout(t.Context(), left); err != nil || a.status != http.StatusNoContent {
				t.Fatalf("a logout was answered %+v, %v", a, err)
			}
			p.dies(t, n)
			remainsOver(t, c, p, left)
		}
	})
}

// dies kills a host, and the server of the place where there is one, and starts
// them again.
func (p *place) dies(t *testing.T, n *node) {
	t.Helper()
	n.kill()
	if p.server != nil {
		p.server.Kill()
		p.starts(t)
	}
	n.run(t)
	n.awaits(t, 1)
}

func remainsOver(t *testing.T, c client, p *place, newest token) {
	t.Helper()
	c.http.CloseIdleConnections()
	if a, err := c.refresh(t.Context(), newest); err != nil || a.status != http.StatusBadRequest {
		t.Errorf("the newest token of a session that is over was answered %+v, %v", a, err)
	}
	found, err := p.direct(t).Session(t.Context(), newest.session())
	if err != nil || found.RevokedAt.IsZero() {
		t.Errorf("a session that is over: the store has %+v, %v", found, err)
	}
}
