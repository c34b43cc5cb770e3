package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	issuer    = "https://bench.example"
	audience  = "bench"
	password  = "correct horse & battery"
	unlimited = 1 << 30
)

// kind is a request that is measured among many of something.
type kind struct {
	name   string
	open   func(ctx context.Context, n int) (*world, error)
	part   bool // it is a part of a request, and may grow
	slow   bool // it gets a quarter of the requests
	beside int  // the index of the size that it is compared with
}

func (k kind) share(requests int) int {
	if k.slow {
		return requests / 4
	}
	return requests
}

var kinds = []kind{
	{name: "Bearer, HS256, tokens", open: bearerWorld(tokens.CacheConfig{Entries: -1})},
	{name: "Bearer, HS256, tokens, all of them in the cache", open: bearerWorld(tokens.CacheConfig{HMAC: true, Entries: 4 << 20, Bytes: 4 << 30})},
	{name: "Limit, addresses, fixed window", open: limitWorld(ratelimit.FixedWindow)},
	{name: "Limit, addresses, GCRA", open: limitWorld(ratelimit.GCRA)},
	{name: "Limit, addresses, rolling window", open: limitWorld(ratelimit.Rolling)},
	{name: "a decision alone, addresses, fixed window", open: decisionWorld(ratelimit.FixedWindow), part: true},
	{name: "a decision alone, addresses, GCRA", open: decisionWorld(ratelimit.GCRA), part: true},
	{name: "a decision alone, addresses, rolling window", open: decisionWorld(ratelimit.Rolling), part: true},
	{name: "Refresh, HS256, sessions in memory, each of another user", open: refreshWorld, slow: true, beside: 1},
	{name: "Token, HS256, API keys in memory", open: exchangeWorld, slow: true},
}

// world has many of something, and makes requests of which each is about one of it.
type world struct {
	request func(c *caller, i int) error
	harness func(c *caller, i int) error // the same without what is measured
	fill    func() error                 // makes what is measured remember all
	beside  func() float64               // bytes of what fill makes only for the harness; nil: 0
}

func (w *world) notCounted() float64 {
	if w.beside == nil {
		return 0
	}
	return w.beside()
}

// caller is one goroutine's: a request and the memory for its answer.
type caller struct {
	r      *http.Request
	header http.Header
	status int
	body   bytes.Buffer
	form   bytes.Buffer
}

func newCaller() *caller {
	return &caller{
		header: http.Header{},
		r: &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "bench.example",
			Header: http.Header{"Authorization": {""}}, Body: http.NoBody, RemoteAddr: "203.0.113.9:4711",
		},
	}
}

func (c *caller) Header() http.Header         { return c.header }
func (c *caller) WriteHeader(status int)      { c.status = status }
func (c *caller) Write(p []byte) (int, error) { return c.body.Write(p) }

// serve makes the request.
func (c *caller) serve(h http.Handler) error {
	c.status = http.StatusOK
	clear(c.header)
	c.body.Reset()
	h.ServeHTTP(c, c.r)
	if c.status != http.StatusOK {
		return fmt.Errorf("%d %s", c.status, c.body.String())
	}
	return nil
}

// post makes a POST request, and returns a member of its answer.
func (c *caller) post(h http.Handler, member string, form ...string) (string, error) {
	c.form.Reset()
	for _, part := range form {
		c.form.WriteString(part)
	}
	c.r.Method, c.r.Header = http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	c.r.Body, c.r.ContentLength, c.r.Form, c.r.PostForm = io.NopCloser(&c.form), int64(c.form.Len()), nil, nil
	if err := c.serve(h); err != nil {
		return "", err
	}
	_, after, found := strings.Cut(c.body.String(), `"`+member+`":"`)
	value, _, ended := strings.Cut(after, `"`)
	if !found || !ended {
		return "", errors.New(c.body.String())
	}
	return value, nil
}

// tiers are those of hosts whose limits are not measured.
var tiers = ratelimit.Tiers{"free": {Limit: unlimited, Period: time.Hour}}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func bearerWorld(cache tokens.CacheConfig) func(context.Context, int) (*world, error) {
	return func(_ context.Context, n int) (*world, error) {
		set, err := keys.NewSet(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
		if err != nil {
			return nil, err
		}
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: issuer, Audience: audience, Cache: cache})
		if err != nil {
			return nil, err
		}
		auth, err := middleware.New(middleware.Config{Verifier: v, ClientIP: clientip.RemoteAddr, Tiers: tiers})
		if err != nil {
			return nil, err
		}
		now, key, all := time.Now(), set.Signer(time.Now()), make([]string, n)
		for i := range all {
			text := key.Header() + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil,
				`{"iss":%q,"sub":"user-%07d","aud":%q,"exp":%d,"nbf":%d,"iat":%d,"jti":"01J9ZQ4YJ0000000000000%07d","client_id":"web","scope":"read write","sid":"9uSlBz0e0a0b0c0d0e0f%07d","acct":"acme-%d","tier":"free","seats":3}`,
				issuer, i, audience, now.Add(12*time.Hour).Unix(), now.Unix(), now.Unix(), i, i, i))
			signature, err := key.Sign(text)
			if err != nil {
				return nil, err
			}
			all[i] = text + "." + base64.RawURLEncoding.EncodeToString(signature)
		}
		handler := auth.Bearer(nothing)
		with := func(h http.Handler) func(c *caller, i int) error {
			return func(c *caller, i int) error {
				c.r.Header["Authorization"][0] = "Bearer " + all[i] // a copy, as the server makes one
				return c.serve(h)
			}
		}
		w := &world{request: with(handler), harness: with(nothing)}
		w.fill = func() error { return each(n, w.request) }
		return w, nil
	}
}

