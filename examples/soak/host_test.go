package soak_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// ordersVariable tells the test that it is a host, and which.
const ordersVariable = "SALLYPORT_SOAK_HOST"

// The defects that a host can have.
const (
	advancesUnguarded = "AdvanceSession does not compare the generation"
	deniesNothing     = "the deny list forgets what it is told"
	countsAlone       = "the counters with leases are this host's own"
	countsTwice       = "each call costs two where the counters fail open"
)

// The routes of the calls. Each has counters of its own.
const (
	countedRoute = "/orders" // FailClosed
	leasedRoute  = "/leased" // FailClosed, with leases
	openedRoute  = "/opened" // FailOpen, and without the deny list, which is FailClosed
)

// lease is what a host charges in advance.
const lease = 5

// orders are what a host is told when it starts.
type orders struct {
	Postgres, Redis    string
	Keys               [][]byte // of access tokens; the first signs
	Refresh, Count     []byte
	Limit              int64
	Defect             string
	SQLConns, RedisMax int
}

// note is a line that a host writes to the test: an event, or that it is ready.
type note struct {
	Kind       events.Kind
	Session    string
	Generation int64
	Err        string
	Policy     string
	Opened     bool // it is of the route that fails open
}

const ready events.Kind = "ready"

// usage is what a host holds.
type usage struct {
	Heap       uint64
	Goroutines int
	SQL, Redis int // connections
	Files      int

	Leased, Trips int64 // calls of the route with leases, and of Redis for them
}

const (
	grace = 5 * time.Minute
	cheap = 64 // KiB of a password's hash, which is not what is tried
)

func hasher() (*passwords.Hasher, error) {
	return passwords.New(passwords.Config{Memory: cheap, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true})
}

