package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/health"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const accessTTL = time.Hour

// config is what a node needs.
type config struct {
	origin string
	folder string // of the keys
	users  store.Store
	log    *slog.Logger
	now    func() time.Time
}

// node is one process of the service.
type node struct {
	config

	routes   *http.ServeMux
	ring     *keys.Ring
	probes   *health.Health
	draining atomic.Bool
}

func newNode(c config) (*node, error) {
	signing, err := readSigning(c.folder)
	if err != nil {
		return nil, err
	}
	refresh, err := readRefresh(c.folder)
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewRing(signing...)
	if err != nil {
		return nil, err
	}
	authority, err := tokens.New(tokens.Config{
		Store: c.users, Issuer: c.origin, Audience: c.origin, AccessTTL: accessTTL,
		KeyRing: ring, RefreshKeys: []keys.Secret{refresh},
		Events: events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		return nil, err
	}
	probes, err := health.New(health.Config{
		Checks: []health.Check{health.Keys(ring)}, // and health.Store of a store that can fail
		Now:    c.now,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.HandleFunc("GET /jwks.json", auth.JWKS)
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	mux.HandleFunc("GET /live", probes.Live)
	mux.HandleFunc("GET /ready", probes.Ready)
	return &node{config: c, routes: mux, ring: ring, probes: probes}, nil
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	_, _ = fmt.Fprintln(w, p.Subject)
}

// ServeHTTP serves a request. A client whose connection is about to end is told so with its
// answer: the server closes none on which a request may be on its way.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	n.routes.ServeHTTP(w, r)
}

// reload reads the keys again. If anything is wrong with them, the node keeps those that
// it has.
func (n *node) reload(ctx context.Context) {
	signing, err := readSigning(n.folder)
	if err == nil {
		err = n.ring.Replace(signing...)
	}
	if err != nil {
		n.log.ErrorContext(ctx, "the keys were not replaced", "err", err)
		return
	}
	n.log.InfoContext(ctx, "the keys were read", "signs", n.ring.Current().Signer(n.now()).ID())
}

// follow reloads the keys on a signal, and when their file has changed, until ctx is done.
func (n *node) follow(ctx context.Context, signal <-chan os.Signal, every time.Duration) {
	look := time.NewTicker(every)
	defer look.Stop()
	var seen time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		case <-look.C:
			if n.changed().Equal(seen) {
				continue
			}
		}
		seen = n.changed()
		n.reload(ctx)
	}
}

// changed is when the file of the keys was written.
func (n *node) changed() time.Time {
	info, err := os.Stat(n.folder + "/" + signingFile)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
