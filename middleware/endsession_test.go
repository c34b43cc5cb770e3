package middleware_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func withDenials(c *config) { c.tokens.Revocations = c.tokens.Store.(store.Revocations) }

// SID is the session's own in the requests below, OTHER that of another session
// of the same user.
func TestFaultA15EveryEndOfTheOwnSessionClearsItsCookies(t *testing.T) {
	t.Parallel()
	both := cookieOf + refreshOf
	for _, x := range []struct {
		name, request string
		cleared       bool
	}{
		{"a logout", "POST /logout\n" + both + "\n", true},
		{"a logout everywhere", "POST /everywhere\n" + both + "\n", true},
		{"the end of the own session by its ID", "DELETE /sessions/SID\n" + both + "\n", true},
		{"the end of the own session by its ID, with the access cookie alone", "DELETE /sessions/SID\n" + cookieOf + "\n", true},
		{"the end of another session by its ID", "DELETE /sessions/OTHER\n" + both + "\n", false},
		{"the end of all other sessions", "DELETE /sessions/others\n" + both + "\n", false},
		{"the revocation of the own refresh token", "POST /revoke\n" + both + form + "\n\ntoken=REFRESH", true},
		{"the revocation of the own access token", "POST /revoke\n" + both + form + "\n\ntoken=ACCESS", true},
		{"the revocation of the own refresh token, with the access cookie alone", "POST /revoke\n" + cookieOf + form + "\n\ntoken=REFRESH", true},
		{"the revocation of the own access token, with the refresh cookie alone", "POST /revoke\n" + refreshOf + form + "\n\ntoken=ACCESS", true},
		{"the revocation of a token of another session", "POST /revoke\n" + both + form + "\n\ntoken=OTHERS_TOKEN", false},
		{"the revocation of the own refresh token in another client's name", "POST /revoke\n" + both + form + "\n\ntoken=REFRESH&client_id=other", false},
		{"the revocation of nonsense", "POST /revoke\n" + both + form + "\n\ntoken=nonsense", false},
		{"the revocation of the own token, without a cookie", "POST /revoke\n" + form + "\n\ntoken=REFRESH", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, withCookies, withDenials)
			own, other := d.loginAs(t, alice, "app"), d.loginAs(t, alice, "app")
			text := strings.NewReplacer(
				"SID", own.Principal.SessionID, "OTHERS_TOKEN", string(other.RefreshToken), "OTHER", other.Principal.SessionID,
			).Replace(x.request)
			w := d.send(request(t, replace(text, own)))
			if w.Code >= http.StatusMultipleChoices {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got := cookiesOf(w) == cleared; got != x.cleared || !got && cookiesOf(w) != "" {
				t.Errorf("cookies = %q, want them cleared: %t", cookiesOf(w), x.cleared)
			}
			_, refresh := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: own.RefreshToken})
			_, access := d.tokens.Verify(t.Context(), own.AccessToken)
			if x.cleared && (refresh == nil || access == nil) || strings.Contains(x.request, "other") && (refresh != nil || access != nil) {
				t.Errorf("the own session: refresh: %v, access token: %v", refresh, access)
			}
		})
	}

	t.Run("a handler of the host's clears them with ClearCookies", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		open(t, withCookies).ClearCookies(w)
		if got := cookiesOf(w); got != cleared {
			t.Errorf("cookies = %q", got)
		}
		w = httptest.NewRecorder()
		open(t).ClearCookies(w)
		if got := cookiesOf(w); got != "" {
			t.Errorf("without cookies: %q", got)
		}
	})
}

