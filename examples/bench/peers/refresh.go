package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	ginold "github.com/golang-jwt/jwt/v4"
	"github.com/golang-jwt/jwt/v5"

	sallyport "github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse battery"

// host has users in memory, whose logins are user-0, user-1 and so on.
type host struct {
	authority *tokens.Authority
	auth      *sallyport.Auth
}

func newHost(ctx context.Context, s signer, hasher *passwords.Hasher, users int) (host, error) {
	all, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		return host{}, err
	}
	for i := range users {
		name := fmt.Sprintf("user-%d", i)
		if err := all.AddUser(ctx, store.User{ID: name, Login: name, Tier: "free", Scopes: []string{"read", "write"}}, password); err != nil {
			return host{}, err
		}
	}
	authority, err := tokens.New(tokens.Config{
		Store: all, Issuer: issuer, Audience: audience, Keys: []keys.Key{s.key}, RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return host{}, err
	}
	auth, err := sallyport.New(sallyport.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Tiers: ratelimit.Tiers{"free": {Limit: unlimited, Period: time.Hour}},
	})
	return host{authority, auth}, err
}

// cheapHasher is for what measures no passwords.
func cheapHasher() (*passwords.Hasher, error) {
	return passwords.New(passwords.Config{Memory: 8, Time: 1, InsecureParameters: true})
}

// refresher sends refreshes, each with the token of the answer before.
type refresher struct {
	auth  *sallyport.Auth
	token string
	url   *url.URL
	body  bytes.Buffer
	kept  discard
}

func (r *refresher) Header() http.Header         { return r.kept.header }
func (r *refresher) WriteHeader(status int)      { r.kept.status = status }
func (r *refresher) Write(p []byte) (int, error) { return r.body.Write(p) }

var refreshToken = []byte(`"refresh_token":"`)

func (r *refresher) send() {
	form := io.NopCloser(strings.NewReader("grant_type=refresh_token&refresh_token=" + r.token))
	q := &http.Request{
		Method: http.MethodPost, URL: r.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "203.0.113.9:4711",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: form, ContentLength: int64(len(r.token)) + 39,
	}
	r.body.Reset()
	clear(r.kept.header)
	r.auth.Refresh(r, q)
	_, after, found := bytes.Cut(r.body.Bytes(), refreshToken)
	token, _, ended := bytes.Cut(after, []byte(`"`))
	if !found || !ended {
		panic("a refresh was answered " + r.body.String())
	}
	r.token = string(token)
}

// printRefresh prints what a refresh costs, and the check of a refresh token that is
// not genuine.
func (m measure) printRefresh() error {
	s, err := newSigner("HS256")
	if err != nil {
		return err
	}
	hasher, err := cheapHasher()
	if err != nil {
		return err
	}
	h, err := newHost(m.ctx, s, hasher, 1)
	if err != nil {
		return err
	}
	pair, err := h.authority.Login(m.ctx, tokens.LoginRequest{Login: "user-0", Password: password})
	if err != nil {
		return err
	}
	ours := &refresher{auth: h.auth, token: string(pair.RefreshToken), url: request().URL, kept: discard{header: http.Header{}}}

	g, err := ginJWT(s)
	if err != nil {
		return err
	}
	router := gin.New()
	router.POST("/", g.RefreshHandler)
	theirs := ginold.NewWithClaims(ginold.SigningMethodHS256, ginold.MapClaims{
		"iss": issuer, "sub": "user-0", "aud": audience, "client_id": "web", "scope": "read write", "tier": "free",
		"jti": "4f9c1f0e7a", "exp": time.Now().Add(time.Hour).Unix(), "orig_iat": time.Now().Unix(),
	})
	signed, err := theirs.SignedString([]byte(s.key.Secret))
	if err != nil {
		return err
	}
	r := withToken(signed)
	r.Method = http.MethodPost
	w, send := repeat(router, r)
	if w.status != http.StatusOK {
		return fmt.Errorf("gin-jwt: a refresh: status %d", w.status)
	}
	forgedToken := pair.RefreshToken[:len(pair.RefreshToken)-8] + "AAAAAAAA"
	forgedJWT := forged(s.token(1, nil))
	parse := s.parser()
	if err := m.printGroups("through the HTTP handler", []string{"gin-jwt"}, group{name: "refresh, HS256", bases: []int{0}, subjects: []subject{
		{"gin-jwt v2: the same token again, no store", send},
		{"**Sallyport**: rotation in a store in memory", func() { ours.send() }},
	}}); err != nil {
		return err
	}
	return m.printGroups("without HTTP", []string{"a JWT HS256"}, group{name: "refuse a forged refresh token", bases: []int{0}, subjects: []subject{
		{"a JWT HS256, golang-jwt", func() { _, err := parse(forgedJWT); ignore(err) }},
		{"**Sallyport**", func() {
			_, err := h.authority.Refresh(m.ctx, tokens.RefreshRequest{Token: forgedToken})
			ignore(err)
		}},
	}}, group{name: "make an access token and a refresh token", bases: []int{0}, subjects: []subject{
		{"two JWTs HS256, golang-jwt", func() {
			_, err := s.draft(1).SignedString(s.sign)
			ignore(err)
			_, err = jwt.NewWithClaims(s.method, jwt.MapClaims{"sub": "user-1", "jti": "4f9c1f0e7a", "exp": 1}).SignedString(s.sign)
			ignore(err)
		}},
		{"**Sallyport**: a whole refresh, the store in memory included", func() {
			p, err := h.authority.Refresh(m.ctx, tokens.RefreshRequest{Token: tokens.Secret(ours.token)})
			if err != nil {
				panic(err)
			}
			ours.token = string(p.RefreshToken)
		}},
	}})
}
