// Package remotekeys fetches an issuer's public keys from its JWKS endpoint, for a
// verifier (tokens.Verifier) in another process.
//
// A [Source] caches the keys and fetches them again before they are old. It makes
// one fetch at a time, at a rate that no caller can influence: neither many
// callers nor tokens with invented key IDs make it fetch more often than its
// Config allows.
package remotekeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Config configures a Source. The zero value of each optional field is the safe
// default.
type Config struct {
	// URL is required: the issuer's "jwks_uri" (RFC 8414 §2), for example
	// "https://id.example.com/.well-known/jwks.json". It must be an https URL
	// without a password, or an http URL on the loopback interface.
	URL string

	// InsecureHTTP allows an http URL on other machines. An attacker on the network
	// path can then make the Source return their keys, so that any token is
	// accepted. False: such a URL is an error of New.
	InsecureHTTP bool

	// Client makes the requests, for example through a proxy or with a client
	// certificate. New copies it, and the copy follows no redirect. Nil: a client
	// with the default transport of net/http.
	Client *http.Client

	// RefreshAfter is the age at which the keys are fetched again, in the
	// background. The issuer must publish a key this long before it signs with it;
	// otherwise each Verifier fetches it at its first token. If it uses the ID of an
	// older key again, the new key is known after RefreshAfter only: until then its
	// tokens are rejected, and those of the older key are accepted. Positive, and at
	// most KeepFor. Zero: 5 minutes.
	RefreshAfter time.Duration

	// KeepFor is how long the last keys are used if newer ones cannot be fetched. An
	// attacker who blocks the connection can keep a withdrawn key trusted for this
	// long. Positive. Zero: 1 hour.
	KeepFor time.Duration

	// Pause is the minimum time between the end of one fetch and the start of the
	// next, for an unknown key ID as well as after a failure. Positive. Zero: 10 s.
	Pause time.Duration

	// Timeout limits one fetch. Positive. Zero: 5 s.
	Timeout time.Duration

	// Failed is called with the error of each failed fetch, on a goroutine of the
	// Source, once the callers that waited for the fetch have its error. It may call
	// KeySet and Fetch: Fetch ignores Pause, so a Failed that always calls it tries again
	// without an end. It must not call Close, which waits for it. It must be safe for
	// concurrent use. Nil: the error is dropped.
	Failed func(error)

	// Now is the clock, for tests. It must be safe for concurrent use. Nil:
	// time.Now.
	Now func() time.Time
}

