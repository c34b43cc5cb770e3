package otelauth_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
)

// secrets are what must not be seen, by what each is.
type secrets map[string]string

// add notes a secret, and fails if there is none.
func (s secrets) add(tb testing.TB, name, value string) string {
	tb.Helper()
	if len(value) < 6 {
		tb.Fatalf("%s: no secret: %q", name, value)
	}
	s[name] = value
	return value
}

// forms are the texts by which a secret can be recognized: as it is, in the usual
// encodings, and its characteristic parts: the signature and the claims of a JWT, and an
// opaque token without its prefix.
func forms(secret string) map[string]string {
	raw := []byte(secret)
	all := map[string]string{
		"as it is": secret, "quoted": strings.Trim(fmt.Sprintf("%q", secret), `"`), "in a URL": url.QueryEscape(secret),
		"in base64": base64.StdEncoding.EncodeToString(raw), "in base64url": base64.RawURLEncoding.EncodeToString(raw),
		"in hex": hex.EncodeToString(raw), "as bytes": strings.Trim(fmt.Sprintf("%d", raw), "[]"),
	}
	switch parts := strings.Split(secret, "."); {
	case len(parts) == 3:
		all["its claims"], all["its signature"] = parts[1], parts[2]
	case strings.HasPrefix(secret, "sp_"):
		all["without its prefix"] = secret[len("sp_xx_"):]
	}
	return all
}

// cookies returns the cookies of an answer, for a Cookie header.
func cookies(a answer) (header string, values []string) {
	var all []string
	for _, line := range a.header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		_, value, _ := strings.Cut(pair, "=")
		all, values = append(all, pair), append(values, value)
	}
	return strings.Join(all, "; "), values
}

// used runs each route with credentials, right ones and wrong ones, and returns all
// secrets that were sent or received.
func (h *host) used(t *testing.T) secrets {
	t.Helper()
	const wrongPassword, wrongSecret, wrongCode = "Tr0ub4dor-and-3", "wrong-client-secret-51", "860275"
	s := secrets{"the password": password, "the code": code, "the client secret": string(h.client), "the signing key": string(h.signing), "the refresh key": string(h.refreshing)}
	login := func(user, pass, rest string) string {
		return "/login\n\ngrant_type=password&username=" + url.QueryEscape(user) + "&password=" + url.QueryEscape(pass) + rest
	}

	// logins: right, wrong, with the password in the name field, and with a client secret
	first := h.want(t, 200, "POST "+login("ada", password, ""))
	access, refresh := s.add(t, "an access token", first.member("access_token")), s.add(t, "a refresh token", first.member("refresh_token"))
	h.want(t, 400, "POST "+login("ada", s.add(t, "a wrong password", wrongPassword), ""))
	h.want(t, 400, "POST "+login(s.add(t, "a password in the name field", "hunter2-in-the-wrong-field"), password, ""))
	h.want(t, 401, "POST "+login("ada", password, "&client_id=shop&client_secret="+s.add(t, "a wrong client secret", wrongSecret)))
	h.want(t, 200, "POST "+login("ada", password, "&client_id=shop&client_secret="+string(h.client)))
	h.want(t, 200, "POST /token\n\ngrant_type=password&username=ada&password="+url.QueryEscape(password))
	h.want(t, 400, "POST /login?password="+s.add(t, "a password in the URL", "in-the-query-77")+"\n\nusername=ada")

	// a second factor
	step := s.add(t, "a step token", h.want(t, 400, "POST "+login("grace", password, "")).member("step_token"))
	h.want(t, 400, "POST /complete\n\nstep_token="+step+"&code="+s.add(t, "a wrong code", wrongCode))
	second := h.want(t, 200, "POST /complete\n\nstep_token="+step+"&code="+code)
	s.add(t, "an access token of two steps", second.member("access_token"))
	h.want(t, 400, "POST /complete\n\nstep_token="+step+"&code="+code)

	// protected routes: right, expired in form, forged
	bearer := "Authorization: Bearer " + access
	h.want(t, 200, "GET /me\n"+bearer+"\n\n")
	h.want(t, 403, "GET /write\n"+bearer+"\n\n")
	h.want(t, 401, "GET /me\nAuthorization: Bearer "+s.add(t, "a forged access token", access[:len(access)-8]+"AAAAAAAA")+"\n\n")
	h.want(t, 401, "GET /me\nAuthorization: Bearer "+s.add(t, "junk as an access token", "junk-7f3a9c")+"\n\n")
	h.want(t, 200, "GET /sessions\n"+bearer+"\n\n")

	// API keys
	made := h.want(t, 201, "POST /keys\n"+bearer+"\nContent-Type: application/json\n\n{\"label\": \"CI\"}")
	key := s.add(t, "an API key", made.member("key"))
	exchange := "grant_type=" + url.QueryEscape(tokens.GrantExchange) + "&subject_token_type=" + url.QueryEscape(tokens.TokenTypeAPIKey) + "&subject_token="
	s.add(t, "an access token of a key", h.want(t, 200, "POST /token\n\n"+exchange+key).member("access_token"))
	h.want(t, 400, "POST /token\n\n"+exchange+s.add(t, "a wrong API key", key[:len(key)-8]+"AAAAAAAA"))
	replaced := h.want(t, 201, "POST /keys/"+made.member("id")+"\n"+bearer+"\nContent-Type: application/json\n\n{}")
	s.add(t, "the successor of an API key", replaced.member("key"))

	// introspection
	ask := "POST /introspect\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte("shop:"+string(h.client))) + "\n\ntoken="
	h.want(t, 200, ask+access)
	h.want(t, 200, ask+refresh)
	h.want(t, 401, "POST /introspect\nAuthorization: Basic "+s.add(t, "Basic credentials", base64.StdEncoding.EncodeToString([]byte("shop:other-wrong-secret")))+"\n\ntoken="+access)

	// refresh, its reuse, and tokens that are not genuine
	next := h.want(t, 200, "POST /refresh\n\ngrant_type=refresh_token&refresh_token="+refresh)
	s.add(t, "the next access token", next.member("access_token"))
	s.add(t, "the next refresh token", next.member("refresh_token"))
	h.want(t, 400, "POST /refresh\n\ngrant_type=refresh_token&refresh_token="+refresh)
	h.want(t, 400, "POST /refresh\n\ngrant_type=refresh_token&refresh_token="+s.add(t, "a forged refresh token", refresh[:len(refresh)-8]+"AAAAAAAA"))
	h.want(t, 200, "POST /revoke\n\ntoken="+s.add(t, "a forged token to revoke", refresh[:len(refresh)-8]+"BBBBBBBB"))

	// cookies
	in := h.want(t, 204, "POST /cookie"+login("edsger", password, ""))
	header, values := cookies(in)
	for i, value := range values {
		s.add(t, fmt.Sprintf("cookie %d", i), value)
	}
	h.want(t, 200, "GET /cookie/me\nCookie: "+header+"\n\n")
	renewed, values := cookies(h.want(t, 204, "POST /cookie/refresh\nCookie: "+header+"\n\n"))
	for i, value := range values {
		s.add(t, fmt.Sprintf("renewed cookie %d", i), value)
	}
	h.want(t, 403, "POST /cookie/refresh\nOrigin: https://evil.example\nSec-Fetch-Site: cross-site\nCookie: "+renewed+"\n\n")
	h.want(t, 400, "POST /cookie/refresh\nCookie: "+header+"\n\n") // used before

	// failures
	h.broken.Store(true)
	h.want(t, 503, "POST "+login("ada", password, ""))
	last := h.send(t, "GET /me\nAuthorization: Bearer "+s["an access token of two steps"]+"\n\n")
	if last.status != 503 {
		t.Fatalf("with broken counters: %d", last.status)
	}
	h.broken.Store(false)
	h.want(t, 204, "POST /logout\n\nrefresh_token="+second.member("refresh_token"))
	s.add(t, "a refresh token of two steps", second.member("refresh_token"))
	return s
}

