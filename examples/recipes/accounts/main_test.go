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
	"github.com/sallyport-go/sallyport/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	address = "ada@example.com"
	first   = "correct horse & battery"
	second  = "another horse & battery"
)

type fixture struct {
	*hosttest.Host
	clock  hosttest.Clock
	users  *memstore.Store
	mails  chan string // "address text"
	origin string
}

func start(t *testing.T) fixture {
	t.Helper()
	f := fixture{clock: hosttest.NewClock(), mails: make(chan string, 100)}
	f.users = hosttest.Users(t, f.clock.Now, first)
	f.origin, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		return newApp(t.Context(), config{
			origin: origin, users: f.users, now: f.clock.Now, log: slog.New(slog.DiscardHandler),
			mail: func(to, text string) error { f.mails <- to + " " + text; return nil },
		})
	})
	return f
}

// token asks for a mail, and returns the token in it.
func (f fixture) token(t *testing.T, path string, want purpose) string {
	t.Helper()
	if answer := f.Post(t, path, "email", "Ada@Example.com"); answer.Status != http.StatusAccepted {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	mail := <-f.mails
	token, ok := strings.CutPrefix(mail, address+" "+f.origin+"/"+string(want)+"#")
	if !ok {
		t.Fatalf("the mail is %q", mail)
	}
	return token
}

// registered is a host with a user.
func registered(t *testing.T) fixture {
	t.Helper()
	f := start(t)
	f.Post(t, "/register/confirm", "token", f.token(t, "/register", toRegister), "password", first).Is(t, http.StatusNoContent, "")
	return f
}

func (f fixture) login(t *testing.T, password string) hosttest.Answer {
	t.Helper()
	return f.Post(t, "/login", "username", address, "password", password)
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	f := start(t)
	token := f.token(t, "/register", toRegister)
	f.login(t, first).Is(t, http.StatusBadRequest, "invalid_grant")
	f.Post(t, "/register/confirm", "token", token, "password", "short").Is(t, http.StatusBadRequest, "15 characters")
	f.Post(t, "/password/reset/confirm", "token", token, "password", first).Is(t, http.StatusForbidden, "cannot be used")
	f.Post(t, "/register/confirm", "token", token, "password", first).Is(t, http.StatusNoContent, "")
	f.Post(t, "/register/confirm", "token", token, "password", second).Is(t, http.StatusForbidden, "cannot be used")
	f.Get(t, "/me", f.login(t, first).Pair(t).Access).Is(t, http.StatusOK, "u-")
}

// The answer does not say whether the address has an account; the mail does.
func TestRegisteringTwiceResetsThePassword(t *testing.T) {
	t.Parallel()
	f := registered(t)
	f.token(t, "/register", toReset)
}

func TestTwoLinksOfOneAddressMakeOneUser(t *testing.T) {
	t.Parallel()
	f := start(t)
	one, other := f.token(t, "/register", toRegister), f.token(t, "/register", toRegister)
	f.Post(t, "/register/confirm", "token", one, "password", first).Is(t, http.StatusNoContent, "")
	f.Post(t, "/register/confirm", "token", other, "password", second).Is(t, http.StatusForbidden, "")
	f.login(t, first).Pair(t)
}

func TestAResetEndsSessionsAndKeys(t *testing.T) {
	t.Parallel()
	f := registered(t)
	before := f.login(t, first).Pair(t)
	id := f.Get(t, "/me", before.Access).Body
	if err := f.users.CreateAPIKey(t.Context(), store.APIKey{ID: "k", Digest: store.Digest{1}, Owner: store.Owner{ID: id}, CreatedAt: f.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	token := f.token(t, "/password/reset", toReset)
	f.Post(t, "/password/reset/confirm", "token", token, "password", second).Is(t, http.StatusNoContent, "")
	if mail := <-f.mails; mail != address+" Your password was changed." {
		t.Errorf("the mail is %q", mail)
	}
	f.Get(t, "/me", before.Access).Is(t, http.StatusUnauthorized, "")
	f.Post(t, "/refresh", "refresh_token", before.Refresh).Is(t, http.StatusBadRequest, "invalid_grant")
	f.login(t, first).Is(t, http.StatusBadRequest, "invalid_grant")
	f.login(t, second).Pair(t)
	if key, err := f.users.APIKeyByID(t.Context(), "k"); err != nil || key.RevokedAt.IsZero() {
		t.Errorf("the API key is %+v, %v", key, err)
	}
}

func TestAResetIsRefused(t *testing.T) {
	t.Parallel()
	f := registered(t)
	confirm := func(token string) hosttest.Answer {
		return f.Post(t, "/password/reset/confirm", "token", token, "password", second)
	}
	one, other := f.token(t, "/password/reset", toReset), f.token(t, "/password/reset", toReset)
	confirm(newSecret()).Is(t, http.StatusForbidden, "cannot be used")
	confirm(one).Is(t, http.StatusNoContent, "")
	confirm(one).Is(t, http.StatusForbidden, "cannot be used")
	confirm(other).Is(t, http.StatusForbidden, "cannot be used") // of the older password
	<-f.mails
	expired := f.token(t, "/password/reset", toReset)
	f.clock.Advance(lifetime)
	confirm(expired).Is(t, http.StatusForbidden, "cannot be used")
}

func TestAnUnknownAddressGetsNoMailAndTheSameAnswer(t *testing.T) {
	t.Parallel()
	f := registered(t)
	f.Post(t, "/password/reset", "email", "eve@example.com").Is(t, http.StatusAccepted, "")
	f.token(t, "/password/reset", toReset) // mails are sent in the order in which they were asked for
	if len(f.mails) > 0 {
		t.Errorf("a mail was sent: %s", <-f.mails)
	}
}

func TestAChangeKeepsTheUserLoggedIn(t *testing.T) {
	t.Parallel()
	f := registered(t)
	elsewhere, here := f.login(t, first).Pair(t), f.login(t, first).Pair(t)
	change := func(access, password string) hosttest.Answer {
		return f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/password", Bearer: access, Form: hosttest.Form("password", password)})
	}
	change(here.Access, "short").Is(t, http.StatusBadRequest, "15 characters")
	change(here.Access, address+address).Is(t, http.StatusBadRequest, "e-mail address")
	after := change(here.Access, second).Pair(t)
	for _, p := range []hosttest.Pair{elsewhere, here} {
		f.Get(t, "/me", p.Access).Is(t, http.StatusUnauthorized, "")
		f.Post(t, "/refresh", "refresh_token", p.Refresh).Is(t, http.StatusBadRequest, "invalid_grant")
	}
	f.Get(t, "/me", after.Access).Is(t, http.StatusOK, "u-")
	f.login(t, first).Is(t, http.StatusBadRequest, "invalid_grant")
	f.clock.Advance(6 * time.Minute)
	change(after.Access, first).Is(t, http.StatusUnauthorized, "A more recent or a stronger login")
}

func TestWhatIsNoAddressGetsNoMail(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, email := range []string{
		"", "ada", "Ada <ada@example.com>", `"eve@example.com, ada"@example.com`, "ada@example.com, eve@example.com",
		"ada@example.com\r\nBcc: eve@example.com", strings.Repeat("a", 250) + "@example.com",
	} {
		f.Post(t, "/register", "email", email).Is(t, http.StatusBadRequest, "no e-mail address")
	}
	f.token(t, "/register", toRegister)
	if len(f.mails) > 0 {
		t.Errorf("a mail was sent: %s", <-f.mails)
	}
}

func TestMailsAreLimited(t *testing.T) {
	t.Parallel()
	f := start(t)
	for range 10 {
		f.Post(t, "/register", "email", address).Is(t, http.StatusAccepted, "")
	}
	f.Post(t, "/register", "email", address).Is(t, http.StatusTooManyRequests, "")
}
