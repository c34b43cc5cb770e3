package middleware_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	t.Run("the handler finds the principal in its context, as the token has it", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		pair := d.loginAs(t, alice, "app")
		var got tokens.Principal
		h := d.Bearer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = tokens.PrincipalFrom(r.Context()) }))
		r := request(t, replace("GET /\nAuthorization: Bearer ACCESS\n\n", pair))
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != pair.Principal || got.Subject != alice.ID || got.Account != alice.Account || got.ClientID != "app" {
			t.Errorf("principal = %+v, want %+v", got, pair.Principal)
		}
		if _, ok := tokens.PrincipalFrom(r.Context()); ok {
			t.Error("the caller's own request has changed")
		}
	})
	t.Run("spaces around the token are no part of it", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		token := string(d.login(t, alice).AccessToken)
		for header, want := range map[string]int{
			"Bearer   " + token:         http.StatusOK,
			"Bearer " + token + "  ":    http.StatusOK,
			"Bearer\t" + token:          http.StatusUnauthorized,
			"Bearer " + token + ",":     http.StatusUnauthorized,
			"Bearer " + token + "\t":    http.StatusUnauthorized,
			"Bearer \"" + token + `"`:   http.StatusUnauthorized,
			"Bearer token=" + token:     http.StatusUnauthorized,
			"Bearer:" + token:           http.StatusUnauthorized,
			token:                       http.StatusUnauthorized,
			"Token " + token:            http.StatusUnauthorized,
			"Bearer bearer " + token:    http.StatusUnauthorized,
			"Bearer " + token + ", a b": http.StatusUnauthorized,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bearer", http.NoBody)
			r.Header["Authorization"] = []string{header}
			if w := d.send(r); w.Code != want {
				t.Errorf("%q: status = %d, want %d", masked(header), w.Code, want)
			}
		}
	})
	t.Run("a token of any length is refused (P28, D126)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for _, long := range []string{strings.Repeat("a", 1<<20), strings.Repeat(".", 1<<20), strings.Repeat("a.", 1<<19), strings.Repeat(" ", 1<<20)} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bearer", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+long)
			wantStatus(t, d.send(r), http.StatusUnauthorized)
		}
	})
	t.Run("in OAuth2 one body stands for every reason of a bad token (D125)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		bodies := map[string]bool{}
		for _, header := range []string{"a", "a b", "{expired}", "{access}x", "{refresh}", "{key}", "..", strings.Repeat("a", 9000)} {
			w := d.ask(t, "GET /bearer\nAuthorization: Bearer "+header+"\n\n")
			wantStatus(t, w, http.StatusUnauthorized)
			bodies[w.Header().Get("WWW-Authenticate")+w.Body.String()] = true
		}
		if len(bodies) != 1 {
			t.Errorf("%d bodies: %v", len(bodies), bodies)
		}
	})
	t.Run("the realm is the host's own", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Realm = "the castle's (2nd) gate" })
		if got := d.call(t, "/bearer", "", "").Header().Get("WWW-Authenticate"); got != `Bearer realm="the castle's (2nd) gate"` {
			t.Errorf("challenge = %s", got)
		}
	})
	t.Run("a handler that hijacks, flushes or says nothing is left alone", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		s := serve(t, d.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = buf.WriteString("mine")
			_ = buf.Flush()
		})))
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + string(d.login(t, alice).AccessToken) + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for b := bufio.NewReader(conn); ; {
			line, err := b.ReadString('\n')
			text.WriteString(line)
			if err != nil {
				break
			}
		}
		if got := text.String(); !strings.Contains(got, "Ratelimit-Policy") || !strings.HasSuffix(got, "mine") {
			t.Errorf("answer = %q", got)
		}
	})
}

func TestOptionalBearer(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, header string
		status       int
		body         string
	}{
		{"a caller without a token is anonymous", "", 200, "hello anonymous"},
		{"so is one with a scheme other than Bearer", "\nAuthorization: Basic YTpi", 200, "hello anonymous"},
		{"one with a token is who it says", "\nAuthorization: Bearer {access}", 200, "hello u-alice"},
		{"an empty Bearer is refused (D96)", "\nAuthorization: Bearer", 401, oauth2NoBody},
		{"an expired token is refused", "\nAuthorization: Bearer {expired}", 401, oauth2BadBody},
		{"a bad token is refused", "\nAuthorization: bearer nonsense", 401, oauth2BadBody},
		{"two words are refused", "\nAuthorization: bearer a b", 401, oauth2BadBody},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := open(t).ask(t, "GET /search"+x.header+"\n\n")
			wantStatus(t, w, x.status)
			if w.Body.String() != x.body {
				t.Errorf("body = %s, want %s", w.Body, x.body)
			}
		})
	}
	t.Run("two Authorization headers are refused", func(t *testing.T) {
		t.Parallel()
		wantStatus(t, open(t).ask(t, "GET /search\nAuthorization: Basic a\nAuthorization: Basic b\n\n"), http.StatusBadRequest)
	})
}

func TestScope(t *testing.T) {
	t.Parallel()
	d := open(t)
	p := d.login(t, alice).Principal
	for _, x := range []struct {
		name   string
		scopes []string
		want   wire.Reason
		scope  string
	}{
		{"no required scope", nil, "", ""},
		{"a scope that the token has is enough", []string{"read"}, "", ""},
		{"all of several are wanted", []string{"write", "read"}, "", ""},
		{"one that is missing is too little", []string{"read", "admin"}, wire.ReasonForbidden, "read admin"},
		{"a part of a name is no name", []string{"rea"}, wire.ReasonForbidden, "rea"},
		{"two names in one are no name", []string{"read write"}, wire.ReasonForbidden, "read write"},
		{"no principal has the empty scope", []string{""}, wire.ReasonForbidden, ""},
		{"names are compared byte by byte", []string{"Read"}, wire.ReasonForbidden, "Read"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "GET /\n\n")
			err := d.CheckScope(r.WithContext(tokens.WithPrincipal(r.Context(), p)), x.scopes...)
			if x.want == "" {
				if err != nil {
					t.Errorf("error = %v", err)
				}
				return
			}
			if e := wire.AsError(err); e.Reason != x.want || e.Scope != x.scope || e.Status != http.StatusForbidden {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("without a principal the caller is told to log in (P33)", func(t *testing.T) {
		t.Parallel()
		if e := wire.AsError(d.CheckScope(request(t, "GET /\n\n"))); e.Reason != wire.ReasonNoBearer {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a scope that would break the challenge is left out of it (D95)", func(t *testing.T) {
		t.Parallel()
		h := d.Bearer(d.RequireScope(`a"b`)(http.HandlerFunc(d.hello)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(t, d.fill(t, "GET /\nAuthorization: Bearer {access}\n\n")))
		wantStatus(t, w, http.StatusForbidden)
		if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="api", error="insufficient_scope", error_description="The access token has not the scope that is needed"` {
			t.Errorf("challenge = %s", got)
		}
	})
}