// serve is a host, until it gets SIGTERM or the test is gone.
func serve(text string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := host(ctx, text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func host(ctx context.Context, text string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	handler, closed, err := o.routes(ctx)
	if err != nil {
		return err
	}
	defer closed()
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	gone := make(chan struct{})
	go func() { // a test that is gone has let go of its end
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(gone)
	}()
	note{Kind: ready}.tell()
	select {
	case <-ctx.Done():
	case <-gone:
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	err = server.Shutdown(within)
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

func noteOf(e events.Event) note {
	n := note{Kind: e.Kind, Session: e.SessionID, Generation: e.Generation, Policy: e.Policy}
	if e.Err != nil {
		n.Err = e.Err.Error()
	}
	return n
}

// tell writes a note in one piece.
func (n note) tell() {
	line, err := json.Marshal(n)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		panic(err) // a host that cannot be watched proves nothing
	}
}

func (o orders) routes(ctx context.Context) (_ http.Handler, closed func(), err error) {
	db, err := sql.Open("pgx", o.Postgres)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(o.SQLConns)
	if o.SQLConns > 0 {
		db.SetMaxIdleConns(o.SQLConns)
	}
	options, err := redisstore.Options(o.Redis)
	if err != nil {
		return nil, nil, err
	}
	if o.RedisMax > 0 {
		options.PoolSize = o.RedisMax
	}
	client := redis.NewClient(options)
	ofLeases := redis.NewClient(options)
	var trips counter
	ofLeases.AddHook(&trips)
	leave := func() { _, _, _ = db.Close(), client.Close(), ofLeases.Close() }
	defer func() {
		if err != nil {
			leave()
		}
	}()
	hashes, err := hasher()
	if err != nil {
		return nil, nil, err
	}
	sessions, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: hashes})
	if err != nil {
		return nil, nil, err
	}
	denied, err := redisstore.New(ctx, client, redisstore.Config{Users: sessions})
	if err != nil {
		return nil, nil, err
	}
	counters, err := rediscounters.New(client, rediscounters.Config{Secret: o.Count})
	if err != nil {
		return nil, nil, err
	}
	ahead, err := rediscounters.New(ofLeases, rediscounters.Config{Secret: o.Count, Prefix: "leased", Lease: lease})
	if err != nil {
		return nil, nil, err
	}
	open, err := rediscounters.New(client, rediscounters.Config{Secret: o.Count, Prefix: "opened"})
	if err != nil {
		return nil, nil, err
	}
	ring, err := keys.NewRing(o.keys()...)
	if err != nil {
		return nil, nil, err
	}
	c := tokens.Config{
		Store: sessions, Revocations: denied, Issuer: "https://soak.example", Audience: "orders", RetryGrace: grace,
		KeyRing: ring, RefreshKeys: []keys.Secret{keys.Secret(o.Refresh)},
		Events: func(_ context.Context, e events.Event) { noteOf(e).tell() },
	}
	v := tokens.VerifierConfig{
		Keys: ring, Issuer: c.Issuer, Audience: c.Audience,
		Events: func(_ context.Context, e events.Event) {
			n := noteOf(e)
			n.Opened = true
			n.tell()
		},
	}
	var limit ratelimit.LimitConfig
	switch o.Defect {
	case advancesUnguarded:
		c.Store = unguarded{sessions}
	case deniesNothing:
		c.Revocations = forgetful{denied}
	case countsAlone:
		ahead = ratelimit.Memory()
	case countsTwice:
		limit.Cost = func(*http.Request) int64 { return 2 }
	}
	authority, err := tokens.New(c)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := tokens.NewVerifier(v)
	if err != nil {
		return nil, nil, err
	}
	var auths []*middleware.Auth
	for _, c := range []middleware.Config{
		{Tokens: authority, Counters: counters},
		{Tokens: authority, Counters: ahead},
		{Verifier: verifier, Counters: open, OnCounterFailure: ratelimit.FailOpen, Limit: limit},
	} {
		c.ClientIP, c.Tiers = clientip.RemoteAddr, o.tiers()
		auth, err := middleware.New(c)
		if err != nil {
			return nil, nil, err
		}
		auths = append(auths, auth)
	}
	auth := auths[0]
	done := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	var calls atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", auth.Login)
	mux.HandleFunc("POST /refresh", auth.Refresh)
	mux.HandleFunc("POST /logout", auth.Logout)
	mux.Handle("POST "+countedRoute, auth.Protect(done))
	mux.Handle("POST "+leasedRoute, auths[1].Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		done(w, r)
	})))
	mux.Handle("POST "+openedRoute, auths[2].Protect(done))
	mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) {
		var changed orders
		err := json.NewDecoder(r.Body).Decode(&changed)
		if err == nil {
			err = ring.Replace(changed.keys()...)
			for _, auth := range auths {
				err = errors.Join(err, auth.Reconfigure(r.Context(), ratelimit.Settings{Tiers: changed.tiers()}))
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("GET /usage", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, _ := os.ReadDir("/proc/self/fd")
		_ = json.NewEncoder(w).Encode(usage{
			Heap: m.HeapAlloc, Goroutines: runtime.NumGoroutine(), Files: len(files),
			SQL: db.Stats().OpenConnections, Redis: int(client.PoolStats().TotalConns + ofLeases.PoolStats().TotalConns),
			Leased: calls.Load(), Trips: trips.calls.Load(),
		})
	})
	return mux, leave, nil
}

func (o orders) keys() []keys.Key {
	all := make([]keys.Key, len(o.Keys))
	for i, secret := range o.Keys {
		all[i] = keys.Key{Algorithm: "HS256", Secret: keys.Secret(secret)}
	}
	return all
}

func (o orders) tiers() ratelimit.Tiers {
	return ratelimit.Tiers{"team": {Limit: o.Limit, Period: 24 * time.Hour}}
}

// counter counts the calls of Redis.
type counter struct{ calls atomic.Int64 }

func (*counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		c.calls.Add(1)
		return next(ctx, command)
	}
}

func (*counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// unguarded is a store that advances a session whatever its generation is.
type unguarded struct{ *sqlstore.Store }

func (u unguarded) AdvanceSession(ctx context.Context, id string, _ int64, at, idleUntil time.Time) error {
	s, err := u.Session(ctx, id)
	if err != nil {
		return err
	}
	return u.Store.AdvanceSession(ctx, id, s.Generation, at, idleUntil)
}

// forgetful is a deny list that keeps nothing.
type forgetful struct{ store.Revocations }

func (forgetful) DenySession(context.Context, string, time.Time) error { return nil }