// Whatever a host writes down of Sallyport, no secret that was used is in it.
func TestNoSecretIsInALogAnEventAMetricOrASpan(t *testing.T) {
	t.Parallel()
	h := open(t)
	used := h.used(t)

	seen := map[string]string{"the log": h.log.String()}
	h.mu.Lock()
	taken := h.events
	h.mu.Unlock()
	var all strings.Builder
	kinds := map[string]bool{}
	for i := range taken {
		kinds[string(taken[i].Kind)] = true
		fmt.Fprintf(&all, "%+v\n%#v\n%s\n", taken[i], taken[i], slog.AnyValue(taken[i].LogValue()))
		if taken[i].Err != nil {
			fmt.Fprintln(&all, taken[i].Err)
		}
		text, err := json.Marshal(taken[i])
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	seen["an event"] = all.String()
	metrics, err := json.Marshal(h.collect(t))
	if err != nil {
		t.Fatal(err)
	}
	seen["a metric"] = string(metrics) + fmt.Sprintf("%+v", series(h.collect(t)))
	stubs := h.spans.GetSpans()
	seen["a span"] = fmt.Sprintf("%+v", stubs)

	// If these were not there, nothing would be found in them.
	for _, kind := range []string{
		"login", "login_refused", "login_step", "refresh", "reuse", "refresh_refused", "key_created", "key_exchange", "key_refused", "key_replaced",
		"client_refused", "bearer_refused", "access_refused", "request_refused", "store_failure", "counter_failure", "logout",
	} {
		if !kinds[kind] {
			t.Errorf("no event %s was seen", kind)
		}
		if !strings.Contains(seen["the log"], `"kind":"`+kind+`"`) {
			t.Errorf("no line of the log is of %s", kind)
		}
		if !strings.Contains(seen["a metric"], kind) || !strings.Contains(seen["a span"], "sallyport."+kind) {
			t.Errorf("no metric or no span has %s", kind)
		}
	}
	if len(used) < 25 {
		t.Errorf("only %d secrets were used", len(used))
	}
	for name, secret := range used {
		for form, text := range forms(secret) {
			for where, everything := range seen {
				if strings.Contains(everything, text) {
					t.Errorf("%s has %s, %s", where, name, form)
				}
			}
		}
	}
}
