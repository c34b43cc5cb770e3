package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// TestMain is the node, too: the cluster runs its own program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == nodeCommand {
		if err := start(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestANodeIsKilledAndNothingIsLost(t *testing.T) {
	t.Parallel()
	servers := map[string]options{
		onRedis:    {database: postgrestest.Schema(t), redis: redistest.URL(t), clients: 9, limit: 60},
		onPostgres: {database: postgrestest.Schema(t), clients: 6, limit: 24},
		onMariaDB:  {database: mariadbtest.URL(t), mariadb: true, clients: 6, limit: 24},
	}
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != onRedis {
				skip.Long(t)
			}
			o.name, o.nodes = "sallyport_test_"+strings.ToLower(rand.Text()), 3
			aNodeIsKilled(t, o)
			if name == onRedis {
				postgrestest.LeavesNothing(t, o.database, o.redis, o.name)
			}
		})
	}
}

func aNodeIsKilled(t *testing.T, o options) {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), o, &out); err != nil {
		t.Errorf("run: %v", err)
	}
	for _, line := range []string{
		`killed a node`, `started it again`, fmt.Sprintf(`admitted  %[1]d of %[1]d: `, 3*o.limit), `refused   [1-9]`, `rotated   [1-9]`,
		fmt.Sprintf(`logged out, %[1]d of %[1]d`, o.clients), `lost      0\n`,
	} {
		if !regexp.MustCompile(line).MatchString(out.String()) {
			t.Errorf("it did not print %q:\n%s", line, out.String())
		}
	}
}

func TestAServerThatIsNotThereIsOneLine(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]options{
		"no Redis at 127.0.0.1:1":      {database: postgrestest.Schema(t), redis: "redis://:s3cret@127.0.0.1:1/0"},
		"no PostgreSQL at 127.0.0.1:1": {database: "postgres://app:s3cret@127.0.0.1:1/app", redis: redistest.URL(t)},
		"SALLYPORT_POSTGRES is no URL": {database: "postgres://app:s3cret@127.0.0.1:port/app"},
		"no MariaDB at 127.0.0.1:1":    {database: "mysql://app:s3cret@127.0.0.1:1/", mariadb: true},
		"SALLYPORT_MARIADB is no URL":  {database: "mysql://app:s3cret@127.0.0.1:port/", mariadb: true},
		"SALLYPORT_REDIS: ":            {database: postgrestest.Schema(t), redis: "redis://:s3cret@127.0.0.1:port/0"},
	} {
		err := run(t.Context(), o, t.Output())
		if err == nil || !strings.HasPrefix(err.Error(), name) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nodes", "1"}, {"-clients", "2"}, {"-limit", "3"}, {"-on", "oracle"}, {"extra"}} {
		if err := start(t.Context(), args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// went is a load that went as it should, but for this.
func went(but func(l *load)) *load {
	l := newLoad(options{clients: 6, limit: 10}, "")
	for _, a := range l.accounts {
		a.admitted.Store(9)
		a.cutOff.Store(2)
		a.limited.Store(5)
		a.rotated.Store(4)
		a.kept = 4
	}
	but(l)
	return l
}

func TestABrokenPromiseIsAnError(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := went(func(*load) {}).report(&out, map[string]int{"login": 6, "replay": 2}); err != nil {
		t.Errorf("as it should: %v", err)
	}
	const want = "admitted  30 of 30: 27 were answered, and 3 of the 6 that were cut off with their node had been counted\n"
	if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "lost      0\n") {
		t.Errorf("it printed\n%s", out.String())
	}
	for name, l := range map[string]*load{
		"more was admitted than the limit":          went(func(l *load) { l.accounts[0].admitted.Store(11) }),
		"less was admitted":                         went(func(l *load) { l.accounts[1].admitted.Store(7) }),
		"nothing was refused":                       went(func(l *load) { l.accounts[2].limited.Store(0) }),
		"more was cut off than a node takes along":  went(func(l *load) { l.accounts[2].cutOff.Store(9) }),
		"a refresh that was answered is not stored": went(func(l *load) { l.accounts[0].kept-- }),
		"a refresh is stored that was not answered": went(func(l *load) { l.accounts[0].kept++ }),
		"a client was lost":                         went(func(l *load) { l.lost = []error{errors.New("ada: refused")} }),
	} {
		if err := l.report(&out, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := went(func(*load) {}).report(&out, map[string]int{"reuse": 1}); err == nil {
		t.Error("a session was ended for a reuse: no error")
	}
}

// A client notices what a node must not do.
func TestAClientNotices(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	for name, handler := range map[string]http.HandlerFunc{
		"that it is thrown out": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"two successors of one token": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"access_token":"a","refresh_token":"%d"}`, n.Add(1))
		},
		"a token that is its own successor": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"access_token":"a","refresh_token":"old"}`)
		},
	} {
		server := httptest.NewServer(handler)
		l := newLoad(options{clients: 3, limit: 10}, server.URL)
		c := l.clients[0]
		c.refresh = "old"
		if err := c.rotate(t.Context(), 2); err == nil || c.user.rotated.Load() > 0 {
			t.Errorf("%s: %v", name, err)
		}
		l.http.CloseIdleConnections()
		server.Close()
	}
}

func TestTheProxyPassesOverANodeThatIsGone(t *testing.T) {
	t.Parallel()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Values("X-Forwarded-For"); len(from) != 1 || from[0] != "127.0.0.1" {
			t.Errorf("the client is %q", from)
		}
		w.Header().Set("X-A", r.FormValue("a"))
	}))
	defer node.Close()
	p, base, err := startProxy(t.Context(), []string{"127.0.0.1:1", node.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for range 4 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader("a=b"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", "203.0.113.7")
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Header.Get("X-A") != "b" {
			t.Errorf("got %s, %v", response.Status, response.Header)
		}
	}
}
