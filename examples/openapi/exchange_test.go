package openapi_test

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/sallyport-go/sallyport/middleware/openapi"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// exchange is a request, and what is wrong with it: a name of the document's examples.
type exchange struct {
	send  func() *http.Request
	times int           // how often it is sent; the last answer counts
	with  func() func() // changes the host meanwhile; nil: nothing
}

// exchanges are those of one operation, by what is wrong with them.
type exchanges map[string]exchange

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	return key
}

var address atomic.Int64

// request is a request from an address of its own.
func request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	n := address.Add(1)
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
	}
	return r
}

// setup is one configuration of a host.
type setup struct {
	name    string
	dialect wire.Dialect
	user    string // names of the parameters of a login
	pass    string
	client  string // what names the client in a body; empty: none is named
	header  bool   // the refresh token is in the header
	cookies bool
}

func (h *host) down() func() {
	h.store.down.Store(true)
	return func() { h.store.down.Store(false) }
}

func (h *host) broken() func() {
	h.badClaims.Store(true)
	return func() { h.badClaims.Store(false) }
}

// post are the exchanges that any handler of a POST has, beside a good body.
func (h *host) post(path, good string, headers ...string) exchanges {
	send := func(body string, more ...string) func() *http.Request {
		return func() *http.Request {
			return request("POST", path, body, append(append([]string{}, headers...), more...)...)
		}
	}
	return exchanges{
		"":          {send: send(good)},
		"malformed": {send: send("%zz")},
		"too_large": {send: send(good + "&x=" + strings.Repeat("x", 1<<15))},
		"late": {send: func() *http.Request {
			r := send(good)()
			r.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded))
			return r
		}},
		"two_bearers": {send: send(good, "Authorization: Bearer a", "Authorization: Bearer b")},
		"cross_site":  {send: send(good, "Sec-Fetch-Site: cross-site")},
		"unavailable": {send: send(good), with: h.down},
	}
}

// bearer are the exchanges of a route that needs an access token. send makes a request with
// these headers.
func (h *host) bearer(t *testing.T, send func(headers ...string) *http.Request) exchanges {
	with := func(value string) func() *http.Request {
		return func() *http.Request { return send("Authorization: " + value) }
	}
	p := h.login(t, alice.Login)
	key, _, err := h.authority.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Scopes: []string{"read"}})
	check(t, err)
	exchanged, err := h.authority.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: h.clientID()})
	check(t, err)
	old := h.login(t, alice.Login)
	return exchanges{
		"":            {send: func() *http.Request { return send(h.bearerOf(t)) }},
		"no_bearer":   {send: with("Bearer ")},
		"bearer_form": {send: with("Bearer a b")},
		"bearer":      {send: with("Bearer a")},
		"expired": {send: with("Bearer " + string(old.AccessToken)), with: func() func() {
			h.clock.Add(3700)
			return func() { h.clock.Add(-3700) }
		}},
		"two_bearers": {send: func() *http.Request { return send("Authorization: Bearer a", "Authorization: Bearer b") }},
		"forbidden":   {send: with("Bearer " + string(exchanged.AccessToken))},
		"unavailable": {send: with("Bearer " + string(p.AccessToken)), with: h.down},
		"cross_site": {send: func() *http.Request {
			return send("Cookie: __Host-access_token="+string(p.AccessToken), "Sec-Fetch-Site: cross-site")
		}},
		"malformed": {send: func() *http.Request { return send("Cookie: __Host-access_token=a", "Cookie: __Host-access_token=b") }},
	}
}

func (h *host) login(t *testing.T, name string) tokens.Pair {
	t.Helper()
	p, err := h.authority.Login(t.Context(), tokens.LoginRequest{Login: name, Password: password, ClientID: h.clientID()})
	check(t, err)
	return p
}

// clientID is the client of sessions that no request has begun.
func (h *host) clientID() string {
	if h.authority.RegistersClients() {
		return "public"
	}
	return ""
}

func (h *host) bearerOf(t *testing.T) string {
	t.Helper()
	return "Authorization: Bearer " + string(h.login(t, alice.Login).AccessToken)
}

