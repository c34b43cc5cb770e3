package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "correct horse & battery"
	page     = "app.example.com"
)

// failing is a store that can be made to fail.
type failing struct {
	*memstore.Store

	fails atomic.Bool
}

func (s *failing) Session(ctx context.Context, id string) (store.Session, error) {
	if s.fails.Load() {
		return store.Session{}, errors.New("the store is down")
	}
	return s.Store.Session(ctx, id)
}

type fixture struct {
	*hosttest.Host
	store *failing
	logs  *strings.Builder
}

// in runs a test in a bubble, with a host and a user.
func in(t *testing.T, protocols *http.Protocols, test func(*testing.T, fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := fixture{store: &failing{Store: hosttest.Users(t, time.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})}, logs: &strings.Builder{}}
		app, err := newApp(config{
			origin: "https://api.example", pages: []string{page}, store: f.store, news: clock(8 * time.Second), now: time.Now,
			log: slog.New(slog.NewTextHandler(f.logs, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Host = hosttest.Pipe(t, app, protocols)
		test(t, f)
	})
}

func (f fixture) login(t *testing.T) hosttest.Pair {
	t.Helper()
	return f.Post(t, "/login", "username", "ada", "password", password).Pair(t)
}

func (f fixture) ticket(t *testing.T, access, path string) string {
	t.Helper()
	answer := f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/tickets", Bearer: access, Form: hosttest.Form("for", path)})
	var got struct{ Ticket string }
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || answer.Status != http.StatusOK || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	return got.Ticket
}

// stream is one that is open.
type stream struct {
	next func() (string, error) // a message
	end  func() string          // waits for the end, and returns why
}

// opener opens a stream with a ticket, or returns the status of the refusal.
type opener func(t *testing.T, f fixture, ticket string) (*stream, int)

func eventSource(t *testing.T, f fixture, ticket string) (*stream, int) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL("/events?ticket="+ticket), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := f.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	line := func(prefix string) (string, error) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return data, nil
			}
		}
		return "", errors.New("the end")
	}
	return &stream{
		next: func() (string, error) { return line("data: ") },
		end: func() string {
			if _, err := line("event: end"); err != nil {
				return err.Error()
			}
			why, _ := line("data: ")
			return why
		},
	}, http.StatusOK
}

func webSocket(t *testing.T, f fixture, ticket string) (*stream, int) {
	conn, response, err := websocket.Dial(t.Context(), strings.Replace(f.URL("/socket"), "http", "ws", 1), &websocket.DialOptions{ //nolint:bodyclose // Dial has closed it
		HTTPClient: f.Client(), HTTPHeader: http.Header{"Origin": {"https://" + page}}, Subprotocols: []string{protocol, ticketPrefix + ticket},
	})
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if conn.Subprotocol() != protocol {
		t.Errorf("the server has chosen the protocol %q", conn.Subprotocol())
	}
	read := func() (string, error) {
		_, text, err := conn.Read(t.Context())
		return string(text), err
	}
	return &stream{next: read, end: func() string {
		for {
			if _, err := read(); err != nil {
				e, _ := errors.AsType[websocket.CloseError](err)
				if e.Code != unauthorized {
					t.Errorf("the socket ended with %v", err)
				}
				return e.Reason
			}
		}
	}}, http.StatusOK
}

var ways = map[string]struct {
	path      string
	open      opener
	protocols *http.Protocols
}{
	"an EventSource":             {"/events", eventSource, nil},
	"an EventSource over HTTP/2": {"/events", eventSource, http2()},
	"a WebSocket":                {"/socket", webSocket, nil},
}

