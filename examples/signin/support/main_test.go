package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "correct horse & battery"
	reason   = "Ticket 4711: a parcel is missing"
)

type fixture struct {
	*hosttest.Host
	clock hosttest.Clock
	users *memstore.Store

	mu   sync.Mutex
	log  bytes.Buffer
	told []string
}

// Write and text are the audit log's.
func (f *fixture) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

func (f *fixture) text() (log string, told []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String(), f.told
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: hosttest.NewClock()}
	f.users = hosttest.Users(t, f.clock.Now, password, people...)
	_, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		return newApp(config{
			origin: origin, users: f.users, log: slog.New(slog.NewTextHandler(f, nil)), now: f.clock.Now,
			tell: func(customer, text string) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.told = append(f.told, customer+": "+text)
			},
		})
	})
	return f
}

func (f *fixture) login(t *testing.T, name string) hosttest.Pair {
	t.Helper()
	return f.Post(t, "/login", "username", name, "password", password).Pair(t)
}

func (f *fixture) act(t *testing.T, access, customer, reason string) hosttest.Answer {
	t.Helper()
	return f.Do(t, hosttest.Request{
		Method: http.MethodPost, Path: "/support/sessions", Bearer: access, Form: hosttest.Form("customer", customer, "reason", reason),
	})
}

// acting is the access token of mia, who acts for ada.
func (f *fixture) acting(t *testing.T) string {
	t.Helper()
	answer := f.act(t, f.login(t, "mia").Access, "u-ada", reason)
	var got struct {
		Access  string  `json:"access_token"`
		Refresh *string `json:"refresh_token"`
		Expires int     `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	if got.Refresh != nil || got.Expires != int(actFor/time.Second) {
		t.Errorf("it must have no refresh token, and end with Until: %s", answer.Body)
	}
	return got.Access
}

func TestAnAgentActsForACustomer(t *testing.T) {
	t.Parallel()
	f := start(t)
	acting := f.acting(t)
	f.Get(t, "/orders", acting).Is(t, http.StatusOK, `{"actor":"s-mia","customer":"u-ada","orders":["4711"]}`)
	log, told := f.text()
	for _, want := range []string{"kind=login ", "user=u-ada", "actor=s-mia", `reason="` + reason + `"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log has not %s: %s", want, log)
		}
	}
	if strings.Contains(log, acting) {
		t.Error("the audit log has the token")
	}
	if len(told) != 1 || told[0] != "u-ada: our support has opened your account: "+reason {
		t.Errorf("the customer was told %q", told)
	}
}

func TestTheCustomerSeesItAndEndsIt(t *testing.T) {
	t.Parallel()
	f := start(t)
	acting, ada := f.acting(t), f.login(t, "ada").Access
	var list struct {
		Sessions []struct {
			ID, Label string
			Act       struct{ Sub string }
		}
	}
	sessions := f.Get(t, "/account/sessions", ada)
	if err := json.Unmarshal([]byte(sessions.Body), &list); err != nil || len(list.Sessions) != 2 {
		t.Fatalf("got %s, %v", sessions.Body, err)
	}
	for _, s := range list.Sessions {
		if s.Act.Sub == "" {
			continue
		}
		if s.Act.Sub != "s-mia" || s.Label != reason {
			t.Errorf("got %+v", s)
		}
		f.Do(t, hosttest.Request{Method: http.MethodDelete, Path: "/account/sessions/" + s.ID, Bearer: ada}).Is(t, http.StatusNoContent, "")
	}
	f.Get(t, "/orders", acting).Is(t, http.StatusUnauthorized, "")
	f.Get(t, "/orders", ada).Is(t, http.StatusOK, "")
}

