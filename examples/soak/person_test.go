package soak_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// group is one user whom several people are, and what became of their calls.
type group struct {
	login, id string
	route     string

	mu                       sync.Mutex
	least, most              int64 // limits that were in force
	admitted, unsure, denied int64 // calls
	uncounted                int64 // calls that were admitted because the counters failed
	deaths                   int64 // of hosts, before
	lostLogins               int64
	sessions                 []*session
}

// count records what became of a call.
func (g *group) count(a answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case a.status == http.StatusNoContent && a.limit == 0:
		g.uncounted++
	case a.status == http.StatusNoContent:
		g.admitted++
	case a.status == http.StatusTooManyRequests:
		g.denied++
	default:
		g.unsure++
	}
}

// session is one that a person was given.
type session struct {
	newest token
	access string
	ended  bool
}

// person is honest: whatever goes wrong for them went wrong for somebody.
type person struct {
	soak    *soak
	group   *group
	http    *http.Client
	chance  *rand.Rand
	session *session
}

// mostPeople is how many people there can be.
const mostPeople = 50_000

// newPerson is one at an address of their own.
func newPerson(s *soak, n int) *person {
	local := net.IPv4(127, 1, byte(n/200), byte(1+n%200))
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: local}}
	transport := &http.Transport{
		DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4, DisableCompression: true,
		MaxConnsPerHost: 16, // a dial goes on after its request was abandoned, and takes a file
	}
	return &person{
		soak: s, http: &http.Client{Transport: transport, Timeout: time.Minute},
		chance: rand.New(rand.NewPCG(s.seed, uint64(n))),
	}
}

// answer is what came back; the status is 0 if it is not known.
type answer struct {
	status  int
	access  string
	refresh token
	limit   int64
	left    int64
}

func (a answer) unsure() bool { return a.status == 0 || a.status == http.StatusServiceUnavailable }

// post sends a form to one of the hosts.
func (p *person) post(ctx context.Context, host int, path, bearer string, form url.Values) answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.soak.nodes[host].url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := p.http.Do(r)
	if err != nil {
		return answer{}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &pair) // a refusal has neither
	a := answer{status: response.StatusCode, access: pair.Access, refresh: token(pair.Refresh)}
	a.limit, _ = strconv.ParseInt(response.Header.Get("X-RateLimit-Limit"), 10, 64)
	a.left, _ = strconv.ParseInt(response.Header.Get("X-RateLimit-Remaining"), 10, 64)
	return a
}

func (p *person) anyHost() int { return p.chance.IntN(len(p.soak.nodes)) }

// hangsUp is a context that now and then ends within some milliseconds.
func (p *person) hangsUp(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.soak.quiet || p.chance.IntN(12) > 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(p.chance.IntN(5000))*time.Microsecond)
}

// insists asks until the answer says something.
func (p *person) insists(ctx context.Context, ask func(ctx context.Context) answer) (a answer, unsure int64, err error) {
	for {
		once, cancel := p.hangsUp(ctx)
		a = ask(once)
		cancel()
		if ctx.Err() != nil {
			return a, unsure, ctx.Err()
		}
		if !a.unsure() {
			return a, unsure, nil
		}
		unsure++
		pause(ctx, 20*time.Millisecond)
	}
}

func (p *person) comesIn(ctx context.Context) error {
	form := url.Values{"username": {p.group.login}, "password": {password}}
	a, unsure, err := p.insists(ctx, func(ctx context.Context) answer { return p.post(ctx, p.anyHost(), "/login", "", form) })
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	p.group.lostLogins += unsure
	if err != nil {
		p.group.lostLogins++
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("%w: a login of %s was answered %d", errBroken, p.group.login, a.status)
	}
	p.session = &session{newest: a.refresh, access: a.access}
	p.group.sessions = append(p.group.sessions, p.session)
	return nil
}

