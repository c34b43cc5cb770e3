// Package health answers the probes of an orchestrator or a load balancer: whether the
// process lives, and whether it can serve. What a probe causes is bounded: the checks run
// at most once in Config.MaxAge, each within Config.Timeout, however many probes there
// are, so that a caller who finds the route cannot load the store with it. An answer
// names what has failed and a reason from a fixed list, and never the text of an error.
//
//	probes, err := health.New(health.Config{Checks: []health.Check{
//		health.Store(users), health.Counters(counters), health.Keys(ring),
//	}})
//	...
//	mux.HandleFunc("GET /live", probes.Live)
//	mux.HandleFunc("GET /ready", probes.Ready)
//
// In Echo: e.GET("/ready", echo.WrapHandler(http.HandlerFunc(probes.Ready))).
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// Config configures a Health. The zero value of each optional field is a good default.
type Config struct {
	// Checks are what a process needs to serve. They run concurrently. At least one is
	// required.
	Checks []Check

	// Timeout limits the checks together. Positive. Zero: 750 ms, because the probes of
	// Kubernetes wait for 1 s.
	Timeout time.Duration

	// MaxAge is how long a result is answered again without a check. Positive. Zero: 1 s.
	MaxAge time.Duration

	// Failed is called with the cause of each check that has failed, at most once in
	// MaxAge for each check, after the probe was answered. While it has not returned it is
	// not called again: what fails meanwhile is dropped. The error may contain the text of
	// a driver: it is for the log. Nil: the cause is dropped.
	Failed func(ctx context.Context, check string, err error)

	// Now is the clock, for tests. It must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time
}

// Check is one thing that a process needs.
type Check struct {
	// Name is in the answer: 1 to 64 lower-case letters, digits, "_" and "-". Required,
	// and unique.
	Name string

	// Do returns nil if the thing works. It should return when its context is done; one
	// that does not is not called again until it has returned. Required.
	Do func(context.Context) error

	// Optional means that the process can serve without it: a failure is in the answer,
	// and the process stays ready. False: the process is not ready.
	Optional bool
}

// ConfigError is one invalid field of a [Config].
type ConfigError = configerror.Error

// Health answers probes. Create it with New. It is safe for concurrent use. A check runs
// on a goroutine of its own, which ends when the check returns.
type Health struct {
	checks   []*check
	timeout  time.Duration
	maxAge   time.Duration
	failed   func(context.Context, string, error)
	now      func() time.Time
	draining atomic.Bool
	telling  atomic.Bool // Failed is being called

	mu      sync.Mutex
	last    *run // nil: there was none
	running *run // nil: no probe is made
}

// check is a Check and whether it is being made.
type check struct {
	Check

	busy atomic.Bool
}

// run is one run of all checks, for which callers wait.
type run struct {
	done   chan struct{}
	result result
}

// result is the outcome of a run.
type result struct {
	at     time.Time // zero: the run has not ended
	ready  bool
	checks []outcome
}

// outcome is what the answer says of a check.
type outcome struct {
	Name     string `json:"name"`
	Status   string `json:"status"` // "ok" or "failed"
	Reason   string `json:"reason,omitempty"`
	Optional bool   `json:"optional,omitempty"`

	cause error
}

const (
	defaultTimeout = 750 * time.Millisecond
	defaultMaxAge  = time.Second
)

var validName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// New returns a Health. It runs no check.
//
// If the Config is invalid, New returns one error that joins all defects: *ConfigError
// values, each with the path of its field.
func New(c Config) (*Health, error) {
	wrong := configcheck.List{Package: "health"}
	complain := wrong.At("Config.")
	if len(c.Checks) == 0 {
		complain("Checks", "is required: at least one")
	}
	h := &Health{timeout: c.Timeout, maxAge: c.MaxAge, failed: c.Failed, now: c.Now}
	for i, one := range c.Checks {
		path := fmt.Sprintf("Checks[%d]", i)
		if !validName.MatchString(one.Name) {
			complain(path+".Name", "must be 1 to 64 lower-case letters, digits, _ and -, got %q", one.Name)
		}
		if slices.ContainsFunc(c.Checks[:i], func(other Check) bool { return other.Name == one.Name }) {
			complain(path+".Name", "must be unique, got %q twice", one.Name)
		}
		if one.Do == nil {
			complain(path+".Do", "is required")
		}
		h.checks = append(h.checks, &check{Check: one})
	}
	if c.Timeout < 0 {
		complain("Timeout", "must be a positive time, got %v", c.Timeout)
	}
	if c.MaxAge < 0 {
		complain("MaxAge", "must be a positive time, got %v", c.MaxAge)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if h.timeout == 0 {
		h.timeout = defaultTimeout
	}
	if h.maxAge == 0 {
		h.maxAge = defaultMaxAge
	}
	if h.now == nil {
		h.now = time.Now
	}
	return h, nil
}

// Live is a handler that answers 200 as long as the process can answer. It checks
// nothing: an orchestrator restarts a process that is not live, and that repairs no
// database.
func (*Health) Live(w http.ResponseWriter, r *http.Request) {
	write(w, r, http.StatusOK, body{Status: "live"})
}

// Ready is a handler that answers 200 if all checks that are not Optional succeed, and
// otherwise 503. The JSON body has a status ("ready", "not_ready" or "draining") and each
// check with its status and the reason of its failure: timeout, busy, circuit_open,
// no_keys or unavailable.
//
// All processes that share a database stop being ready at the same time when it fails.
// A load balancer then has no process left, and clients get its 503 in the place of
// Sallyport's, which has a Retry-After. Make a check Optional if that is worse.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() {
		write(w, r, http.StatusServiceUnavailable, body{Status: "draining"})
		return
	}
	if !allowed(r) {
		write(w, r, http.StatusOK, body{})
		return
	}
	last, made := h.result(r.Context())
	if last.ready {
		write(w, r, http.StatusOK, body{Status: "ready", Checks: last.checks})
	} else {
		write(w, r, http.StatusServiceUnavailable, body{Status: "not_ready", Checks: last.checks})
	}
	if made && h.failed != nil {
		h.tell(w, r, last.checks)
	}
}