// A is a session of alice's, B another of hers, C one of bob's. Cookies may be of other
// sessions than the token of the request.
func TestFaultA15NoSessionLivesOnWhoseCookiesWereCleared(t *testing.T) {
	t.Parallel()
	bearer := "Authorization: Bearer {A access}\n"
	cookies := func(access, refresh string) string {
		return "Cookie: __Host-access_token={" + access + " access}; __Secure-refresh_token={" + refresh + " refresh}\n"
	}
	alone := func(refresh string) string { return "Cookie: __Secure-refresh_token={" + refresh + " refresh}\n" }
	for name, x := range map[string]struct {
		request string
		ended   string // which sessions must be over; the others live
		status  int
	}{
		"a logout by bearer, with the refresh cookie of another session":       {"POST /logout\n" + bearer + alone("B"), "A B", 204},
		"a logout by bearer, with the cookies of another session":              {"POST /logout\n" + bearer + cookies("B", "B"), "A B", 204},
		"a logout by bearer, with the cookies of another user":                 {"POST /logout\n" + bearer + cookies("C", "C"), "A C", 204},
		"a logout by bearer, with the access cookie of another session":        {"POST /logout\n" + bearer + "Cookie: __Host-access_token={B access}\n", "A B", 204},
		"a logout by cookies of two sessions":                                  {"POST /logout\n" + cookies("A", "B"), "A B", 204},
		"a logout by a refresh token, with the cookies of another session":     {"POST /logout\nrefresh-token: {A refresh}\n" + cookies("B", "C"), "A B C", 204},
		"a logout by an invalid token, with the cookies of a session":          {"POST /logout\nrefresh-token: nonsense\n" + cookies("B", "B"), "B", 204},
		"a logout everywhere by bearer, with the cookies of another user":      {"POST /everywhere\n" + bearer + cookies("C", "C"), "A B C", 204},
		"the end of the session of the bearer, with cookies of another":        {"DELETE /sessions/{A}\n" + bearer + cookies("B", "B"), "A", 204},
		"the end of the session of the cookies, by the bearer of another":      {"DELETE /sessions/{B}\n" + bearer + cookies("B", "B"), "B", 204},
		"a logout by bearer from another site, with the cookies of a session":  {"POST /logout\n" + fromAfar + bearer + alone("B"), "", 403},
		"a logout everywhere from another site, with the cookies of a session": {"POST /everywhere\n" + fromAfar + bearer + alone("B"), "", 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, withCookies, withDenials)
			text := x.request + "\n"
			pairs := map[string]tokens.Pair{"A": d.login(t, alice), "B": d.login(t, alice), "C": d.login(t, bob)}
			for id, p := range pairs {
				text = strings.NewReplacer("{"+id+"}", p.Principal.SessionID, "{"+id+" access}", string(p.AccessToken), "{"+id+" refresh}", string(p.RefreshToken)).Replace(text)
			}
			w := d.send(request(t, text))
			wantStatus(t, w, x.status)
			for id, p := range pairs {
				_, access := d.tokens.Verify(t.Context(), p.AccessToken)
				_, refresh := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
				over := strings.Contains(x.ended, id)
				if (access != nil) != over || (refresh != nil) != over {
					t.Errorf("session %s: access token: %v, refresh: %v; want it to be over: %t", id, access, refresh, over)
				}
				if inCookie := strings.Contains(x.request, "token={"+id); cookiesOf(w) == cleared && inCookie && !over {
					t.Errorf("session %s lives, and its cookies are cleared", id)
				}
			}
			if own := strings.Contains(x.request, "DELETE /sessions/{A}"); own && cookiesOf(w) != "" {
				t.Errorf("cookies = %q, of a session that lives", cookiesOf(w))
			}
		})
	}
	t.Run("if the store fails for the session of the cookies, they are not cleared", func(t *testing.T) {
		t.Parallel()
		d := open(t, withCookies, withDenials)
		a, b := d.login(t, alice), d.login(t, alice)
		d.store.step(func(call string) {
			if call == "RevokeSession" { // of the bearer's
				d.store.fail(errDriver)
			}
		})
		w := d.send(request(t, "POST /logout\nAuthorization: Bearer "+string(a.AccessToken)+"\nCookie: __Secure-refresh_token="+string(b.RefreshToken)+"\n\n"))
		wantStatus(t, w, http.StatusServiceUnavailable)
		if got := cookiesOf(w); got != "" {
			t.Errorf("cookies = %q", got)
		}
	})
}

