package main

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain   = "localhost"
	origin   = "http://localhost:8080"
	password = "correct horse & battery"
)

type fixture struct {
	*hosttest.Host
	clock hosttest.Clock
}

func start(t *testing.T) fixture {
	t.Helper()
	f := fixture{clock: hosttest.NewClock()}
	users := hosttest.Users(t, f.clock.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"}, store.User{ID: "u-2", Login: "bob", Tier: "free"})
	_, f.Host = hosttest.Serve(t, func(string) (http.Handler, error) {
		return newApp(config{domain: domain, origin: origin, users: users, log: slog.New(slog.DiscardHandler), now: f.clock.Now})
	})
	return f
}

func send(t *testing.T, browser *hosttest.Host, path, body string) hosttest.Answer {
	t.Helper()
	return browser.Do(t, hosttest.Request{Method: http.MethodPost, Path: path, JSON: body})
}

// options asks for a challenge.
func optionsOf(t *testing.T, browser *hosttest.Host, path string) options {
	t.Helper()
	answer := browser.Post(t, path)
	answer.Is(t, http.StatusOK, "challenge")
	return parse(t, answer.Body)
}

// with is a browser whose user has logged in with the password and added a passkey.
func (f fixture) with(t *testing.T, login string) (*hosttest.Host, *authenticator) {
	t.Helper()
	browser, key := f.Browser(t), newAuthenticator(t)
	browser.Post(t, "/auth/login", "username", login, "password", password).Is(t, http.StatusNoContent, "")
	send(t, browser, "/passkeys", key.create(t, optionsOf(t, browser, "/passkeys/begin"))).Is(t, http.StatusNoContent, "")
	return browser, key
}

func TestAPasskeyLogsItsUserIn(t *testing.T) {
	t.Parallel()
	f := start(t)
	_, key := f.with(t, "ada")
	browser := f.Browser(t)
	browser.Get(t, "/me", "").Is(t, http.StatusUnauthorized, "")
	for range 2 {
		send(t, browser, "/auth/passkey", key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))).Is(t, http.StatusNoContent, "")
		browser.Get(t, "/me", "").Is(t, http.StatusOK, `{"methods":["hwk","user","mfa"],"user":"u-1"}`)
	}
	browser.Post(t, "/auth/refresh").Is(t, http.StatusNoContent, "")
	browser.Get(t, "/", "").Is(t, http.StatusOK, "Log in with a passkey")
}

func TestAnAnswerIsRefused(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]func(t *testing.T, f fixture, browser *hosttest.Host, key *authenticator) string{
		"to a challenge that was answered": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			answer := key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
			send(t, browser, "/auth/passkey", answer).Is(t, http.StatusNoContent, "")
			return answer
		},
		"to a challenge that was answered wrongly": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			answer := key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
			send(t, browser, "/auth/passkey", "{}").Is(t, http.StatusForbidden, "")
			return answer
		},
		"to a challenge of another browser": func(t *testing.T, f fixture, browser *hosttest.Host, key *authenticator) string {
			other := optionsOf(t, f.Browser(t), "/auth/passkey/begin")
			optionsOf(t, browser, "/auth/passkey/begin")
			return key.get(t, other)
		},
		"to a challenge of six minutes ago": func(t *testing.T, f fixture, browser *hosttest.Host, key *authenticator) string {
			o := optionsOf(t, browser, "/auth/passkey/begin")
			f.clock.Advance(6 * time.Minute)
			return key.get(t, o)
		},
		"of a page of another site": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			key.origin = "https://localhost.evil.example"
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"of a passkey of another domain": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			key.domain = "evil.example"
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"without a PIN or a finger": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			key.flags = present
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"of another key": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			key.private = newAuthenticator(t).private
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"that names another user": func(t *testing.T, f fixture, browser *hosttest.Host, key *authenticator) string {
			_, other := f.with(t, "bob")
			key.handle = other.handle
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"of a copy of the key, that counts from where it was copied": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			send(t, browser, "/auth/passkey", key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))).Is(t, http.StatusNoContent, "")
			key.count--
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"of a copy of the key, that does not count": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			send(t, browser, "/auth/passkey", key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))).Is(t, http.StatusNoContent, "")
			key.count = 1<<32 - 1
			return key.get(t, optionsOf(t, browser, "/auth/passkey/begin"))
		},
		"of a registration's challenge": func(t *testing.T, _ fixture, browser *hosttest.Host, key *authenticator) string {
			browser.Post(t, "/auth/login", "username", "ada", "password", password).Is(t, http.StatusNoContent, "")
			answer := key.get(t, optionsOf(t, browser, "/passkeys/begin"))
			browser.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
			return answer
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			_, key := f.with(t, "ada")
			browser := f.Browser(t)
			answer := login(t, f, browser, key)
			refused := send(t, browser, "/auth/passkey", answer)
			refused.Is(t, http.StatusForbidden, "The passkey was not accepted.")
			for _, c := range refused.Header.Values("Set-Cookie") {
				if len(c) > len(ceremonyCookie) && c[:len(ceremonyCookie)] != ceremonyCookie {
					t.Errorf("a cookie was set: %s", c)
				}
			}
		})
	}
}

