package crashtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// ordersVariable tells the test that it is a host, and which.
const ordersVariable = "SALLYPORT_CRASHTEST_HOST"

// modes are the values of RetryGrace that each host serves side by side: without it
// a refresh token can be used once; with it a retry gets the same successor.
var modes = map[string]time.Duration{strict: 0, graceful: 300 * time.Second}

const (
	strict   = "strict"
	graceful = "graceful"
)

// note is a line that a host writes to the test: an event, or that it is ready.
type note struct {
	Mode       string
	Kind       events.Kind
	Session    string
	Generation int64
	Err        string
}

const ready events.Kind = "ready"

// serve is a host, until it is killed or the test is gone.
func serve(orders string) (code int) {
	if err := host(context.Background(), orders); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func host(ctx context.Context, orders string) error {
	var p place
	if err := json.Unmarshal([]byte(orders), &p); err != nil {
		return err
	}
	s, closed, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer closed()
	mux := http.NewServeMux()
	for name := range modes {
		if err := p.mount(mux, name, s); err != nil {
			return err
		}
	}
	mux.HandleFunc("/goroutines", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, runtime.NumGoroutine()) })

	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { // a test that is gone has let go of its end
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	note{Kind: ready}.tell()
	return server.Serve(listener)
}

// mount serves one mode below its name.
func (p *place) mount(mux *http.ServeMux, mode string, s store.Store) error {
	authority, err := tokens.New(tokens.Config{
		Store: s, Issuer: "https://crashtest.example", Audience: "api", RetryGrace: modes[mode], Timeout: p.Timeout,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(p.Signing)}},
		RefreshKeys: []keys.Secret{keys.Secret(p.Refresh)},
		Events: func(_ context.Context, e events.Event) {
			n := note{Mode: mode, Kind: e.Kind, Session: e.SessionID, Generation: e.Generation}
			if e.Err != nil {
				n.Err = e.Err.Error()
			}
			n.tell()
		},
	})
	if err != nil {
		return err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		// Everybody here is ada, at one address, and they come in all at once.
		BruteForce: middleware.BruteForce{InsecureUnlimited: true},
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 1, Period: time.Hour},
			ada.Tier:            {Limit: 1, Period: time.Hour},
		},
	})
	if err != nil {
		return err
	}
	mux.HandleFunc("/"+mode+"/login", auth.Login)
	mux.HandleFunc("/"+mode+"/refresh", auth.Refresh)
	mux.HandleFunc("/"+mode+"/logout", auth.Logout)
	return nil
}

// tell writes a note in one piece, so that a host that is killed has written all
// of it or nothing.
func (n note) tell() {
	line, err := json.Marshal(n)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		panic(err) // a host that cannot be watched proves nothing
	}
}