func (h *host) newAPIKey(t *testing.T) (tokens.Secret, string) {
	t.Helper()
	key, row, err := h.authority.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
	check(t, err)
	return key, row.ID
}

// form encodes pairs of names and values, behind what names the client.
func (s setup) form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	if s.client != "" && !v.Has("client_id") {
		return v.Encode() + "&" + s.client
	}
	return v.Encode()
}

// refreshing makes a request with a refresh token.
func (s setup) refreshing(path, token string, more ...string) *http.Request {
	if s.header {
		return request("POST", path, s.form(more...), "refresh-token: "+token)
	}
	return request("POST", path, s.form(append([]string{"refresh_token", token}, more...)...))
}

var manyScopes = strings.TrimSpace(strings.Repeat("s ", 65))

// stepToken is a new one.
func (h *host) stepToken(t *testing.T, s setup) string {
	t.Helper()
	_, err := h.authority.Login(t.Context(), tokens.LoginRequest{Login: "factor", Password: password, ClientID: h.clientID()})
	e := wire.AsError(err)
	if e.StepToken == "" {
		t.Fatalf("no step token: %v", err)
	}
	return string(e.StepToken)
}

// list is all exchanges of all operations.
func (h *host) list(t *testing.T, s setup) map[openapi.Operation]exchanges {
	t.Helper()
	only := func(send func() *http.Request) exchange { return exchange{send: send} }
	post := func(path, body string) exchange {
		return only(func() *http.Request { return request("POST", path, body) })
	}
	sent := func(n int, x exchange) exchange { x.times = n; return x }
	with := func(f func() func(), x exchange) exchange { x.with = f; return x }
	all := map[openapi.Operation]exchanges{}

	who := func(name, secret string, more ...string) string {
		return s.form(append([]string{s.user, name, s.pass, secret}, more...)...)
	}
	login := h.post("/auth/login", who("alice", password))
	maps.Copy(login, exchanges{
		"missing":     post("/auth/login", s.form("x", "y")),
		"grant_type":  post("/auth/login", who("alice", password, "grant_type", "implicit")),
		"client":      post("/auth/login", who("alice", password, "client_id", "app", "client_secret", "wrong")),
		"client_may":  post("/auth/login", who("alice", password, "client_id", "few", "client_secret", string(h.secret))),
		"credentials": post("/auth/login", who("alice", "wrong")),
		"refused":     post("/auth/login", who("locked", password)),
		"factor":      post("/auth/login", who("factor", password)),
		"scope":       post("/auth/login", who("alice", password, "scope", manyScopes)),
		"throttled":   sent(3, post("/auth/login", who("alice", "wrong"))),
		"internal":    with(h.broken, post("/auth/login", who("alice", password))),
	})
	all[openapi.Login] = login

	step := h.post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "123456"))
	maps.Copy(step, exchanges{
		"missing":     post("/auth/complete", s.form("x", "y")),
		"client":      post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "123456", "client_id", "app", "client_secret", "wrong")),
		"client_may":  post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "123456", "client_id", "few", "client_secret", string(h.secret))),
		"step":        post("/auth/complete", s.form("step_token", "x", "code", "123456")),
		"bad_factor":  post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "000000")),
		"throttled":   sent(3, post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "000000"))),
		"unavailable": with(h.down, post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "123456"))),
		"internal":    with(h.broken, post("/auth/complete", s.form("step_token", h.stepToken(t, s), "code", "123456"))),
	})
	all[openapi.CompleteLogin] = step

	refresh := func() string { return string(h.login(t, alice.Login).RefreshToken) }
	key, _ := h.newAPIKey(t)
	renew := h.post("/auth/refresh", s.form("refresh_token", refresh()))
	refreshed := func(token string, more ...string) exchange {
		return only(func() *http.Request { return s.refreshing("/auth/refresh", token, more...) })
	}
	used := refresh()
	maps.Copy(renew, exchanges{
		"":            refreshed(refresh()),
		"grant_type":  refreshed(refresh(), "grant_type", "implicit"),
		"no_refresh":  post("/auth/refresh", s.form("x", "y")),
		"client":      refreshed(refresh(), "client_id", "app", "client_secret", "wrong"),
		"client_may":  refreshed(refresh(), "client_id", "few", "client_secret", string(h.secret)),
		"refresh":     refreshed("x"),
		"ended":       sent(3, refreshed(used)),
		"scope":       refreshed(refresh(), "scope", manyScopes),
		"key":         refreshed(string(key) + "x"),
		"unavailable": with(h.down, refreshed(refresh())),
		"internal":    with(h.broken, refreshed(refresh())),
	})
	renew["throttled"] = sent(3, refreshed("x"))
	if s.client != "" {
		renew["throttled"] = sent(3, refreshed(refresh(), "client_id", "app", "client_secret", "wrong"))
	}
	all[openapi.Refresh] = renew

	loggingOut := func(headers ...string) *http.Request { return request("POST", "/auth/logout", s.client, headers...) }
	out := h.bearer(t, loggingOut)
	body := h.post("/auth/logout", s.form("x", "y"))
	delete(body, "")
	maps.Copy(out, body)
	maps.Copy(out, exchanges{
		"no_refresh": post("/auth/logout", s.form("x", "y")),
		"scope":      only(func() *http.Request { return s.refreshing("/auth/logout", refresh(), "scope", manyScopes) }),
		"client": only(func() *http.Request {
			return s.refreshing("/auth/logout", refresh(), "client_id", "app", "client_secret", "wrong")
		}),
		"throttled": sent(3, only(func() *http.Request {
			return s.refreshing("/auth/logout", "x", "client_id", "app", "client_secret", "wrong")
		})),
		"unavailable": with(h.down, only(func() *http.Request { return s.refreshing("/auth/logout", used) })),
	})
	if _, isLexik := s.dialect.(wire.Lexik); isLexik {
		out[""] = only(func() *http.Request { return s.refreshing("/auth/logout", refresh()) })
	}
	all[openapi.Logout] = out

	everywhere := h.bearer(t, func(headers ...string) *http.Request {
		return request("POST", "/auth/logout-everywhere", "", headers...)
	})
	body = h.post("/auth/logout-everywhere", "x=y", h.bearerOf(t))
	delete(body, "")
	delete(body, "two_bearers")
	maps.Copy(everywhere, body)
	all[openapi.LogoutEverywhere] = everywhere

	grant := func(name string, more ...string) exchange {
		return post("/auth/token", s.form(append([]string{"grant_type", name}, more...)...))
	}
	named := s.form("grant_type", "refresh_token", "refresh_token", refresh())
	token := h.post("/auth/token", named)
	maps.Copy(token, exchanges{
		"missing":     post("/auth/token", s.form("x", "y")),
		"grant_type":  grant("implicit"),
		"no_refresh":  grant("refresh_token"),
		"refresh":     grant("refresh_token", "refresh_token", "x"),
		"ended":       grant("refresh_token", "refresh_token", used),
		"scope":       grant("password", "username", "alice", "password", password, "scope", manyScopes),
		"client":      grant("password", "username", "alice", "password", password, "client_id", "app", "client_secret", "wrong"),
		"client_may":  grant("password", "username", "alice", "password", password, "client_id", "few", "client_secret", string(h.secret)),
		"credentials": grant("password", "username", "alice", "password", "wrong"),
		"refused":     grant("password", "username", "locked", "password", password),
		"factor":      grant("password", "username", "factor", "password", password),
		"key":         grant(tokens.GrantExchange, "subject_token", "x", "subject_token_type", tokens.TokenTypeAPIKey),
		"target":      grant(tokens.GrantExchange, "subject_token", string(key), "subject_token_type", tokens.TokenTypeAPIKey, "audience", "x"),
		"throttled":   sent(3, grant("password", "username", "alice", "password", "wrong")),
		"internal":    with(h.broken, grant("password", "username", "alice", "password", password)),
		"unavailable": with(h.down, grant("password", "username", "alice", "password", password)),
		"+exchange":   grant(tokens.GrantExchange, "subject_token", string(key), "subject_token_type", tokens.TokenTypeAPIKey),
		"+password":   grant("password", "username", "alice", "password", password),
	})
	all[openapi.Token] = token

	revoke := h.post("/auth/revoke", s.form("token", refresh()))
	exchanged, err := h.authority.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: h.clientID()})
	check(t, err)
	maps.Copy(revoke, exchanges{
		"missing":    post("/auth/revoke", s.form("x", "y")),
		"client":     post("/auth/revoke", s.form("token", refresh(), "client_id", "app", "client_secret", "wrong")),
		"token_type": post("/auth/revoke", s.form("token", string(exchanged.AccessToken))),
		"throttled":  sent(3, post("/auth/revoke", s.form("token", "x"))),
	})
	all[openapi.Revoke] = revoke

	may := func(more ...string) string {
		return s.form(append([]string{"client_id", "app", "client_secret", string(h.secret)}, more...)...)
	}
	introspect := h.post("/auth/introspect", may("token", refresh()))
	maps.Copy(introspect, exchanges{
		"missing":    post("/auth/introspect", may()),
		"client":     post("/auth/introspect", s.form("token", "x", "client_id", "app", "client_secret", "wrong")),
		"client_may": post("/auth/introspect", s.form("token", "x", "client_id", "few", "client_secret", string(h.secret))),
		"throttled":  sent(3, post("/auth/introspect", s.form("token", "x", "client_id", "app", "client_secret", "wrong"))),
		"+access":    post("/auth/introspect", may("token", string(h.login(t, alice.Login).AccessToken))),
		"+inactive":  post("/auth/introspect", may("token", "x")),
	})
	all[openapi.Introspect] = introspect

	get := func(path string) exchanges {
		return h.bearer(t, func(headers ...string) *http.Request { return request("GET", path, "", headers...) })
	}
	for op, path := range map[openapi.Operation]string{openapi.Sessions: "/auth/sessions", openapi.APIKeys: "/auth/keys"} {
		all[op] = get(path)
		all[op]["malformed"] = only(func() *http.Request { return request("GET", path+"?limit=0", "", h.bearerOf(t)) })
	}
	remove := func(path func() string) exchanges {
		x := h.bearer(t, func(headers ...string) *http.Request { return request("DELETE", path(), "", headers...) })
		x["not_found"] = only(func() *http.Request { return request("DELETE", path()+"x", "", h.bearerOf(t)) })
		return x
	}
	all[openapi.EndSession] = remove(func() string { return "/auth/sessions/" + h.login(t, alice.Login).Principal.SessionID })
	all[openapi.RevokeAPIKey] = remove(func() string { _, id := h.newAPIKey(t); return "/auth/keys/" + id })
	all[openapi.EndOtherSessions] = remove(func() string { return "/auth/sessions" })
	gone := func() string {
		p, err := h.authority.Login(t.Context(), tokens.LoginRequest{Login: alice.Login, Password: password, ClientID: h.clientID(), AccessOnly: true})
		check(t, err)
		return "Authorization: Bearer " + string(p.AccessToken)
	}
	delete(all[openapi.EndOtherSessions], "not_found")
	all[openapi.EndOtherSessions]["no_session"] = only(func() *http.Request { return request("DELETE", "/auth/sessions", "", h.ended(t)) })

	wish := func(path func() string, good string) exchanges {
		asked := func(body string, headers ...string) *http.Request {
			return request("POST", path(), body, append([]string{"Content-Type: application/json"}, headers...)...)
		}
		x := h.bearer(t, func(headers ...string) *http.Request { return asked(good, headers...) })
		maps.Copy(x, exchanges{
			"malformed":  only(func() *http.Request { return asked(`{"label":1,"overlap":"x"}`, h.bearerOf(t)) }),
			"too_large":  only(func() *http.Request { return asked(good+strings.Repeat(" ", 1<<15), h.bearerOf(t)) }),
			"no_session": only(func() *http.Request { return asked(good, gone()) }),
			"late": only(func() *http.Request {
				r := asked(good, h.bearerOf(t))
				r.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded))
				return r
			}),
		})
		return x
	}
	all[openapi.CreateAPIKey] = wish(func() string { return "/auth/keys" }, `{"label":"CI","scope":"read","expires_in":60,"networks":["192.0.2.0/24"]}`)
	all[openapi.CreateAPIKey]["scope"] = only(func() *http.Request {
		return request("POST", "/auth/keys", `{"scope":"admin"}`, "Content-Type: application/json", h.bearerOf(t))
	})
	replace := func() string { _, id := h.newAPIKey(t); return "/auth/keys/" + id }
	all[openapi.ReplaceAPIKey] = wish(replace, `{}`)
	asJSON := "Content-Type: application/json"
	all[openapi.ReplaceAPIKey]["not_found"] = only(func() *http.Request { return request("POST", "/auth/keys/x", `{}`, asJSON, h.bearerOf(t)) })
	twice := replace()
	all[openapi.ReplaceAPIKey]["replaced"] = sent(2, only(func() *http.Request { return request("POST", twice, `{}`, asJSON, h.bearerOf(t)) }))
	all[openapi.ReplaceAPIKey]["scope"] = only(func() *http.Request { return h.widerKey(t) })

	loses := func(path string) exchange {
		return only(func() *http.Request {
			return request("GET", path, "", "Authorization: Bearer "+string(h.login(t, lost.Login).AccessToken))
		})
	}
	all[openapi.Quota] = get("/quota")
	all[openapi.Quota]["internal"] = loses("/quota")
	for _, op := range []openapi.Operation{openapi.JWKS, openapi.Metadata} {
		path := "/" + string(op)
		all[op] = exchanges{
			"":     only(func() *http.Request { return request("GET", path, "") }),
			"+304": only(func() *http.Request { return request("GET", path, "", "If-None-Match: *") }),
		}
	}
	spent := func(path string) exchange {
		return only(func() *http.Request {
			return request("GET", path, "", "Authorization: Bearer "+string(h.login(t, zero.Login).AccessToken))
		})
	}
	own := exchanges{}
	for _, path := range []string{"/me", "/search", "/open"} {
		for name, x := range get(path) {
			own[path+" "+name] = x
		}
		own[path+" limited"] = spent(path)
		own[path+" internal"] = loses(path)
	}
	anonymous := only(func() *http.Request { return request("GET", "/open", "") })
	own["/open limited"], own["/open unavailable"] = sent(3, anonymous), with(h.down, anonymous)
	delete(own, "/open internal")
	own["/me not_recent"] = with(func() func() {
		h.clock.Add(3601)
		return func() { h.clock.Add(-3601) }
	}, only(func() *http.Request { return request("GET", "/me", "", "Authorization: Bearer "+h.renewedLater(t)) }))
	all[""] = own
	return all
}