// An attacker who has the cookie of a challenge and an answer to it, too.
func TestAChallengeIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	f := start(t)
	_, key := f.with(t, "ada")
	begun := f.Post(t, "/auth/passkey/begin")
	cookie, _, _ := strings.Cut(begun.Header.Get("Set-Cookie"), ";")
	for _, want := range []int{http.StatusNoContent, http.StatusForbidden} {
		q := hosttest.Request{Method: http.MethodPost, Path: "/auth/passkey", Cookie: cookie, JSON: key.get(t, parse(t, begun.Body))}
		f.Do(t, q).Is(t, want, "")
	}
}

func TestAPasskeyIsAddedAfterARecentLogin(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser, _ := f.with(t, "ada")
	o, key := optionsOf(t, browser, "/passkeys/begin"), newAuthenticator(t)
	f.Browser(t).Post(t, "/passkeys/begin").Is(t, http.StatusUnauthorized, "")
	f.clock.Advance(6 * time.Minute)
	browser.Post(t, "/passkeys/begin").Is(t, http.StatusUnauthorized, "")
	send(t, browser, "/passkeys", key.create(t, o)).Is(t, http.StatusUnauthorized, "")
}

func TestARegistrationIsRefused(t *testing.T) {
	t.Parallel()
	f := start(t)
	ada, key := f.with(t, "ada")
	bob, _ := f.with(t, "bob")
	o := optionsOf(t, bob, "/passkeys/begin")
	send(t, bob, "/passkeys", key.create(t, o)).Is(t, http.StatusForbidden, "") // an ID that ada has
	send(t, bob, "/passkeys", newAuthenticator(t).create(t, o)).Is(t, http.StatusForbidden, "")
	other := newAuthenticator(t)
	other.origin = "https://localhost.evil.example"
	send(t, ada, "/passkeys", other.create(t, optionsOf(t, ada, "/passkeys/begin"))).Is(t, http.StatusForbidden, "")
	other = newAuthenticator(t)
	other.flags = present
	send(t, ada, "/passkeys", other.create(t, optionsOf(t, ada, "/passkeys/begin"))).Is(t, http.StatusForbidden, "")
	// A challenge of ada's, answered in a browser in which bob has logged in meanwhile.
	o = optionsOf(t, ada, "/passkeys/begin")
	ada.Post(t, "/auth/login", "username", "bob", "password", password).Is(t, http.StatusNoContent, "")
	send(t, ada, "/passkeys", newAuthenticator(t).create(t, o)).Is(t, http.StatusForbidden, "")
}

func TestChallengesAreLimited(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	for range 60 {
		browser.Post(t, "/auth/passkey/begin").Is(t, http.StatusOK, "")
	}
	browser.Post(t, "/auth/passkey/begin").Is(t, http.StatusTooManyRequests, "")
}

func TestAnotherSiteCannotBegin(t *testing.T) {
	t.Parallel()
	f := start(t)
	q := hosttest.Request{Method: http.MethodPost, Path: "/auth/passkey/begin", Origin: "https://evil.example"}
	f.Do(t, q).Is(t, http.StatusForbidden, "")
}
