package remotekeys_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/remotekeys"
)

const address = "https://issuer.example/jwks.json"

// reply is a status and a body, or why there are none.
type reply func() (status int, body string, err error)

// issuer answers for the endpoint. It counts, can be slow and can fail.
type issuer struct {
	mu      sync.Mutex
	answers reply
	latency time.Duration
	asked   int
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	answers, latency := i.answers, i.latency
	i.mu.Unlock()
	select {
	case <-time.After(latency): // in a bubble, whose clock jumps
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status, body, err := answers()
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Request: r,
		Header: http.Header{"Location": {"http://elsewhere.example/"}}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (i *issuer) set(latency time.Duration, answers reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers, i.latency = answers, latency
}

// count is how often it was asked since it was last called.
func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := i.asked
	i.asked = 0
	return n
}

func answer(status int, body string) reply {
	return func() (int, string, error) { return status, body, nil }
}

func down() (int, string, error) { return 0, "", errors.New("connection refused") }

// jwks is a set of new keys with these IDs.
func jwks(tb testing.TB, ids ...string) string {
	tb.Helper()
	var all []keys.Key
	for _, id := range ids {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, keys.Key{ID: id, Algorithm: "EdDSA", Public: public})
	}
	set, err := keys.NewSet(all...)
	if err != nil {
		tb.Fatal(err)
	}
	return string(set.JWKS(time.Now()))
}

// open is called in the bubble of its test.
func open(tb testing.TB, i *issuer, edits ...func(*remotekeys.Config)) *remotekeys.Source {
	tb.Helper()
	c := remotekeys.Config{URL: address, Client: &http.Client{Transport: i}}
	for _, edit := range edits {
		edit(&c)
	}
	s, err := remotekeys.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func want(tb testing.TB, s *remotekeys.Source, missing, text string) {
	tb.Helper()
	set, err := s.KeySet(tb.Context(), missing)
	if err != nil {
		tb.Fatal(err)
	}
	if got := string(set.JWKS(time.Now())); got != text {
		tb.Errorf("keys = %s, want %s", got, text)
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		try  func(*testing.T)
	}{
		{"keys are fetched once, and kept", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys)}
			s := open(t, i)
			if i.count() != 0 {
				t.Error("New fetches")
			}
			for range 3 {
				want(t, s, "", keys)
			}
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"of any number of callers at once one fetches, and all wait for it", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys), latency: time.Second}
			s := open(t, i)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { want(t, s, "", keys) })
			}
			wg.Wait()
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"keys are fetched anew before they are old, and no caller waits", func(t *testing.T) {
			one, two := jwks(t, "a"), jwks(t, "b")
			i := &issuer{answers: answer(200, one)}
			s := open(t, i)
			want(t, s, "", one)
			i.count()
			i.set(time.Second, answer(200, two))
			time.Sleep(5*time.Minute - 1)
			want(t, s, "", one)
			if n := i.count(); n != 0 {
				t.Errorf("%d requests too early", n)
			}
			time.Sleep(time.Nanosecond)
			start := time.Now()
			for range 10 {
				want(t, s, "", one)
			}
			if time.Since(start) != 0 {
				t.Error("somebody waited")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			want(t, s, "", two)
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"the last keys are good while there are no newer ones, and not for ever", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys)}
			var failures []error
			s := open(t, i, func(c *remotekeys.Config) { c.Failed = func(err error) { failures = append(failures, err) } })
			want(t, s, "", keys)
			i.set(0, down)
			i.count()
			for range 59 {
				time.Sleep(time.Minute)
				want(t, s, "", keys)
				synctest.Wait()
			}
			if n := i.count(); n != 55 || len(failures) != n {
				t.Errorf("%d requests, %d failures", n, len(failures))
			}
			time.Sleep(time.Minute)
			if set, err := s.KeySet(t.Context(), ""); err == nil {
				t.Errorf("%v", set)
			}
			i.set(0, answer(200, keys))
			time.Sleep(10 * time.Second)
			want(t, s, "", keys)
		}},
		{"while no keys can be had each caller is told so, and the endpoint is left in peace", func(t *testing.T) {
			i := &issuer{answers: down}
			s := open(t, i)
			for range 100 {
				if _, err := s.KeySet(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "connection refused") {
					t.Errorf("error = %v", err)
				}
			}
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
			time.Sleep(10*time.Second - 1)
			_, _ = s.KeySet(t.Context(), "")
			if n := i.count(); n != 0 {
				t.Errorf("%d requests too early", n)
			}
			time.Sleep(time.Nanosecond)
			_, _ = s.KeySet(t.Context(), "")
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"an unknown key is looked for, at a pace that no caller sets", func(t *testing.T) {
			one, two := jwks(t, "a"), jwks(t, "b")
			i := &issuer{answers: answer(200, one)}
			s := open(t, i)
			want(t, s, "", one)
			i.set(0, answer(200, two))
			for n := range 1000 {
				want(t, s, fmt.Sprint("made up ", n), one)
			}
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
			time.Sleep(10 * time.Second)
			want(t, s, "b", two)
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"an unknown key that cannot be looked for is no bad token, and known ones go on", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys)}
			s := open(t, i)
			want(t, s, "", keys)
			i.set(0, down)
			time.Sleep(10 * time.Second)
			for range 2 { // by a fetch, and by its failure that is short ago
				if _, err := s.KeySet(t.Context(), "b"); err == nil {
					t.Error("no error")
				}
			}
			want(t, s, "", keys)
		}},
		{"a caller who hangs up leaves, and the fetch goes on", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys), latency: time.Second}
			s := open(t, i)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := s.KeySet(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v", err)
			}
			want(t, s, "", keys)
			if n := i.count(); n != 1 {
				t.Errorf("%d requests", n)
			}
		}},
		{"an endpoint that says nothing is given up", func(t *testing.T) {
			i := &issuer{answers: down, latency: time.Hour}
			s := open(t, i)
			start := time.Now()
			if _, err := s.KeySet(t.Context(), ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v", err)
			}
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v", took)
			}
		}},
		{"what is no JWK Set, or not the endpoint's own, changes nothing", func(t *testing.T) {
			keys := jwks(t, "a")
			i := &issuer{answers: answer(200, keys)}
			s := open(t, i)
			want(t, s, "", keys)
			for name, bad := range map[string]reply{
				"a failure":      answer(500, keys),
				"no content":     answer(204, ""),
				"a redirect":     answer(302, keys),
				"a page":         answer(200, "<html>"),
				"an empty set":   answer(200, `{"keys":[]}`),
				"a secret key":   answer(200, `{"keys":[{"kty":"oct","alg":"HS256","k":"`+strings.Repeat("YWJjZGVmZ2hpamtsbW5vcA", 4)+`"}]}`),
				"a set too long": answer(200, strings.Repeat(" ", 1<<20)+keys),
			} {
				i.set(0, bad)
				if err := s.Fetch(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "remotekeys: ") {
					t.Errorf("%s: %v", name, err)
				}
				want(t, s, "", keys)
			}
			if n := i.count(); n != 8 {
				t.Errorf("%d requests: a redirect was followed", n)
			}
		}},
		{"one that is closed has no keys, and nothing under way", func(t *testing.T) {
			i := &issuer{answers: down, latency: time.Hour}
			s := open(t, i)
			failed := make(chan error, 1)
			go func() {
				_, err := s.KeySet(t.Context(), "")
				failed <- err
			}()
			synctest.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v", err)
			}
			if _, err := s.KeySet(t.Context(), ""); !errors.Is(err, remotekeys.ErrClosed) {
				t.Errorf("error = %v", err)
			}
			if err := s.Fetch(t.Context()); !errors.Is(err, remotekeys.ErrClosed) {
				t.Errorf("error = %v", err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test.try)
		})
	}
}

