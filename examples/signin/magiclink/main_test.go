package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const address = "ada@example.com"

// fixture is an app whose mails arrive in a channel, and its security log.
type fixture struct {
	*hosttest.Host
	origin string
	clock  hosttest.Clock
	users  *memstore.Store
	mails  chan string // "address link"
	log    *lockedBuffer
}

func start(t *testing.T) fixture {
	t.Helper()
	f := fixture{clock: hosttest.NewClock(), mails: make(chan string, 100), log: &lockedBuffer{}}
	f.users = hosttest.Users(t, f.clock.Now, "correct horse", store.User{ID: "u-1", Login: address, Tier: "free"}, store.User{ID: "u-2", Login: "bob@example.com", Tier: "free"})
	f.origin, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		return newApp(t.Context(), config{
			origin: origin, users: f.users, addresses: map[string]string{address: "u-1", "bob@example.com": "u-2"}, now: f.clock.Now,
			mail: func(to, link string) error { f.mails <- to + " " + link; return nil },
			log:  slog.New(slog.NewTextHandler(f.log, nil)),
		})
	})
	return f
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// link asks for a link in a browser, and returns its token as it arrives by mail.
func (f fixture) link(t *testing.T, browser *hosttest.Host) string {
	t.Helper()
	if answer := browser.Post(t, "/links", "email", " Ada@Example.com"); answer.Status != http.StatusOK {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	token, ok := strings.CutPrefix(<-f.mails, address+" "+f.origin+"/confirm#")
	if !ok || len(token) != 43 {
		t.Fatalf("the link is %q", token)
	}
	return token
}

func confirm(t *testing.T, browser *hosttest.Host, token string) hosttest.Answer {
	t.Helper()
	return browser.Post(t, "/confirm", "token", token)
}

func TestALinkLogsInTheBrowserThatAskedForIt(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	browser.Get(t, "/", "").Is(t, http.StatusOK, "Send me a link")
	token := f.link(t, browser)
	browser.Get(t, "/confirm", "").Is(t, http.StatusOK, `name="token"`)

	answer := confirm(t, browser, token)
	answer.Is(t, http.StatusSeeOther, "")
	if got := answer.Header.Get("Location"); got != "/" {
		t.Errorf("Location is %q", got)
	}
	browser.Get(t, "/", "").Is(t, http.StatusOK, "You are logged in as u-1")
	browser.Post(t, "/auth/refresh").Is(t, http.StatusNoContent, "")
	browser.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
	browser.Get(t, "/", "").Is(t, http.StatusOK, "Send me a link")
	if log := f.log.String(); !strings.Contains(log, "kind=login ") || strings.Contains(log, token) {
		t.Errorf("the log must have the login and not the token: %s", log)
	}
}

func TestALinkIsRefused(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(t *testing.T, f fixture, browser *hosttest.Host, token string) hosttest.Answer{
		"the second time": func(t *testing.T, _ fixture, browser *hosttest.Host, token string) hosttest.Answer {
			confirm(t, browser, token).Is(t, http.StatusSeeOther, "")
			return confirm(t, browser, token)
		},
		"in another browser, which has asked for one of its own": func(t *testing.T, f fixture, _ *hosttest.Host, token string) hosttest.Answer {
			other := f.Browser(t)
			f.link(t, other)
			return confirm(t, other, token)
		},
		"without a cookie": func(t *testing.T, f fixture, _ *hosttest.Host, token string) hosttest.Answer {
			return confirm(t, f.Host, token)
		},
		"after 10 minutes": func(t *testing.T, f fixture, browser *hosttest.Host, token string) hosttest.Answer {
			f.clock.Advance(lifetime)
			return confirm(t, browser, token)
		},
		"if it is another token": func(t *testing.T, _ fixture, browser *hosttest.Host, _ string) hosttest.Answer {
			return confirm(t, browser, newSecret())
		},
		"if it is none": func(t *testing.T, _ fixture, browser *hosttest.Host, _ string) hosttest.Answer {
			return confirm(t, browser, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			browser := f.Browser(t)
			token := f.link(t, browser)
			answer := use(t, f, browser, token)
			answer.Is(t, http.StatusForbidden, "Please ask for a new one")
			if len(answer.Header.Values("Set-Cookie")) > 0 {
				t.Error("a cookie was set")
			}
		})
	}
}

// Of any number of requests with one link one opens a session.
func TestALinkIsUsedOnceByRacers(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	token := f.link(t, browser)
	var racers sync.WaitGroup
	var winners atomic.Int64
	for range 8 {
		racers.Go(func() {
			if browser.Post(t, "/confirm", "token", token).Status == http.StatusSeeOther {
				winners.Add(1)
			}
		})
	}
	racers.Wait()
	if n := winners.Load(); n != 1 {
		t.Errorf("%d requests have opened a session", n)
	}
}

func TestANewPasswordEndsTheLinksThatWereSent(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	token := f.link(t, browser)
	if err := f.users.SetPassword(t.Context(), "u-1", "another horse"); err != nil {
		t.Fatal(err)
	}
	confirm(t, browser, token).Is(t, http.StatusBadRequest, "invalid_grant")
}

func TestAnUnknownAddressIsAnsweredAsAKnownOne(t *testing.T) {
	t.Parallel()
	f := start(t)
	known := f.Browser(t).Post(t, "/links", "email", address)
	unknown := f.Browser(t).Post(t, "/links", "email", "eve@example.com")
	unknown.Is(t, known.Status, known.Body)
	for _, h := range []http.Header{known.Header, unknown.Header} {
		if c := h.Get("Set-Cookie"); !strings.HasPrefix(c, browserCookie+"=") {
			t.Errorf("Set-Cookie is %q", c)
		}
		h.Del("Set-Cookie")
		for name := range h {
			if strings.Contains(name, "Ratelimit") {
				h.Del(name)
			}
		}
	}
	if a, b := known.Header, unknown.Header; len(a) != len(b) {
		t.Errorf("the headers differ: %v and %v", a, b)
	}
	f.link(t, f.Browser(t)) // the mails are sent in the order in which they were asked for
	if mail := <-f.mails; strings.HasPrefix(mail, "eve") || len(f.mails) > 0 {
		t.Errorf("a mail was sent: %s", mail)
	}
}

func TestLinksAreLimited(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	for range 9 {
		browser.Post(t, "/links", "email", address).Is(t, http.StatusOK, "If there is an account")
	}
	browser.Post(t, "/links", "email", "bob@example.com").Is(t, http.StatusOK, "If there is an account")
	browser.Post(t, "/links", "email", address).Is(t, http.StatusTooManyRequests, "")
	for range most {
		if mail := <-f.mails; !strings.HasPrefix(mail, address) {
			t.Errorf("a mail to %s", mail)
		}
	}
	if mail := <-f.mails; !strings.HasPrefix(mail, "bob") { // it was asked for last
		t.Errorf("one mail more than %d to %s", most, mail)
	}
}

func TestAnotherSiteCanSendNeitherForm(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	token := f.link(t, browser)
	for path, form := range map[string][]string{"/links": {"email", address}, "/confirm": {"token", token}} {
		q := hosttest.Request{Method: http.MethodPost, Path: path, Form: hosttest.Form(form...), Origin: "https://evil.example"}
		browser.Do(t, q).Is(t, http.StatusForbidden, "")
	}
}

func TestThePageKeepsTheToken(t *testing.T) {
	t.Parallel()
	h := start(t).Get(t, "/confirm", "").Header
	for name, want := range map[string]string{"Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"} {
		if !strings.Contains(h.Get(name), want) {
			t.Errorf("%s is %q, want %s", name, h.Get(name), want)
		}
	}
}