// abortable is a server behind a proxy that can cut the client off.
type abortable struct {
	*harness

	proxy *proxytest.Proxy
	begun chan *http.Request // each request, as the server sees it
	done  chan struct{}      // one for each request that the server is done with
	calls []string           // of the store, for the last request
}

func abort(t *testing.T) *abortable {
	t.Helper()
	a := &abortable{harness: open(t, withDenials), begun: make(chan *http.Request, 1), done: make(chan struct{}, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.begun <- r
		a.mux.ServeHTTP(w, r)
		a.done <- struct{}{}
	}))
	t.Cleanup(server.Close)
	a.proxy = proxytest.Start(t, strings.TrimPrefix(server.URL, "http://"))
	return a
}

// send sends a request by way of the proxy, and returns as much of the answer as
// gets through once the server is done with it.
func (a *abortable) send(t *testing.T, text string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", a.proxy.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	<-a.done
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestFaultA14AClientThatAbortsHasEndedItsSession(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ name, line, header, body string }{
		{"a logout by the refresh token", "POST /logout", "", "refresh_token=REFRESH"},
		{"a logout by the access token", "POST /logout", "Authorization: Bearer ACCESS\r\n", ""},
		{"a logout everywhere", "POST /everywhere", "Authorization: Bearer ACCESS\r\n", ""},
		{"the end of a session by its ID", "DELETE /sessions/SID", "Authorization: Bearer ACCESS\r\n", ""},
		{"a revocation of the refresh token", "POST /revoke", "", "token=REFRESH"},
		{"a revocation of the access token", "POST /revoke", "", "token=ACCESS"},
	} {
		// run sends the request after another login, with trouble made ready,
		// and wants the session to be over.
		run := func(t *testing.T, a *abortable, trouble func()) string {
			t.Helper()
			p := a.login(t, alice)
			a.store.take()
			body := replace(x.body, p)
			head := replace(strings.ReplaceAll(x.line, "SID", p.Principal.SessionID)+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+x.header, p)
			if body != "" {
				head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
			}
			trouble()
			answer := a.send(t, head+"\r\n"+body)
			a.store.step(nil)
			a.calls = a.store.take()
			if n := a.sessions(t, alice.ID); n != 0 {
				t.Errorf("%d sessions are open", n)
			}
			if _, err := a.tokens.Verify(t.Context(), p.AccessToken); err == nil {
				t.Error("the access token is good")
			}
			return answer
		}

		t.Run(x.name+" is complete whenever the client goes while it is worked on", func(t *testing.T) {
			t.Parallel()
			a := abort(t)
			answer := run(t, a, func() {})
			<-a.begun
			if len(a.calls) < 2 {
				t.Fatalf("calls = %q", a.calls)
			}
			if !strings.HasPrefix(answer, "HTTP/1.1 20") {
				t.Fatalf("answer = %s", answer)
			}
			for i := range a.calls {
				n := 0
				run(t, a, func() {
					a.store.step(func(string) {
						if n == i {
							r := <-a.begun
							a.proxy.Cut()
							<-r.Context().Done() // the server has noticed
						}
						n++
					})
				})
				if n <= i {
					<-a.begun // it came to fewer calls
				}
			}
		})
		t.Run(x.name+" is complete however much of the answer arrives", func(t *testing.T) {
			t.Parallel()
			a := abort(t)
			whole := run(t, a, func() {})
			<-a.begun
			for keep := range len(whole) {
				answer := run(t, a, func() { a.proxy.CutReply(keep, strings.Fields(x.line)[0]) })
				<-a.begun
				if len(answer) > keep {
					t.Errorf("%d bytes of the answer arrived, want %d at most", len(answer), keep)
				}
			}
		})
	}
}