func http2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	for way, w := range ways {
		for name, test := range map[string]struct {
			end    func(*testing.T, fixture, hosttest.Pair)
			within time.Duration
			why    string
		}{
			"that is revoked": {func(t *testing.T, f fixture, p hosttest.Pair) {
				f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/logout-everywhere", Bearer: p.Access}).Is(t, http.StatusNoContent, "")
			}, 7 * time.Second, errEnded.Error()},
			"whose user has a new password": {func(t *testing.T, f fixture, _ hosttest.Pair) {
				if err := f.store.SetPassword(t.Context(), "u-1", "another horse & battery"); err != nil {
					t.Fatal(err)
				}
			}, 7 * time.Second, errEnded.Error()},
			"whose user is removed": {func(t *testing.T, f fixture, _ hosttest.Pair) {
				if err := f.store.RemoveUser(t.Context(), "u-1"); err != nil {
					t.Fatal(err)
				}
			}, 7 * time.Second, errEnded.Error()},
			"while the store fails": {func(_ *testing.T, f fixture, _ hosttest.Pair) { f.store.fails.Store(true) }, 35 * time.Second, errUnknown.Error()},
			"after an hour":         {func(*testing.T, fixture, hosttest.Pair) {}, time.Hour, errLongest.Error()},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				t.Parallel()
				in(t, w.protocols, func(t *testing.T, f fixture) {
					pair := f.login(t)
					s, status := w.open(t, f, f.ticket(t, pair.Access, w.path))
					if s == nil {
						t.Fatalf("got %d", status)
					}
					for range 8 { // 64 s: longer than the server's ReadTimeout, and than patience
						if _, err := s.next(); err != nil {
							t.Fatal(err)
						}
					}
					at := time.Now()
					test.end(t, f, pair)
					if why := s.end(); why != test.why && why != `"`+test.why+`"` {
						t.Errorf("the stream ended with %q, want %q", why, test.why)
					}
					if after := time.Since(at); after > test.within {
						t.Errorf("the stream ended after %v, want %v at most", after, test.within)
					}
				})
			})
		}
	}
}

func TestATicketIsUsedOnce(t *testing.T) {
	t.Parallel()
	for way, w := range ways {
		t.Run("by one of 64 that race: "+way, func(t *testing.T) {
			t.Parallel()
			in(t, w.protocols, func(t *testing.T, f fixture) {
				ticket := f.ticket(t, f.login(t).Access, w.path)
				var won, lost atomic.Int32
				var all sync.WaitGroup
				for range 64 {
					all.Go(func() {
						switch s, status := w.open(t, f, ticket); {
						case s != nil:
							won.Add(1)
						case status == http.StatusUnauthorized:
							lost.Add(1)
						}
					})
				}
				all.Wait()
				if won.Load() != 1 || lost.Load() != 63 {
					t.Errorf("%d have won, and %d were refused with 401", won.Load(), lost.Load())
				}
			})
		})
	}
}

func TestATicketIsRefused(t *testing.T) {
	t.Parallel()
	for way, w := range ways {
		other := map[string]string{"/events": "/socket", "/socket": "/events"}[w.path]
		for name, test := range map[string]struct {
			ticket func(*testing.T, fixture) string
			status int
		}{
			"that was never made": {func(*testing.T, fixture) string { return strings.Repeat("A", 26) }, http.StatusUnauthorized},
			"that is not there":   {func(*testing.T, fixture) string { return "" }, http.StatusUnauthorized},
			"that is too long":    {func(*testing.T, fixture) string { return strings.Repeat("A", 4096) }, http.StatusUnauthorized},
			"that is an access token": {func(t *testing.T, f fixture) string {
				return f.login(t).Access
			}, http.StatusUnauthorized},
			"of another path": {func(t *testing.T, f fixture) string { return f.ticket(t, f.login(t).Access, other) }, http.StatusUnauthorized},
			"after ten seconds": {func(t *testing.T, f fixture) string {
				defer time.Sleep(lifetime)
				return f.ticket(t, f.login(t).Access, w.path)
			}, http.StatusUnauthorized},
			"whose session has ended": {func(t *testing.T, f fixture) string {
				pair := f.login(t)
				ticket := f.ticket(t, pair.Access, w.path)
				f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/logout-everywhere", Bearer: pair.Access}).Is(t, http.StatusNoContent, "")
				return ticket
			}, http.StatusUnauthorized},
			"while the store fails": {func(t *testing.T, f fixture) string {
				defer f.store.fails.Store(true)
				return f.ticket(t, f.login(t).Access, w.path)
			}, http.StatusServiceUnavailable},
		} {
			t.Run(way+" with a ticket "+name, func(t *testing.T) {
				t.Parallel()
				in(t, w.protocols, func(t *testing.T, f fixture) {
					ticket := test.ticket(t, f)
					if s, status := w.open(t, f, ticket); s != nil || status != test.status {
						t.Errorf("got %d, want %d", status, test.status)
					}
					if ticket != "" && strings.Contains(f.logs.String(), ticket) {
						t.Error("the ticket is in the log")
					}
				})
			})
		}
	}
}