// tell tells the host what has failed.
func (h *Health) tell(w http.ResponseWriter, r *http.Request, checks []outcome) {
	checks = slices.DeleteFunc(slices.Clone(checks), func(o outcome) bool { return o.cause == nil })
	if len(checks) == 0 || !h.telling.CompareAndSwap(false, true) {
		return
	}
	defer h.telling.Store(false)
	// so that the probe has its answer even if Failed does not return, or panics
	_ = http.NewResponseController(w).Flush()
	for _, o := range checks {
		h.failed(context.WithoutCancel(r.Context()), o.Name, o.cause)
	}
}

// Drain makes Ready answer 503 from now on. Call it before http.Server.Shutdown, and wait
// until the load balancer has noticed, so that no request is sent to a process that ends.
func (h *Health) Drain() { h.draining.Store(true) }

// body is the JSON of an answer.
type body struct {
	Status string    `json:"status"`
	Checks []outcome `json:"checks,omitempty"`
}

func allowed(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func write(w http.ResponseWriter, r *http.Request, status int, b body) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if !allowed(r) {
		header.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	text, _ := json.Marshal(b) // of strings
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a probe that has disconnected is told nothing
}

// result returns the last result while it is fresh, and otherwise that of a new run. Of
// any number of callers one has made it, and the others wait for it.
func (h *Health) result(ctx context.Context) (_ result, made bool) {
	r, mine := h.begin()
	if !mine {
		<-r.done // within Timeout
		return r.result, false
	}
	defer h.end(r) // deferred: a clock that panics must not stop the others
	// a probe that disconnects must not fail the checks for the others
	r.result = h.run(context.WithoutCancel(ctx))
	return r.result, true
}

// begin returns the last run while its result is fresh, else the present one, or a new one
// that the caller makes.
func (h *Health) begin() (_ *run, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock() // deferred: as above
	if h.last != nil {
		if age := h.now().Sub(h.last.result.at); age >= 0 && age < h.maxAge {
			return h.last, false
		}
	}
	if h.running != nil {
		return h.running, false
	}
	h.running = &run{done: make(chan struct{})}
	return h.running, true
}

func (h *Health) end(r *run) {
	h.mu.Lock()
	h.last, h.running = r, nil
	h.mu.Unlock()
	close(r.done)
}

var (
	// errSlow is the error of a check that has not returned in time.
	errSlow = fmt.Errorf("health: the check has not returned: %w", context.DeadlineExceeded)

	// errPanic is the error of a check that has panicked.
	errPanic = errors.New("health: the check has panicked")
)

// run runs all checks.
func (h *Health) run(ctx context.Context) result {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	answers := make([]chan error, len(h.checks))
	for i, c := range h.checks {
		answers[i] = make(chan error, 1)
		if !c.busy.CompareAndSwap(false, true) {
			answers[i] <- errSlow // it still runs, and is not started twice
			continue
		}
		go c.run(ctx, answers[i])
	}
	r := result{ready: true}
	for i, c := range h.checks {
		err := errSlow
		select {
		case err = <-answers[i]:
		case <-ctx.Done():
			select { // both may be there
			case err = <-answers[i]:
			default:
			}
		}
		o := outcome{Name: c.Name, Status: "ok", Optional: c.Optional, cause: err}
		if err != nil {
			o.Status, o.Reason = "failed", reasonOf(err)
			r.ready = r.ready && c.Optional
		}
		r.checks = append(r.checks, o)
	}
	r.at = h.now()
	return r
}

// run runs the check.
func (c *check) run(ctx context.Context, answer chan<- error) {
	err := errPanic // or it has ended the goroutine
	defer func() {
		if v := recover(); v != nil { // it would end the process
			err = fmt.Errorf("%w: %v", errPanic, v)
		}
		c.busy.Store(false) // before the answer, after which the next run may begin
		answer <- err
	}()
	err = c.Do(ctx)
}
