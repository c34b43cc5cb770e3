package crashtest_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// outage is a way in which a place is not there for a while.
type outage struct {
	name       string
	begin, end func(t *testing.T)
}

// outages are those that the place knows. What is between it and its hosts is the
// proxy; nothing is where it is a file.
func outages(p *place, proxy *proxytest.Proxy) []outage {
	if p.Store == inSQLite {
		var unlock func()
		return []outage{{
			"a file that somebody has locked",
			func(t *testing.T) { unlock = p.lock(t) },
			func(*testing.T) { unlock() },
		}}
	}
	all := []outage{
		{
			"a server that is stopped",
			func(*testing.T) { proxy.Down() },
			func(t *testing.T) {
				await(t, "the address is free", func() bool { return proxy.Up(t.Context()) == nil })
			},
		},
		{
			// What was silent once stays so: only new connections are answered, as
			// after a failover.
			"a server that accepts and never answers",
			func(*testing.T) { proxy.Silence(true) },
			func(*testing.T) { proxy.Silence(false) },
		},
		{
			"a server that breaks off in the middle of each answer",
			func(*testing.T) { proxy.CutReply(1, "sallyport") }, // as its tables and keys begin
			func(*testing.T) { proxy.CutReply(0) },
		},
	}
	if p.server != nil {
		all = append(all, outage{
			"a server that was killed",
			func(*testing.T) { p.server.Kill() },
			p.starts,
		}, outage{
			"a server that is frozen, and goes on with what it was sent",
			func(*testing.T) { p.server.Pause() },
			func(*testing.T) { p.server.Resume() },
		})
	}
	return all
}

// While the place is not there each login and each refresh is answered 503, in the
// time that they have. Nothing is consumed, nothing is taken for theft, no
// goroutine stays behind, and the service resumes by itself.
func TestOutages(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	each(t, itsOwn, func(t *testing.T, p *place) {
		p, proxy := p.aside(t)
		for _, o := range outages(p, proxy) { // one after the other: they have one place
			t.Run(o.name, func(t *testing.T) {
				n := newNode(t, p)
				n.run(t)
				n.awaits(t, 1)
				c := newClient(t, n, "")
				held := inside(t, c, 8)
				before := n.goroutines(t, c.http)

				o.begin(t)
				refused := 0
				for range 3 {
					refused += unavailable(t, c, held)
				}
				o.end(t)

				await(t, "people come in again", func() bool {
					a, err := c.in(strict).login(t.Context())
					return err == nil && a.status == http.StatusOK
				})
				for mode, all := range held {
					for _, token := range all {
						a, err := c.in(mode).refresh(t.Context(), token)
						if err != nil || a.status != http.StatusOK {
							t.Errorf("%s: a token that came during the outage was answered %+v, %v", mode, a, err)
						}
					}
				}
				await(t, "no more goroutines are there than before", func() bool {
					c.http.CloseIdleConnections()
					return n.goroutines(t, c.http) <= before+few
				})
				n.kill() // and the ledger has all of it
				n.ledger.check(t, func(note) bool { return false })
				// Who waits for a connection while the others get no answer is told of as busy.
				failed, busy := n.ledger.count(events.StoreFailure), n.ledger.count(events.StoreBusy)
				if failed+busy < refused || failed < busy {
					t.Errorf("%d requests failed, and %d and %d events told of it", refused, failed, busy)
				}
			})
		}
	})
}

// few is less than the requests that an outage has refused, by far.
const few = 12

// aside is the same place, with little patience, and behind a proxy where it is
// not a file.
func (p *place) aside(t *testing.T) (*place, *proxytest.Proxy) {
	t.Helper()
	q := *p
	q.Timeout = time.Second
	if atLength() { // when all stores are tried at once
		q.Timeout = 3 * time.Second
	}
	if p.Store == inSQLite {
		return &q, nil
	}
	if p.Store == inMariaDB {
		c, err := mysql.ParseDSN(p.DSN)
		must(t, err)
		proxy := proxytest.Start(t, c.Addr)
		c.Addr, c.Timeout = proxy.Addr, 2*time.Second
		q.DSN = c.FormatDSN()
		return &q, proxy
	}
	address, err := url.Parse(p.DSN)
	must(t, err)
	proxy := proxytest.Start(t, address.Host)
	address.Host = proxy.Addr
	if p.Store == inPostgres {
		options := address.Query()
		options.Set("default_query_exec_mode", "exec") // the text of a statement is in each request
		options.Set("connect_timeout", "2")
		address.RawQuery = options.Encode()
	}
	q.DSN = address.String()
	return &q, proxy
}

// lock takes the lock that all writers of SQLite want, until it is told not to.
func (p *place) lock(t *testing.T) (unlock func()) {
	t.Helper()
	db, _, err := p.database()
	must(t, err)
	tx, err := db.BeginTx(context.WithoutCancel(t.Context()), nil) // immediate, by the DSN
	must(t, err)
	return func() {
		_ = tx.Rollback()
		_ = db.Close()
	}
}