// ended is a valid access token whose session has ended: it is denied only when the deny
// list says so.
func (h *host) ended(t *testing.T) string {
	t.Helper()
	p := h.login(t, alice.Login)
	check(t, h.store.RevokeSession(t.Context(), store.Session{ID: p.Principal.SessionID}.ID, h.now()))
	return "Authorization: Bearer " + string(p.AccessToken)
}

// widerKey is a request to replace a key that has a scope that its user has lost.
func (h *host) widerKey(t *testing.T) *http.Request {
	t.Helper()
	_, row, err := h.authority.CreateAPIKey(t.Context(), store.Owner{ID: bob.ID}, tokens.KeyOptions{Label: "wide", Scopes: []string{"write"}})
	check(t, err)
	less := bob
	less.Scopes = []string{"read"}
	check(t, h.store.SetUser(t.Context(), less))
	return request("POST", "/auth/keys/"+row.ID, `{}`, "Content-Type: application/json", "Authorization: Bearer "+string(h.login(t, bob.Login).AccessToken))
}

// renewedLater is an access token that was made after an hour of its session.
func (h *host) renewedLater(t *testing.T) string {
	t.Helper()
	h.clock.Add(-3601)
	p := h.login(t, alice.Login)
	h.clock.Add(3601)
	p, err := h.authority.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken, ClientID: h.clientID()})
	check(t, err)
	return string(p.AccessToken)
}
