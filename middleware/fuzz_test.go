package middleware_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// answered wants a body to be answered below 500, in JSON, at every route that
// reads one, and must not call the store if the request is malformed: P13.
func answered(tb testing.TB, d *harness, contentType string, body []byte) {
	tb.Helper()
	for _, path := range []string{"/login", "/refresh", "/logout", "/token"} {
		d.store.take()
		r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, path, bytes.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		w := d.send(r)
		if w.Code >= http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) || w.Header().Get("Cache-Control") != "no-store" {
			tb.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		calls := d.store.take()
		verified := w.Code == http.StatusOK || w.Code == http.StatusUnauthorized ||
			w.Code == http.StatusTooManyRequests // alice's password, while everybody else's is refused unseen
		if !verified && len(calls) > 0 {
			tb.Errorf("%s: %d %s, and the store was asked %q", path, w.Code, w.Body, calls)
		}
	}
	d.journal.Take()
}

func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"", "a=1", "a=1&b=2", "a=1&a=2", "a", "a=", "=a", "&&", "%", "%zz", "%00=1", "a=%ff", "a;b", "a=b=c", "a=+%2B",
		"_username=alice&_password=correct+horse+%26+battery", `{"a":"b"}`, strings.Repeat("a=&", 500), "a[]=1&a[]=2",
	} {
		f.Add([]byte(body))
	}
	d := open(f, speaking(wire.Lexik{}))
	const contentType = "application/x-www-form-urlencoded"
	f.Fuzz(func(t *testing.T, body []byte) {
		answered(t, d, contentType, body)
		p := read(t, d.Auth, wire.Accepts{}, contentType, body)
		want, err := url.ParseQuery(string(body))
		good := err == nil && len(body) <= 16<<10
		for name, values := range want {
			good = good && len(values) == 1 && isText(name) && isText(values[0])
		}
		if good != (p != nil) {
			t.Fatalf("accepted: %t, want %t", p != nil, good)
		}
		if p == nil {
			return
		}
		for name, values := range want {
			if got, ok := p.Lookup(name); !ok || got != values[0] {
				t.Errorf("%q = %q, %t, want %q", name, got, ok, values[0])
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[]", "null", `{"a":"b"}`, `{"a":"b","a":"c"}`, `{"a":"b","\u0061":"c"}`, `{"a":{"b":"c","b":"d"}}`, `{"a":"b"}{}`, `{"a":"b",}`,
		`{"a" "b"}`, `{"a":"\ud800"}`, `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", `{"a":1e999}`, `{"":""}`, ` { "a" : "b" } `, `{"a":`, `{"a":"b"]`,
		`{"_username":"alice","_password":"correct horse & battery"}`, `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
	} {
		f.Add([]byte(body))
	}
	d := open(f, speaking(wire.Lexik{}))
	f.Fuzz(func(t *testing.T, body []byte) {
		answered(t, d, "application/json", body)
		p := read(t, d.Auth, wire.Accepts{JSON: true}, "application/json", body)
		if p == nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(body, &want); err != nil || want == nil {
			t.Fatalf("accepted, and is no object: %v", err)
		}
		for name, value := range want {
			text, isString := value.(string)
			if got, ok := p.Lookup(name); ok != isString || got != text {
				t.Errorf("%q = %q, %t, want %v", name, got, ok, value)
			}
		}
	})
}

func FuzzMultipart(f *testing.F) {
	for _, body := range []string{
		"", "--b--", "--b\r\n--b--", "--b\r\n\r\nx\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n",
		"--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n",
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n1\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3D\r\n--b--\r\n",
		"--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
	} {
		f.Add("b", []byte(body))
		f.Add(`"b"`, []byte(body))
	}
	f.Add("", []byte("--\r\n\r\nx\r\n----\r\n"))
	d := open(f, speaking(wire.Lexik{}))
	f.Fuzz(func(t *testing.T, boundary string, body []byte) {
		contentType := "multipart/form-data; boundary=" + boundary
		answered(t, d, contentType, body)
		p := read(t, d.Auth, wire.Accepts{Multipart: true}, contentType, body)
		if p == nil || len(body) == 0 { // no body is no parameters
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Fatalf("accepted, and net/http says %v", err)
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }()
		for name, values := range r.MultipartForm.Value {
			if got, ok := p.Lookup(name); !ok || len(values) != 1 || got != values[0] {
				t.Errorf("%q = %q, %t, want %q", name, got, ok, values)
			}
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	for _, header := range []string{
		"", " ", "Bearer", "Bearer ", "bearer a", "BEARER a.b.c", "Bearer a b", "Bearer\ta", "BearerX a", "Bearer  a", "Bearer a.b.c.d", "Bearer é", "Bearer \x00",
		"Basic", "Basic ", "Basic YTo=", "basic YSUzQWI6", "Basic YQ==", "Basic !!", "Basic //8=", "Digest a", "Basic JWZmOg==", "Bearer sp_rt_x",
	} {
		f.Add(header)
	}
	d := open(f)
	f.Add("Bearer " + string(d.login(f, alice).AccessToken))
	f.Fuzz(func(t *testing.T, header string) {
		d.store.take()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader("username=a&password=b"))
		r.Header["Authorization"] = []string{header}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		wantBearer(t, d, r)
		wantClient(t, d, r)
		if calls := d.store.take(); calls != nil {
			t.Errorf("the store was asked %q", calls)
		}
	})
}

// wantBearer wants CheckBearer to know the scheme, and CheckOptionalBearer to let in
// as anonymous exactly those without it.
func wantBearer(t *testing.T, d *harness, r *http.Request) {
	t.Helper()
	scheme, _, _ := strings.Cut(r.Header["Authorization"][0], " ")
	isBearer := strings.EqualFold(scheme, "Bearer")
	p, err := d.CheckBearer(r)
	anonymous, identifyErr := d.CheckOptionalBearer(r)
	if err == nil {
		if p != anonymous || identifyErr != nil || !isBearer || p.Subject != alice.ID {
			t.Errorf("%v, %v, %v", p, anonymous, identifyErr)
		}
		return
	}
	if e := wire.AsError(err); e.Status != http.StatusUnauthorized || p != (tokens.Principal{}) {
		t.Errorf("%v, %v", p, err)
	}
	if (identifyErr == nil) == isBearer || anonymous != (tokens.Principal{}) {
		t.Errorf("OptionalBearer: %v, %v", anonymous, identifyErr)
	}
}

// wantClient wants the client in Basic to be the one that net/http reads.
func wantClient(t *testing.T, d *harness, r *http.Request) {
	t.Helper()
	s := &spy{Dialect: wire.OAuth2{}}
	if _, err := d.WithDialect(s).CheckLogin(r); s.params == nil {
		t.Fatal(err)
	}
	login, err := wire.OAuth2{}.ReadLogin(s.params)
	user, _, ok := r.BasicAuth()
	name, unescapeErr := url.QueryUnescape(user)
	if unescapeErr != nil {
		name = user // an ID that is no form stands for itself
	}
	switch {
	case err != nil:
		if e := wire.AsError(err); e.Reason != wire.ReasonMalformed {
			t.Errorf("error = %v", err)
		}
		if ok && unescapeErr == nil && isText(name) {
			t.Errorf("the client %q was refused: %v", name, err)
		}
	case ok && login.ClientID != name:
		t.Errorf("client = %q, want %q", login.ClientID, name)
	}
}