// movesOn refreshes, now and then in two tabs at once, at different hosts.
func (p *person) movesOn(ctx context.Context) error {
	form := url.Values{"refresh_token": {string(p.session.newest)}}
	tabs := 1 + p.chance.IntN(2)
	answers, errs := make([]answer, tabs), make([]error, tabs)
	var all sync.WaitGroup
	for i := range tabs {
		host, again := p.anyHost(), i
		one := *p
		one.chance = rand.New(rand.NewPCG(p.chance.Uint64(), 0))
		all.Go(func() {
			answers[again], _, errs[again] = one.insists(ctx, func(ctx context.Context) answer {
				return one.post(ctx, (host+again)%len(p.soak.nodes), "/refresh", "", form)
			})
		})
	}
	all.Wait()
	for i, a := range answers {
		switch {
		case errs[i] != nil:
			return errs[i]
		case a.status != http.StatusOK:
			return fmt.Errorf("%w: a refresh of %s was answered %d", errBroken, p.group.login, a.status)
		case a.refresh != answers[0].refresh:
			return fmt.Errorf("%w: one refresh token of %s had two successors", errBroken, p.group.login)
		case a.refresh.generation() != p.session.newest.generation()+1:
			return fmt.Errorf("%w: a refresh token of %s went from generation %d to %d", errBroken, p.group.login, p.session.newest.generation(), a.refresh.generation())
		}
	}
	p.session.newest, p.session.access = answers[0].refresh, answers[0].access
	return nil
}

// leaves logs out, and tries the access token and the refresh token at each host.
func (p *person) leaves(ctx context.Context) error {
	form := url.Values{"refresh_token": {string(p.session.newest)}}
	a, unsure, err := p.insists(ctx, func(ctx context.Context) answer { return p.post(ctx, p.anyHost(), "/logout", "", form) })
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent && unsure == 0 {
		return fmt.Errorf("%w: a logout of %s was answered %d", errBroken, p.group.login, a.status)
	}
	p.session.ended = true
	return p.isOut(ctx, p.session)
}

// isOut tries what a session had that has ended.
func (p *person) isOut(ctx context.Context, s *session) error {
	for host := range p.soak.nodes {
		a, _, err := p.insists(ctx, func(ctx context.Context) answer { return p.post(ctx, host, countedRoute, s.access, nil) })
		if err != nil {
			return err
		}
		if a.status != http.StatusUnauthorized {
			return fmt.Errorf("%w: after a logout of %s host %d answered a call with %d", errBroken, p.group.login, host, a.status)
		}
		a, _, err = p.insists(ctx, func(ctx context.Context) answer {
			return p.post(ctx, host, "/refresh", "", url.Values{"refresh_token": {string(s.newest)}})
		})
		if err != nil {
			return err
		}
		if a.status != http.StatusBadRequest {
			return fmt.Errorf("%w: after a logout of %s host %d answered a refresh with %d", errBroken, p.group.login, host, a.status)
		}
	}
	return nil
}

// calls makes one call, and reports whether the limit was reached.
func (p *person) calls(ctx context.Context) (limited bool, err error) {
	once, cancel := p.hangsUp(ctx)
	defer cancel()
	a := p.post(once, p.anyHost(), p.group.route, p.session.access, nil)
	p.group.count(a)
	switch a.status {
	case http.StatusNoContent:
		if a.limit == 0 && p.group.route != openedRoute {
			return false, fmt.Errorf("%w: a call of %s was not counted", errBroken, p.group.login)
		}
		return false, nil
	case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return a.status == http.StatusTooManyRequests, nil
	}
	return false, fmt.Errorf("%w: a call of %s was answered %d", errBroken, p.group.login, a.status)
}

// lives until the limit of the group is reached, or the soak is over.
func (p *person) lives(ctx context.Context, over <-chan struct{}) error {
	if err := p.comesIn(ctx); err != nil {
		return err
	}
	for limited := false; !limited; {
		select {
		case <-over:
			return nil
		default:
		}
		var err error
		switch n := p.chance.IntN(20); {
		case n < 3:
			err = p.movesOn(ctx)
		case n == 3:
			if err = p.leaves(ctx); err == nil {
				err = p.comesIn(ctx)
			}
		default:
			limited, err = p.calls(ctx)
		}
		if err != nil {
			return err
		}
		pause(ctx, time.Duration(p.chance.IntN(8000))*time.Microsecond)
	}
	return nil
}

// token is a refresh token. Its holder can read its contents.
type token string

// session is the ID of its session.
func (t token) session() string {
	sum := sha256.Sum256([]byte("sallyport sid\x00" + base64.RawURLEncoding.EncodeToString(t.body()[5:21])))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// generation is the one of its session that it belongs to.
func (t token) generation() int64 { return int64(binary.BigEndian.Uint64(t.body()[21:29])) }

func (t token) body() []byte {
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(t), "sp_rt_"))
	if err != nil || len(body) < 29 {
		return make([]byte, 29)
	}
	return body
}

// pause lets some time pass, but no more than ctx has.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