// A ticket of another path is not used up by the attempt, and it is no session that the
// user sees, or that a login ends an older one for.
func TestATicketIsNoSession(t *testing.T) {
	t.Parallel()
	in(t, nil, func(t *testing.T, f fixture) {
		first := f.login(t)
		for range 4 {
			f.login(t) // five are allowed
		}
		ticket := f.ticket(t, first.Access, "/events")
		if s, _ := webSocket(t, f, ticket); s != nil {
			t.Fatal("a ticket for /events has opened /socket")
		}
		if s, status := eventSource(t, f, ticket); s == nil {
			t.Fatalf("got %d", status)
		}
		f.ticket(t, first.Access, "/events")
		if n := strings.Count(f.Get(t, "/sessions", first.Access).Body, `"id"`); n != 5 {
			t.Errorf("the user sees %d sessions, want 5", n)
		}
		f.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	})
}

func TestAStreamOfAClientThatSetsHeadersNeedsNoTicket(t *testing.T) {
	t.Parallel()
	in(t, nil, func(t *testing.T, f fixture) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL("/events/header"), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+f.login(t).Access)
		response, err := f.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			t.Errorf("got %d", response.StatusCode)
		}
	})
}

func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	in(t, nil, func(t *testing.T, f fixture) {
		access := f.login(t).Access
		for i := range 4 {
			s, status := eventSource(t, f, f.ticket(t, access, "/events"))
			if open := i < 3; open != (s != nil) || !open && status != http.StatusTooManyRequests {
				t.Errorf("stream %d: got %d", i+1, status)
			}
		}
	})
}

func TestAPageOfAnotherOriginOpensNoSocket(t *testing.T) {
	t.Parallel()
	in(t, nil, func(t *testing.T, f fixture) {
		ticket := f.ticket(t, f.login(t).Access, "/socket")
		_, response, err := websocket.Dial(t.Context(), strings.Replace(f.URL("/socket"), "http", "ws", 1), &websocket.DialOptions{ //nolint:bodyclose // Dial has closed it
			HTTPClient: f.Client(), HTTPHeader: http.Header{"Origin": {"https://evil.example"}}, Subprotocols: []string{protocol, ticketPrefix + ticket},
		})
		if err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("got %v, want 403", err)
		}
	})
}

func TestWhatComesBehindDoesNotSeeTheTicket(t *testing.T) {
	t.Parallel()
	users := hosttest.Users(t, nil, password, store.User{ID: "u-1", Login: "ada"})
	now := time.Now()
	session := store.Session{ID: "s-1", UserID: "u-1", Generation: 1, IdleUntil: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}
	user, err := users.User(t.Context(), "u-1")
	session.CredentialVersion = user.CredentialVersion
	if err := errors.Join(err, users.CreateSession(t.Context(), session)); err != nil {
		t.Fatal(err)
	}
	a := &app{tickets: tickets{users, time.Now}}
	for way, find := range map[string]func(*http.Request) string{"in the URL": inQuery, "in the protocol": inProtocol} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			ticket, err := a.tickets.issue(t.Context(), tokens.Principal{Subject: "u-1", SessionID: "s-1", Scope: "read write"}, "/news")
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/news?ticket="+ticket, nil)
			r.Header.Set("Sec-WebSocket-Protocol", protocol+", "+ticketPrefix+ticket)
			served := false
			a.redeem(find, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served = true
				if seen := fmt.Sprint(r.URL, r.RequestURI, r.Header); strings.Contains(seen, ticket) {
					t.Errorf("the handler sees %s", seen)
				}
				if p, _ := tokens.PrincipalFrom(r.Context()); p.Subject != "u-1" || p.SessionID != "s-1" || p.Scope != "read write" {
					t.Errorf("the handler serves %+v", p)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
			if !served {
				t.Error("the ticket was refused")
			}
		})
	}
}
