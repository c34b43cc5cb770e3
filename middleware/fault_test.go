package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// silent is a host that has set no hook for events.
func silent(c *config) { c.tokens.Events = nil }

// The default logger is the process's, so this test runs alone.
func TestFaultC1WithoutAHookTheDefaultLoggerHasTheFault(t *testing.T) { //nolint:paralleltest // as the comment says
	var log bytes.Buffer
	old := slog.Default()                                     //nolint:forbidigo // it is what is tested
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil))) //nolint:forbidigo // it is what is tested
	t.Cleanup(func() { slog.SetDefault(old) })                //nolint:forbidigo // it is what is tested
	lines := func() []string {
		all := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
		log.Reset()
		if all[0] == "" {
			return nil
		}
		return all
	}

	now := time.Now()
	d := open(t, silent, func(c *config) {
		c.tokens.Now, c.auth.Now = func() time.Time { return now }, func() time.Time { return now }
		c.auth.Tiers = ratelimit.Tiers{"other": {Limit: 1, Period: time.Hour}}
	})
	pair := d.login(t, alice)
	if got := lines(); got != nil {
		t.Errorf("a success is logged: %q", got)
	}
	for range 3 { // of a user whose tier is not in Tiers
		wantStatus(t, d.call(t, "/me", pair.AccessToken, ""), http.StatusInternalServerError)
	}
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], "event.kind=fault") || !strings.Contains(got[0], `tier \"free\"`) {
		t.Errorf("logged %q, want one line that names the tier", got)
	}
	d.store.fail(errDriver)
	for range 3 {
		if _, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: alice.Login, Password: password}); err == nil {
			t.Error("a login succeeds")
		}
	}
	d.store.fail(nil)
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "event.kind=store_failure") || strings.Contains(got[0], password) {
		t.Errorf("logged %q, want one line of the failure", got)
	}
	now = now.Add(59 * time.Second)
	wantStatus(t, d.call(t, "/me", pair.AccessToken, ""), http.StatusInternalServerError)
	if got := lines(); got != nil {
		t.Errorf("logged again within a minute: %q", got)
	}
	now = now.Add(time.Second)
	wantStatus(t, d.call(t, "/me", pair.AccessToken, ""), http.StatusInternalServerError)
	if got := lines(); len(got) != 1 {
		t.Errorf("logged %q after a minute, want one line", got)
	}
	wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusername=alice&password=x"), http.StatusBadRequest)
	if got := lines(); got != nil {
		t.Errorf("a refused login is logged: %q", got)
	}
}

func TestFaultC1AHandlerThatCannotWorkNamesTheField(t *testing.T) {
	t.Parallel()
	for path, test := range map[string]struct {
		edit func(*config)
		want string
	}{
		"/keys":     {func(c *config) { c.tokens.APIKeys = nil }, "middleware: tokens.Config.APIKeys is nil"},
		"/metadata": {func(*config) {}, "middleware: Config.Endpoints is empty"},
		"/introspect": {func(c *config) {
			c.tokens.Clients, c.tokens.DefaultClient = registry{"app": {ID: "app", Grants: []string{tokens.GrantPassword}}}, "app"
		}, "middleware: Config.MayIntrospect is nil"},
		"/bare": {func(*config) {}, "middleware: RequireScope found an access token and no principal: mount Bearer or Protect"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			d := open(t, test.edit)
			d.mux.HandleFunc("/metadata", d.Metadata)
			pair := d.login(t, alice)
			d.journal.Take()
			method := "GET "
			if path == "/introspect" {
				method = "POST "
			}
			w := d.ask(t, method+path+"\nAuthorization: Bearer "+string(pair.AccessToken)+"\n\n")
			wantStatus(t, w, http.StatusInternalServerError)
			if strings.Contains(w.Body.String(), "Config") {
				t.Errorf("the client is told %s", w.Body)
			}
			all := d.journal.Take()
			if len(all) != 1 || all[0].Kind != events.Fault || !strings.HasPrefix(all[0].Err.Error(), test.want) {
				t.Errorf("events %+v, want a fault that names %s", all, test.want)
			}
		})
	}
}

func TestFaultC1RequireScopeWithoutBearerIsTold(t *testing.T) {
	t.Parallel()
	d := open(t)
	pair := d.login(t, alice)
	d.journal.Take()
	wantStatus(t, d.call(t, "/bare", pair.AccessToken, ""), http.StatusInternalServerError)
	if all := d.journal.Take(); len(all) != 1 || all[0].Kind != events.Fault || !strings.Contains(all[0].Err.Error(), "mount Bearer or Protect in front") {
		t.Errorf("events %+v", all)
	}
	wantStatus(t, d.ask(t, "GET /bare\n\n"), http.StatusUnauthorized)
	d.journal.WantKinds(t, events.BearerRefused)
}

// A wire format of WithDialect is not seen by New, so the first request tells.
func TestFaultC1AWireFormatWithWhichNoLoginCanSucceedIsTold(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.tokens.Clients = registry{"app": {ID: "app"}} })
	lexik := d.WithDialect(wire.Lexik{})
	login := request(t, "POST /login\n"+form+"\n\n_username=alice&_password="+url.QueryEscape(password))
	refresh := request(t, "POST /refresh\n"+form+"\n\nrefresh_token=x")
	for _, check := range []func() error{
		func() error { _, err := lexik.CheckLogin(login); return err },
		func() error { _, err := lexik.CheckRefresh(refresh); return err },
	} {
		err := check()
		if got := wire.AsError(err).Reason; got != wire.ReasonInternal {
			t.Errorf("reason = %q (%v), want internal", got, err)
		}
		all := d.journal.Take()
		if len(all) != 1 || all[0].Kind != events.Fault || !strings.Contains(all[0].Err.Error(), "tokens.Config.Clients is set and DefaultClient is empty") {
			t.Errorf("events %+v, want a fault that names the fields", all)
		}
	}
	if _, err := d.WithDialect(wire.OAuth2{}).CheckLogin(request(t, "POST /login\n"+form+"\n\nusername=alice&password=x&client_id=app")); wire.AsError(err).Reason == wire.ReasonInternal {
		t.Errorf("a wire format that names clients: %v", err)
	}
}

// Callers without a token can send as many requests as they like. If no hook gets the
// events, they cost what they cost without events.
func TestFaultC1ARefusalWithoutAHookAllocatesNothingForAnEvent(t *testing.T) { //nolint:paralleltest // it counts allocations
	if raced {
		t.Skip("the race detector allocates") //nolint:forbidigo // nothing is missing
	}
	var journal eventtest.Journal
	silent, heard := open(t, silent), open(t, func(c *config) { c.tokens.Events = journal.Note })
	for name, text := range map[string]string{
		"no token":             "GET /\n\n",
		"no token of ours":     "GET /\nAuthorization: Bearer x.y.z\n\n",
		"two Authorizations":   "GET /\nAuthorization: Bearer a\nAuthorization: Bearer a\n\n",
		"a token of two words": "GET /\nAuthorization: Bearer a b\n\n",
	} {
		r := request(t, text)
		without := testing.AllocsPerRun(100, func() { _, _ = silent.CheckBearer(r) })
		if most := 1.0; without > most { // the rejection itself
			t.Errorf("%s: %v allocations, want at most %v", name, without, most)
		}
		if with := testing.AllocsPerRun(100, func() { _, _ = heard.CheckBearer(r) }); with <= without {
			t.Errorf("%s: an event costs nothing (%v, %v): it is not reported", name, with, without)
		}
	}
}