// inside logs in this many times in each mode and returns the refresh tokens.
func inside(t *testing.T, c client, each int) map[string][]token {
	t.Helper()
	held := map[string][]token{}
	for mode := range modes {
		for range each {
			token, err := c.in(mode).enters(t.Context())
			must(t, err)
			held[mode] = append(held[mode], token)
		}
	}
	return held
}

// unavailable presents all tokens at once, and as many logins besides, and says
// how many requests that were. They have a second each, and a busy machine is
// given half a minute for it.
func unavailable(t *testing.T, c client, held map[string][]token) (requests int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all sync.WaitGroup
	ask := func(what string, ask func() (answer, error)) {
		requests++
		all.Go(func() {
			a, err := ask()
			if err != nil || a.status != http.StatusServiceUnavailable || a.retryAfter == "" {
				t.Errorf("a %s was answered %+v, %v; want 503 with Retry-After", what, a, err)
			}
		})
	}
	for mode, tokens := range held {
		c := c.in(mode)
		for _, token := range tokens {
			ask("refresh", func() (answer, error) { return c.refresh(ctx, token) })
			ask("login", func() (answer, error) { return c.login(ctx) })
		}
	}
	all.Wait()
	return requests
}

// The connection breaks after the session was advanced and before the host has the
// result: the answer is 503, and the token then counts as presented twice.
func TestAnswersThatAreLostAfterTheWrite(t *testing.T) {
	t.Parallel()
	write := map[string]string{inPostgres: "UPDATE sallyport_sessions SET generation", inMariaDB: "UPDATE sallyport_sessions SET generation", inRedis: "evalsha"}
	each(t, anybodys, func(t *testing.T, p *place) {
		if p.Store == inSQLite {
			return // there is nothing between a host and its file that could break
		}
		p, proxy := p.aside(t)
		n := newNode(t, p)
		n.run(t)
		n.awaits(t, 1)
		s := p.direct(t)
		c := newClient(t, n, "")
		for mode, want := range map[string]int{strict: http.StatusBadRequest, graceful: http.StatusOK} {
			c := c.in(mode)
			first, err := c.enters(t.Context())
			must(t, err)
			a, err := c.refresh(t.Context(), first) // and Redis has the script now
			must(t, err)
			second := a.token

			proxy.CutReply(0, write[p.Store], second.session())
			a, err = c.refresh(t.Context(), second)
			if err != nil || a.status != http.StatusServiceUnavailable || a.retryAfter == "" || proxy.Hits() != 1 {
				t.Errorf("%s: with %d answers cut: %+v, %v", mode, proxy.Hits(), a, err)
			}
			proxy.CutReply(0)
			if found, err := s.Session(t.Context(), second.session()); err != nil || found.Generation != 3 || !found.RevokedAt.IsZero() {
				t.Errorf("%s: the store has %+v, %v", mode, found, err)
			}
			a, err = c.refresh(t.Context(), second)
			if err != nil || a.status != want {
				t.Errorf("%s: presented again: %+v, %v; want %d", mode, a, err, want)
			}
			if want == http.StatusOK && (a.token.generation() != 3 || a.token.session() != second.session()) {
				t.Errorf("%s: presented again, it got generation %d", mode, a.token.generation())
			}
		}
		n.kill()
		if replays, reuses := n.ledger.count(events.Replay), n.ledger.count(events.Reuse); replays != 1 || reuses != 1 {
			t.Errorf("%d replays and %d reuses, want one of each", replays, reuses)
		}
	})
}

// A reuse that cannot be stored is not answered as a reuse, because a client may
// rely on such an answer: the session is revoked.
func TestAReuseThatCannotBeWrittenDown(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	write := map[string]string{inPostgres: "UPDATE sallyport_sessions SET revoked_at", inRedis: "eval"}
	each(t, anybodys, func(t *testing.T, p *place) {
		p, proxy := p.aside(t)
		n := newNode(t, p)
		n.run(t)
		n.awaits(t, 1)
		c := newClient(t, n, strict)
		first, err := c.enters(t.Context())
		must(t, err)
		a, err := c.refresh(t.Context(), first)
		must(t, err)
		second := a.token

		end := func() { proxy.CutReply(0) }
		if p.Store == inSQLite {
			end = p.lock(t)
		} else {
			proxy.CutReply(0, write[p.Store], first.session())
		}
		a, err = c.refresh(t.Context(), first)
		if err != nil || a.status != http.StatusServiceUnavailable {
			t.Errorf("a reuse that could not be written down: %+v, %v; want 503", a, err)
		}
		end()
		for _, dead := range []token{first, second} {
			if a, err = c.refresh(t.Context(), dead); err != nil || a.status != http.StatusBadRequest {
				t.Errorf("once it could: %+v, %v", a, err)
			}
		}
		found, err := p.direct(t).Session(t.Context(), first.session())
		if err != nil || found.RevokedAt.IsZero() {
			t.Errorf("the store has %+v, %v", found, err)
		}
	})
}
