package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
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
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			d := open(t, test.edit)
			d.mux.HandleFunc("/metadata", d.Metadata)
			pair := d.login(t, alice)
			d.journal.Take()
			w := d.ask(t, "GET "+path+"\nAuthorization: Bearer "+string(pair.AccessToken)+"\n\n")
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
	wantStatus(t, d.call(t, "/bare", pair.AccessToken, ""), http.StatusUnauthorized)
	if all := d.journal.Take(); len(all) != 1 || all[0].Kind != events.Fault || !strings.Contains(all[0].Err.Error(), "mount Bearer or Protect in front") {
		t.Errorf("events %+v", all)
	}
	wantStatus(t, d.ask(t, "GET /bare\n\n"), http.StatusUnauthorized)
	if all := d.journal.Take(); len(all) != 0 {
		t.Errorf("a request without a token: events %+v", all)
	}
}
