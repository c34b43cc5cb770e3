package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/otelauth"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// grace is for answers that a node took with it: the client asks again.
const grace = 60 * time.Second

// host is the application, of which each node runs one.
type host struct {
	http.Handler

	db     *sql.DB
	client *redis.Client // nil: nothing is on Redis
}

// newHost opens the stores that all nodes share, and mounts the API behind an Auth. Everything that two nodes must agree on is in s.
func newHost(ctx context.Context, s secrets, telemetry *otelauth.Telemetry, told func(context.Context, events.Event)) (*host, error) {
	db, err := sql.Open(drivers[s.Dialect], s.DSN)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	h := &host{db: db}
	if s.Redis != "" {
		options, err := redisstore.Options(s.Redis)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		h.client = redis.NewClient(options)
	}
	if h.Handler, err = h.routes(ctx, s, telemetry, told); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *host) routes(ctx context.Context, s secrets, telemetry *otelauth.Telemetry, told func(context.Context, events.Event)) (http.Handler, error) {
	sessions, err := sqlstore.Open(ctx, h.db, sqlstore.Config{Dialect: s.Dialect})
	if err != nil {
		return nil, err
	}
	counters, denied, err := h.shared(ctx, s, sessions, telemetry)
	if err != nil {
		return nil, err
	}
	clientIP, err := clientip.BehindProxies(clientip.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Hops: 1})
	if err != nil {
		return nil, err
	}
	authority, err := tokens.New(tokens.Config{
		Store:       telemetry.Store(sessions),
		Revocations: telemetry.Revocations(denied),
		Issuer:      "https://cluster.example",
		Audience:    "orders",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(s.Signing)}},
		RefreshKeys: []keys.Secret{keys.Secret(s.Refreshing)},
		RetryGrace:  grace,
		Events:      telemetry.Events(told),
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:         authority,
		ClientIP:       clientIP,
		Tiers:          tiers(s),
		Counters:       telemetry.Counters(counters),
		Verified:       telemetry.Verified,
		Decided:        telemetry.Decided,
		CounterTimeout: 5 * time.Second, // the load may have all of a small machine
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, telemetry.Handler(pattern, h)) }
	handle("POST /login", http.HandlerFunc(auth.Login))
	handle("POST /refresh", http.HandlerFunc(auth.Refresh))
	handle("POST /logout", http.HandlerFunc(auth.Logout))
	// no GET, which an HTTP client or a proxy may send twice when a connection breaks
	handle("POST /orders", auth.Protect(http.HandlerFunc(order)))
	return mux, nil
}

// tiers is the one limit. Nothing comes back within the hour, so that what is admitted can
// be counted.
func tiers(s secrets) ratelimit.Tiers {
	return ratelimit.Tiers{"team": {Limit: s.Limit, Period: time.Hour, Algorithm: ratelimit.FixedWindow}}
}

// shared returns the counters and the deny list: on Redis, or in the database that has
// the sessions.
func (h *host) shared(ctx context.Context, s secrets, sessions *sqlstore.Store, telemetry *otelauth.Telemetry) (ratelimit.Counters, store.Revocations, error) {
	if h.client == nil {
		c := s.countersConfig()
		c.OnWait = telemetry.CounterWaited
		counters, err := sqlcounters.New(h.db, c)
		return counters, sessions, err
	}
	counters, err := rediscounters.New(h.client, rediscounters.Config{Secret: s.Counting, Prefix: s.Prefix, OnWait: telemetry.CounterWaited})
	if err != nil {
		return nil, nil, err
	}
	// the same client keeps the deny list; of the rest of this store nothing is used
	denied, err := redisstore.New(ctx, h.client, redisstore.Config{Users: sessions, Prefix: s.Prefix + ":"})
	return counters, denied, err
}

func order(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (h *host) close() error {
	err := h.db.Close()
	if h.client != nil {
		err = errors.Join(err, h.client.Close())
	}
	return err
}