// Source is a [keys.Source] that fetches its keys over HTTP. Create it with
// [New], and stop it with Close. It is safe for concurrent use.
type Source struct {
	url          string
	client       *http.Client
	refreshAfter time.Duration
	keepFor      time.Duration
	pause        time.Duration
	timeout      time.Duration
	failed       func(error)
	now          func() time.Time

	last atomic.Pointer[fetched]

	mu      sync.Mutex
	running *fetch    // nil: none is running
	tried   time.Time // when the last one ended
	failure error     // of the last one
	closed  bool
	ctx     context.Context //nolint:containedctx // ends what is under way at Close
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// fetched are keys, and when their request was sent.
type fetched struct {
	set *keys.Set

	// text is the body of the response.
	text string
	at   time.Time
}

// fetch is a running request; done is closed when it ends.
type fetch struct {
	done chan struct{}
	set  *keys.Set
	err  error
}

// ErrClosed is returned by the methods of a Source after Close.
var ErrClosed = errors.New("remotekeys: closed")

// ConfigError is one invalid field of a Config.
type ConfigError = configerror.Error

// New returns a Source. It does not fetch: the first token does, or Fetch. Call
// Close to stop the Source.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field.
func New(c Config) (*Source, error) {
	wrong := configcheck.List{Package: "remotekeys"}
	complain := wrong.At("Config.")
	if err := checkURL(c.URL, c.InsecureHTTP); err != nil {
		complain("URL", "%v", err)
	}
	for _, d := range []struct {
		path  string
		value *time.Duration
		zero  time.Duration
	}{
		{"RefreshAfter", &c.RefreshAfter, 5 * time.Minute},
		{"KeepFor", &c.KeepFor, time.Hour},
		{"Pause", &c.Pause, 10 * time.Second},
		{"Timeout", &c.Timeout, 5 * time.Second},
	} {
		switch {
		case *d.value < 0:
			complain(d.path, "must be positive, got %v", *d.value)
		case *d.value == 0:
			*d.value = d.zero
		}
	}
	if c.KeepFor > 0 && c.RefreshAfter > c.KeepFor {
		complain("KeepFor", "must be at least RefreshAfter (%v), got %v", c.RefreshAfter, c.KeepFor)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("a redirect, which is not followed")
	}
	s := &Source{
		url: c.URL, client: &client,
		refreshAfter: c.RefreshAfter, keepFor: c.KeepFor, pause: c.Pause, timeout: c.Timeout,
		failed: c.Failed, now: c.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

func checkURL(text string, insecure bool) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is required")
	case err != nil, u.Host == "", u.Opaque != "":
		return errors.New("must be an https URL")
	case u.User != nil:
		return errors.New("must not contain a password")
	case u.Scheme == "https", u.Scheme == "http" && (insecure || isLoopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return errors.New("must be https, unless InsecureHTTP is set")
	}
	return errors.New("must be an https URL")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// KeySet returns the last keys while they are valid. It waits for a fetch only if
// there are no keys, or if no key has the ID missing, and at most until ctx is
// done.
//
// An error means that the keys are unavailable, so that the token can be neither
// accepted nor rejected. It is for example the error of the last fetch, that of
// ctx, or ErrClosed. Within Config.Pause after a failed fetch KeySet returns that
// failure without another fetch, unless the keys at hand are valid and missing is
// empty.
func (s *Source) KeySet(ctx context.Context, missing string) (*keys.Set, error) {
	now := s.now()
	last := s.last.Load()
	good := last != nil && now.Sub(last.at) < s.keepFor
	if good && missing == "" {
		if now.Sub(last.at) >= s.refreshAfter {
			_, _ = s.start(now) // in the background: no caller waits for it
		}
		return last.set, nil
	}
	f, err := s.start(now)
	if err != nil {
		return nil, err
	}
	if f == nil { // the last fetch succeeded within the pause
		if !good {
			return nil, errors.New("remotekeys: the clock has jumped over the keys")
		}
		return last.set, nil
	}
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.set, nil
}

// Fetch fetches the keys now, whatever their age and Config.Pause, and waits
// until the fetch ends or ctx is done. Call it if the host must not start without
// keys. If a fetch is running, Fetch waits for that one. It returns the error of
// the fetch, that of ctx, or ErrClosed.
func (s *Source) Fetch(ctx context.Context) error {
	s.mu.Lock()
	f, err := s.begin()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return f.wait(ctx)
}

// Close cancels a running fetch and waits until it has ended. The methods of a
// closed Source return ErrClosed. Its error is always nil. It may be called more
// than once.
func (s *Source) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	s.last.Store(nil)
	return nil
}

// start returns the running fetch, or starts one. Within the pause after the last
// fetch it returns the failure of that one, or nil if it succeeded.
func (s *Source) start(now time.Time) (*fetch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.tried); s.running == nil && !s.closed && !s.tried.IsZero() && since >= 0 && since < s.pause {
		return nil, s.failure
	}
	return s.begin()
}

// begin is start without the pause. The caller holds the lock.
func (s *Source) begin() (*fetch, error) {
	if s.closed {
		return nil, ErrClosed
	}
	if s.running == nil {
		f := &fetch{done: make(chan struct{})}
		s.running = f
		s.work.Go(func() { s.run(f) })
	}
	return s.running, nil
}

// run makes one fetch. It has its own context, so that a caller that disconnects
// does not cancel it for the others.
func (s *Source) run(f *fetch) {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	at := s.now()
	last, err := s.get(ctx)
	if err != nil {
		err = fmt.Errorf("remotekeys: %w", err)
	} else {
		last.at, f.set = at, last.set
		s.last.Store(last)
	}
	s.mu.Lock()
	s.running, s.tried, s.failure = nil, s.now(), err
	s.mu.Unlock()
	f.err = err
	close(f.done)
	if err != nil && s.failed != nil {
		s.failed(err) // last: it may wait for the next fetch, and this one has ended
	}
}

func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