func TestItNeverOutlivesItsEnd(t *testing.T) {
	t.Parallel()
	f := start(t)
	acting := f.acting(t)
	f.clock.Advance(actFor - time.Second)
	f.Get(t, "/orders", acting).Is(t, http.StatusOK, "")
	f.clock.Advance(time.Second)
	f.Get(t, "/orders", acting).Is(t, http.StatusUnauthorized, "")
	f.Get(t, "/account/sessions", f.login(t, "ada").Access).Is(t, http.StatusOK, `"label":"Go-http-client`)
	f.Post(t, "/refresh", "refresh_token", acting).Is(t, http.StatusBadRequest, "invalid_grant")
}

// What an agent may not do in the customer's place.
func TestItDoesLessThanTheCustomer(t *testing.T) {
	t.Parallel()
	f := start(t)
	acting := f.acting(t)
	for _, q := range []hosttest.Request{
		{Method: http.MethodPost, Path: "/orders"},
		{Method: http.MethodPost, Path: "/account/keys"},
		{Method: http.MethodGet, Path: "/account/sessions"},
		{Method: http.MethodDelete, Path: "/account/sessions/x"},
		{Method: http.MethodPost, Path: "/support/sessions", Form: hosttest.Form("customer", "u-ada", "reason", reason)},
	} {
		q.Bearer = acting
		if answer := f.Do(t, q); answer.Status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", q.Method, q.Path, answer.Status, answer.Body)
		}
	}
}

func TestWhoMayActForWhom(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		agent, customer, reason string
		wait                    time.Duration
		status                  int
		text                    string
	}{
		"an agent for a customer":                       {"mia", "u-ada", reason, 0, http.StatusOK, "access_token"},
		"an agent without a reason":                     {"mia", "u-ada", "", 0, http.StatusBadRequest, "say why"},
		"an agent with a reason of spaces":              {"mia", "u-ada", "               ", 0, http.StatusBadRequest, "say why"},
		"an agent for an administrator":                 {"mia", "a-eva", reason, 0, http.StatusForbidden, "no customer"},
		"an agent for another":                          {"mia", "s-tom", reason, 0, http.StatusForbidden, "no customer"},
		"an agent for themselves":                       {"mia", "s-mia", reason, 0, http.StatusForbidden, "no customer"},
		"an agent for a customer who does not exist":    {"mia", "u-bob", reason, 0, http.StatusNotFound, "no such customer"},
		"an agent who logged in more than 5 min before": {"mia", "u-ada", reason, 6 * time.Minute, http.StatusUnauthorized, ""},
		"a customer for another":                        {"ada", "u-ada", reason, 0, http.StatusForbidden, ""},
		"an administrator, who is no agent":             {"eva", "u-ada", reason, 0, http.StatusForbidden, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			access := f.login(t, test.agent).Access
			f.clock.Advance(test.wait)
			f.act(t, access, test.customer, test.reason).Is(t, test.status, test.text)
		})
	}
}

func TestItEndsWithTheAgentsJob(t *testing.T) {
	t.Parallel()
	f := start(t)
	acting := f.acting(t)
	mia, err := f.users.User(t.Context(), "s-mia")
	if err != nil {
		t.Fatal(err)
	}
	mia.Scopes = nil
	if err := f.users.SetUser(t.Context(), mia); err != nil {
		t.Fatal(err)
	}
	f.Get(t, "/orders", acting).Is(t, http.StatusUnauthorized, "")
	if err := f.users.RemoveUser(t.Context(), "s-mia"); err != nil {
		t.Fatal(err)
	}
	f.Get(t, "/orders", acting).Is(t, http.StatusUnauthorized, "")
	f.Get(t, "/orders", f.login(t, "ada").Access).Is(t, http.StatusOK, "")
}

func TestAnAgentOpensAFewAccountsAnHour(t *testing.T) {
	t.Parallel()
	f := start(t)
	mia := f.login(t, "mia").Access
	for range 20 {
		f.act(t, mia, "u-ada", reason).Is(t, http.StatusOK, "")
	}
	f.act(t, mia, "u-ada", reason).Is(t, http.StatusTooManyRequests, "")
	f.act(t, f.login(t, "tom").Access, "u-ada", reason).Is(t, http.StatusOK, "")
}
