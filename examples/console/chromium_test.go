package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/browsertest"
	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var update = flag.Bool("update", false, "take the pictures of docs/console anew")

// promise is what steps.mjs tries in Chromium.
type promise struct {
	Name    string         `json:"name"`
	Does    string         `json:"does"` // a function of steps.mjs
	Wants   map[string]any `json:"wants"`
	App     string         `json:"app"`     // where the page is
	Control string         `json:"control"` // where the script says what happens to the server
}

func TestInChromium(t *testing.T) {
	t.Parallel()
	chromium := inChromium(t)
	promises := []promise{
		{Name: "each job is done with the keyboard alone, and the programs that it copies run", Does: "keyboard"},
		{Name: "twenty calls at the expiry of the access token make one refresh", Does: "expires"},
		{Name: "so do twenty calls of each of two tabs", Does: "expiresInTwoTabs"},
		{Name: "signing out, and signing in as another user, shows in the other tab", Does: "twoTabs"},
		{Name: "a server that restarts loses nothing that was typed", Does: "restarts"},
		{Name: "nor does one that has forgotten the session", Does: "forgets"},
		{Name: "a form that is sent while the server is down is answered once it is up, and not sooner than it asks for", Does: "waits"},
		{Name: "a session that another device ends asks for the password", Does: "ended"},
		{Name: "the meters move with the API, show the limit, and do not move with the page", Does: "meters"},
		{Name: "many devices come in pages, and all others end at once", Does: "many"},
		{Name: "the key is on the page until its dialog is closed, and nothing secret is in an address or a storage", Does: "once"},
		{Name: "nothing moves for users who want no motion", Does: "still"},
	}
	for _, width := range []int{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			promises = append(promises, promise{
				Name: "axe finds nothing in any view, " + scheme + ", " + strconv.Itoa(width) + " px wide", Does: "views",
				Wants: map[string]any{"width": width, "scheme": scheme},
			})
		}
	}
	for i := range promises {
		promises[i].App, promises[i].Control = startServer(t)
	}
	tried := browsertest.Tried(t, "testdata", "drive.mjs", map[string]any{"browser": chromium, "promises": promises})
	for _, p := range promises {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			if wrong, ok := tried[p.Name]; !ok || wrong != "" {
				t.Errorf("tried: %t\n%s", ok, wrong)
			}
		})
	}
}

// The pictures of the documentation are taken with -update.
func TestPictures(t *testing.T) {
	t.Parallel()
	if !*update {
		t.Skip("-update is not set") //nolint:forbidigo // it is no test
	}
	chromium := inChromium(t)
	p := promise{Name: "pictures", Does: "pictures", Wants: map[string]any{"folder": "../../../docs/console"}}
	p.App, p.Control = startServer(t)
	if wrong := browsertest.Tried(t, "testdata", "drive.mjs", map[string]any{"browser": chromium, "promises": []promise{p}})[p.Name]; wrong != "" {
		t.Error(wrong)
	}
}

// inChromium returns the browser that these tests need. They take too long for a run of
// all tests.
func inChromium(t *testing.T) string {
	t.Helper()
	chromium := browsertest.Browser(t, "testdata")
	if shell := browsertest.Shell(); shell != "" {
		return shell
	}
	return chromium
}

// server is one that the script of a promise stops, starts again and sets the time of.
type server struct {
	clock            hosttest.Clock
	signing, refresh keys.Secret
	ctx              context.Context // that of the test

	mu    sync.Mutex
	addr  string
	users *memstore.Store
	http  *http.Server
	wait  string // what it asks for with Retry-After while it is not ready
	asked []request
}

// request is a line of the log.
type request struct {
	What string `json:"what"`
	At   int64  `json:"at"` // milliseconds since 1970
}

// startServer returns the origins of a server and of what controls it.
func startServer(t *testing.T) (app, control string) {
	t.Helper()
	s := &server{clock: hosttest.NewClock(), signing: keys.NewSecret(), refresh: keys.NewSecret(), addr: "127.0.0.1:0", ctx: t.Context()}
	s.users = hosttest.Users(t, s.clock.Now, demoPassword, demoUsers...)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	controls := http.NewServeMux()
	do := func(name string, does func(r *http.Request) error) {
		controls.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := does(r); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	do("stop", func(*http.Request) error { return s.http.Close() })
	do("start", func(*http.Request) error { return s.start() })
	do("forget", func(*http.Request) error {
		s.signing, s.refresh = keys.NewSecret(), keys.NewSecret()
		s.users = hosttest.Users(t, s.clock.Now, demoPassword, demoUsers...)
		return s.start()
	})
	do("unready", func(r *http.Request) error {
		s.wait = r.URL.Query().Get("wait") // empty: it is ready
		return nil
	})
	do("advance", func(r *http.Request) error {
		d, err := time.ParseDuration(r.URL.Query().Get("by"))
		s.clock.Advance(d)
		return err
	})
	controls.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(s.asked)
	})
	remote := httptest.NewServer(controls)
	t.Cleanup(remote.Close)
	t.Cleanup(func() { _ = s.http.Close() })
	return "http://" + s.addr, remote.URL
}

func (s *server) start() error {
	listener, err := new(net.ListenConfig).Listen(s.ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	s.addr = listener.Addr().String()
	host, err := newHost(config{
		origin: "http://" + s.addr, store: s.users, signing: s.signing, refresh: s.refresh,
		log: slog.New(slog.DiscardHandler), now: s.clock.Now,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.http = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, request{r.Method + " " + r.URL.Path, time.Now().UnixMilli()})
		wait := s.wait
		s.mu.Unlock()
		if wait != "" {
			w.Header().Set("Retry-After", wait)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		host.ServeHTTP(w, r)
	})}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.http)
	return nil
}