// A host that is told of a failure may want the keys at once, or look which it has.
func TestFailedMayCallTheSource(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *remotekeys.Source) error{
		"Fetch":                    func(ctx context.Context, s *remotekeys.Source) error { return s.Fetch(ctx) },
		"KeySet of an unknown key": func(ctx context.Context, s *remotekeys.Source) error { _, err := s.KeySet(ctx, "k2"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{answers: down, latency: time.Second}
				var s *remotekeys.Source
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var calls int
				var seen error
				s = open(t, i, func(c *remotekeys.Config) {
					c.Failed = func(error) {
						calls++
						if calls == 1 {
							seen = call(ctx, s)
						}
					}
				})
				began := time.Now()
				if err := s.Fetch(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Fetch: %v", err)
				}
				if d := time.Since(began); d != time.Second {
					t.Errorf("Fetch took %v, want the time of one fetch", d)
				}
				<-time.After(time.Minute)
				synctest.Wait()
				if seen == nil || errors.Is(seen, context.DeadlineExceeded) {
					t.Errorf("the hook got %v, want the failure of a fetch", seen)
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		config remotekeys.Config
		want   string
	}{
		{"https", remotekeys.Config{URL: address}, ""},
		{"http to this machine", remotekeys.Config{URL: "http://127.0.0.1:8080/jwks"}, ""},
		{"http to this machine by its name", remotekeys.Config{URL: "http://localhost/jwks"}, ""},
		{"http to another", remotekeys.Config{URL: "http://issuer.example"}, "remotekeys: Config.URL: must be https, unless InsecureHTTP is set"},
		{"http to another that looks like this one", remotekeys.Config{URL: "http://127.0.0.1.example"}, "remotekeys: Config.URL: must be https, unless InsecureHTTP is set"},
		{"http to another, and said so", remotekeys.Config{URL: "http://issuer.example", InsecureHTTP: true}, ""},
		{"a file", remotekeys.Config{URL: "file:///etc/passwd", InsecureHTTP: true}, "remotekeys: Config.URL: must be an https URL"},
		{"another scheme", remotekeys.Config{URL: "ftp://issuer.example", InsecureHTTP: true}, "remotekeys: Config.URL: must be an https URL"},
		{"a password", remotekeys.Config{URL: "https://u:p@issuer.example"}, "remotekeys: Config.URL: must not contain a password"},
		{
			"all at once", remotekeys.Config{RefreshAfter: 2 * time.Hour, Pause: -1, Timeout: -1},
			"remotekeys: Config.URL: is required\n" +
				"remotekeys: Config.Pause: must be positive, got -1ns\n" +
				"remotekeys: Config.Timeout: must be positive, got -1ns\n" +
				"remotekeys: Config.KeepFor: must be at least RefreshAfter (2h0m0s), got 1h0m0s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := remotekeys.New(test.config)
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			if s != nil {
				_ = s.Close()
			}
		})
	}
}
