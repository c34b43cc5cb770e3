package soak_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var errBroken = errors.New("a promise is broken")

const password = "correct horse & battery"

// settings say how large a soak is.
type settings struct {
	length         time.Duration
	groups, people int   // at a time, and in each group
	limit          int64 // of the calls of a group
	seed           uint64
	quiet          bool // no faults
	defaults       bool // the pools are as they are without a setting
	defect         string
}

// soak is one run.
type soak struct {
	settings

	postgres *postgrestest.Server // nil: one that others use, too
	redis    *redistest.Server
	admin    *sql.DB
	store    *sqlstore.Store
	nodes    []*node
	ledger   *ledger
	client   *http.Client // of the test itself
	chance   *rand.Rand   // of the faults

	mu     sync.Mutex
	users  int
	least  int64 // of the limits in force
	most   int64
	groups []*group
	begin  usage
	deaths atomic.Int64 // of hosts
	full   atomic.Int64 // groups that reached their limit
	exact  atomic.Int64 // those of them that had an answer to each call

	recovery time.Duration // the longest
	faults   map[string]int
}

const (
	sqlConns, redisConns = 8, 10
	maxKeys              = 60
)

func newSoak(t *testing.T, c settings) *soak {
	t.Helper()
	s := &soak{settings: c, least: c.limit, most: c.limit, ledger: newLedger(), faults: map[string]int{}, client: &http.Client{Transport: new(http.Transport), Timeout: patience}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.chance = rand.New(rand.NewPCG(c.seed, 1<<63))
	var dsn string
	if c.quiet {
		dsn = postgrestest.Schema(t)
	} else {
		s.postgres = postgrestest.Start(t)
		dsn = s.postgres.URL() + "&search_path=public&connect_timeout=5"
	}
	// What was answered must be on the disk.
	s.redis = redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	var err error
	s.admin, err = sql.Open("pgx", dsn)
	must(t, err)
	t.Cleanup(func() { _ = s.admin.Close() })
	hashes, err := hasher()
	must(t, err)
	config := sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: hashes}
	must(t, sqlstore.Migrate(t.Context(), s.admin, config))
	s.store, err = sqlstore.Open(t.Context(), s.admin, config)
	must(t, err)
	o := orders{
		Postgres: dsn, Redis: s.redis.URL(), Limit: c.limit, Defect: c.defect, SQLConns: sqlConns, RedisMax: redisConns,
		Keys: [][]byte{[]byte(keys.NewSecret())}, Refresh: []byte(keys.NewSecret()), Count: []byte(keys.NewSecret()),
	}
	for i := range 2 {
		// One of them behind PgBouncer, where there is one.
		if _, err := exec.LookPath("pgbouncer"); i == 1 && err == nil && !c.quiet {
			o.Postgres = postgrestest.PgBouncer(t, dsn, "transaction") + "&default_query_exec_mode=exec&connect_timeout=5"
		}
		if c.defaults {
			o.SQLConns, o.RedisMax = 0, 0
		}
		n := newNode(t, o, s.ledger)
		must(t, n.run())
		s.nodes = append(s.nodes, n)
	}
	return s
}

// all is the whole run, and returns what was broken.
func (s *soak) all(t *testing.T) error {
	t.Helper()
	t.Logf("seed %d, %v", s.seed, s.length)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	over := make(chan struct{})
	broken := make(chan error, s.settings.groups*s.people+2)
	var lives sync.WaitGroup
	for n := range s.settings.groups {
		lives.Go(func() {
			if err := s.lives(ctx, n, over); err != nil {
				broken <- err
				cancel()
			}
		})
	}
	if err := s.weather(ctx, t); err != nil && ctx.Err() == nil {
		broken <- err
		cancel()
	}
	close(over)
	lives.Wait()
	close(broken)
	var all []error
	for err := range broken {
		if !errors.Is(err, context.Canceled) {
			all = append(all, err)
		}
	}
	if len(all) == 0 {
		all = s.verdict(ctx, t)
	}
	all = append(all, s.ledger.broken()...)
	s.report(t)
	return errors.Join(all...)
}