func each(n int, do func(*caller, int) error) error {
	c := newCaller()
	for i := range n {
		if err := do(c, i); err != nil {
			return err
		}
	}
	return nil
}

// address is that of a client, as net/http has it.
func address(i int) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 4711).String() //nolint:gosec // a part
}

func limitWorld(a ratelimit.Algorithm) func(context.Context, int) (*world, error) {
	return func(_ context.Context, n int) (*world, error) {
		limits, err := ratelimit.New(ratelimit.Config{
			Tiers: ratelimit.Tiers{"anonymous": {Limit: unlimited, Period: time.Hour, Algorithm: a}}, ClientIP: clientip.RemoteAddr,
		})
		if err != nil {
			return nil, err
		}
		handler := limits.Limit(nothing)
		with := func(h http.Handler) func(c *caller, i int) error {
			return func(c *caller, i int) error {
				c.r.RemoteAddr = address(i)
				return c.serve(h)
			}
		}
		w := &world{request: with(handler), harness: with(nothing)}
		w.fill = func() error { return each(n, w.request) }
		return w, nil
	}
}

func decisionWorld(a ratelimit.Algorithm) func(context.Context, int) (*world, error) {
	return func(ctx context.Context, n int) (*world, error) {
		counters := ratelimit.Memory()
		policy := ratelimit.Policy{Limit: unlimited, Window: time.Hour, Algorithm: a}
		name := func(c *caller, i int) string {
			c.form.Reset()
			c.form.WriteString("anonymous/3600/address/10.")
			var digits [20]byte
			c.form.Write(strconv.AppendInt(digits[:0], int64(i), 10))
			return c.form.String()
		}
		w := &world{
			request: func(c *caller, i int) error {
				d, err := counters.Take(ctx, []ratelimit.Charge{{Key: name(c, i), Cost: 1, Policy: policy}}, nil)
				if err == nil && !d.Allowed {
					err = errors.New("refused")
				}
				return err
			},
			harness: func(c *caller, i int) error {
				if name(c, i) == "" {
					return errors.New("no name")
				}
				return nil
			},
		}
		w.fill = func() error { return each(n, w.request) }
		return w, nil
	}
}

// host has users in memory, whose logins are 0, 1 and so on.
func host(ctx context.Context, users, sessions int) (*tokens.Authority, *middleware.Auth, error) {
	light, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, Queue: 1024, InsecureParameters: true})
	if err != nil {
		return nil, nil, err
	}
	memory, err := memstore.New(memstore.Config{Passwords: light, MaxSessions: max(2*sessions, 1000)})
	if err != nil {
		return nil, nil, err
	}
	for i := range users {
		name := strconv.Itoa(i)
		if err := memory.AddUser(ctx, store.User{ID: "01J9ZQ4YJ0000000000000" + name, Login: name, Tier: "free"}, password); err != nil {
			return nil, nil, err
		}
	}
	authority, err := tokens.New(tokens.Config{
		Store: memory, APIKeys: memory, Issuer: issuer, Audience: audience,
		Keys: []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}}, RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return nil, nil, err
	}
	auth, err := middleware.New(middleware.Config{Tokens: authority, ClientIP: clientip.RemoteAddr, Tiers: tiers})
	return authority, auth, err
}

// answers as a token endpoint does, at once.
func answers(member string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"`+member+`":"x"}`)
	})
}

func refreshWorld(ctx context.Context, n int) (*world, error) {
	authority, auth, err := host(ctx, n, n)
	if err != nil {
		return nil, err
	}
	const member = "refresh_token"
	all, handler, quick := make([]string, n), http.HandlerFunc(auth.Refresh), answers(member)
	return &world{
		request: func(c *caller, i int) (err error) {
			all[i], err = c.post(handler, member, "grant_type=refresh_token&client_id=web&refresh_token=", all[i])
			return err
		},
		harness: func(c *caller, i int) error {
			_, err := c.post(quick, member, "grant_type=refresh_token&client_id=web&refresh_token=", all[i])
			return err
		},
		fill: func() error {
			for i := range all {
				pair, err := authority.Login(ctx, tokens.LoginRequest{Login: strconv.Itoa(i), Password: password, ClientID: "web", Label: "Firefox on Linux"})
				if err != nil {
					return err
				}
				all[i] = string(pair.RefreshToken)
			}
			return nil
		},
		beside: func() float64 { return sizes(all) },
	}, nil
}

func exchangeWorld(ctx context.Context, n int) (*world, error) {
	const each = 100 // keys of one user
	authority, auth, err := host(ctx, (n+each-1)/each, 0)
	if err != nil {
		return nil, err
	}
	const (
		member = "access_token"
		form   = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token_type=" +
			"urn%3Asallyport%3Atoken-type%3Aapi-key&subject_token="
	)
	all, handler, quick := make([]string, n), http.HandlerFunc(auth.Token), answers(member)
	with := func(h http.Handler) func(c *caller, i int) error {
		return func(c *caller, i int) error {
			_, err := c.post(h, member, form, all[i])
			return err
		}
	}
	return &world{
		request: with(handler), harness: with(quick),
		fill: func() error {
			for i := range all {
				key, _, err := authority.CreateAPIKey(ctx, store.Owner{ID: "01J9ZQ4YJ0000000000000" + strconv.Itoa(i/each)}, tokens.KeyOptions{Label: "ci"})
				if err != nil {
					return err
				}
				all[i] = string(key)
			}
			return nil
		},
		beside: func() float64 { return sizes(all) },
	}, nil
}

// sizes is what texts take, as Go allocates them.
func sizes(all []string) float64 {
	sum := 0
	for _, text := range all {
		sum += (len(text) + 15) / 16 * 16
	}
	return float64(sum)
}