// lives lets one group after another live. Each has addresses of its own: a login whose
// client hangs up costs a failed attempt of the address, and people do so often here.
func (s *soak) lives(ctx context.Context, n int, over <-chan struct{}) error {
	for turn := n; ; turn += s.settings.groups {
		select {
		case <-over:
			return nil
		default:
		}
		g, err := s.newGroup(ctx, routes[(turn/s.settings.groups+n)%len(routes)])
		if err != nil {
			return err
		}
		people := make([]*person, s.people)
		for i := range people {
			people[i] = newPerson(s, turn*s.people+i)
		}
		errs := make([]error, len(people))
		var all sync.WaitGroup
		for i, p := range people {
			p.group = g
			all.Go(func() { errs[i] = p.lives(ctx, over) })
		}
		all.Wait()
		if err = errors.Join(errs...); err == nil {
			err = g.ends(ctx, people[0])
		}
		for _, p := range people {
			p.http.CloseIdleConnections()
		}
		if err != nil {
			return err
		}
	}
}

var routes = []string{countedRoute, leasedRoute, openedRoute}

// newGroup adds a user.
func (s *soak) newGroup(ctx context.Context, route string) (*group, error) {
	s.mu.Lock()
	s.users++
	name := fmt.Sprint("user-", s.users)
	g := &group{login: name, id: "id-" + name, route: route, least: s.least, most: s.most, deaths: s.deaths.Load()}
	s.groups = append(s.groups, g)
	s.mu.Unlock()
	u := store.User{ID: g.id, Login: name, Account: "account-" + name, Tier: "team", Seats: 1}
	for {
		err := s.store.AddUser(ctx, u, password)
		switch {
		case err == nil, errors.Is(err, store.ErrConflict): // of an attempt whose answer was lost
			return g, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// ends compares what the group was told with its counter.
func (g *group) ends(ctx context.Context, p *person) error {
	var last answer
	for host, refused := 0, 0; ; host++ {
		a, _, err := p.insists(ctx, func(ctx context.Context) answer {
			a := p.post(ctx, host%len(p.soak.nodes), g.route, p.session.access, nil)
			g.count(a)
			return a
		})
		switch {
		case err != nil:
			return err
		case a.status != http.StatusNoContent && a.status != http.StatusTooManyRequests:
			return fmt.Errorf("%w: the last call of %s was answered %d", errBroken, g.login, a.status)
		case a.limit == 0: // the counters have failed
			pause(ctx, 20*time.Millisecond)
			continue
		}
		refused++
		if a.status == http.StatusNoContent {
			refused = 0
		}
		// What a host has charged in advance, it can still spend.
		if last = a; g.route != leasedRoute || refused == len(p.soak.nodes) {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// Of a call without an answer it is not known whether it was counted, nor of one that
	// was admitted because the counters failed.
	unknown := g.unsure + g.uncounted
	lost := unknown // what the counter may have and was not admitted
	if g.route == leasedRoute {
		lost = (1+lease)*unknown + lease*(p.soak.deaths.Load()-g.deaths)
	}
	spent := last.limit - last.left
	switch {
	case g.admitted > g.most:
		return fmt.Errorf("%w: %d calls of %s were admitted, and the limit was %d at most", errBroken, g.admitted, g.login, g.most)
	case g.route != leasedRoute && g.least == g.most && (spent < g.admitted || spent > g.admitted+unknown):
		return fmt.Errorf("%w: the counter of %s has %d; %d were admitted, and of %d it is not known", errBroken, g.login, spent, g.admitted, unknown)
	case g.denied > 0 && g.admitted+lost < g.least:
		return fmt.Errorf("%w: %s was refused %s after %d calls; at most %d were lost, and the limit was %d at least", errBroken, g.login, g.route, g.admitted, lost, g.least)
	}
	if g.denied > 0 {
		p.soak.full.Add(1)
		if lost == 0 {
			p.soak.exact.Add(1)
		}
	}
	return nil
}

// setLimit changes the limit. Until all hosts have it, the old and the new one hold.
func (s *soak) setLimit(n int64, change func() error) error {
	s.mu.Lock()
	s.least, s.most = min(s.least, n), max(s.most, n)
	for _, g := range s.groups {
		g.mu.Lock()
		g.least, g.most = min(g.least, n), max(g.most, n)
		g.mu.Unlock()
	}
	s.mu.Unlock()
	if err := change(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.least, s.most = n, n
	return nil
}

// verdict compares what the stores hold with what clients have.
func (s *soak) verdict(ctx context.Context, t *testing.T) (all []error) {
	t.Helper()
	broken := func(format string, args ...any) {
		all = append(all, fmt.Errorf("%w: "+format, append([]any{errBroken}, args...)...))
	}
	asks := newPerson(s, mostPeople+1)
	defer asks.http.CloseIdleConnections()
	asks.soak = &soak{settings: settings{quiet: true}, nodes: s.nodes}
	live, ended := 0, 0
	var uncounted, unsure int64 // of the route that fails open
	for _, g := range s.groups {
		asks.group = g
		if uncounted += g.uncounted; g.route == openedRoute {
			unsure += g.unsure
		}
		for _, one := range g.sessions {
			found, err := s.store.Session(ctx, one.newest.session())
			if err != nil || found.RevokedAt.IsZero() == one.ended || found.Generation != one.newest.generation() || found.UserID != g.id {
				broken("a session of %s at generation %d, ended: %t; the store has %+v, %v", g.login, one.newest.generation(), one.ended, found, err)
				continue
			}
			asks.session = one
			if one.ended {
				ended++
				err = asks.isOut(ctx, one)
			} else {
				live++
				err = asks.movesOn(ctx)
			}
			if err != nil {
				all = append(all, err)
			}
		}
		var stored int64
		if err := s.admin.QueryRowContext(ctx, "SELECT count(*) FROM sallyport_sessions WHERE user_id = $1", g.id).Scan(&stored); err != nil {
			all = append(all, err)
		}
		if known := int64(len(g.sessions)); stored < known || stored > known+g.lostLogins {
			broken("%s has %d sessions, of which clients know %d and may have lost %d", g.login, stored, known, g.lostLogins)
		}
	}
	// Each failure is told before the call is answered.
	if told := s.ledger.failedOpen(); told < uncounted || told > uncounted+unsure {
		broken("%d calls were admitted uncounted, and of %d it is not known; hosts told of %d", uncounted, unsure, told)
	}
	t.Logf("%d groups, %d live sessions and %d that have ended are as their clients have them", len(s.groups), live, ended)
	asks.http.CloseIdleConnections()
	return append(all, s.leaks(ctx, t)...)
}

// leaks compares the host that was never restarted with what it was at the beginning.
func (s *soak) leaks(ctx context.Context, t *testing.T) (all []error) {
	t.Helper()
	const (
		memory = 8 << 20 // bytes
		few    = 8       // goroutines
	)
	var end usage
	deadline, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var err error
		if end, err = s.nodes[0].usage(ctx, s.client); err != nil {
			return []error{err}
		}
		fine := end.Heap <= s.begin.Heap+memory && end.Goroutines <= s.begin.Goroutines+few &&
			end.SQL <= sqlConns && end.Redis <= 2*redisConns && end.Files <= s.begin.Files+sqlConns+2*redisConns
		if fine || deadline.Err() != nil {
			t.Logf("a host at the beginning: %+v, and in the end: %+v", s.begin, end)
			if !fine {
				all = append(all, fmt.Errorf("%w: a host leaks: it had %+v, and has %+v", errBroken, s.begin, end))
			}
			if end.Leased > 1000 && end.Trips*3 > end.Leased*2 {
				all = append(all, fmt.Errorf("%w: for %d calls with leases a host has called Redis %d times", errBroken, end.Leased, end.Trips))
			}
			return all
		}
		pause(ctx, 100*time.Millisecond) // it closes connections of clients that are gone
	}
}

func (s *soak) report(t *testing.T) {
	t.Helper()
	var unsure, denied, uncounted int64
	admitted := map[string]int64{}
	for _, g := range s.groups {
		admitted[g.route] += g.admitted
		unsure, denied, uncounted = unsure+g.unsure, denied+g.denied, uncounted+g.uncounted
	}
	t.Logf("faults: %v; the longest recovery of both hosts took %v", s.faults, s.recovery.Round(time.Millisecond))
	t.Logf("%d groups reached their limit, %d of them with an answer to each call", s.full.Load(), s.exact.Load())
	t.Logf("%v calls admitted, %d uncounted where the counters fail open, %d over the limit, %d answered 503 or not at all; %d logins, %d refreshes, %d replays, %d logouts, %d sessions taken for stolen",
		admitted, uncounted, denied, unsure, s.ledger.count(events.Login), s.ledger.count(events.Refresh), s.ledger.count(events.Replay), s.ledger.count(events.Logout), s.ledger.count(events.Reuse))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
