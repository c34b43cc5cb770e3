package middleware_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// dialects are all there are, by name.
var dialects = []struct {
	name    string
	dialect wire.Dialect
	login   string // the names of the two parameters
	pass    string
}{
	{"OAuth2", wire.OAuth2{}, "username", "password"},
	{"Lexik", wire.Lexik{RefreshTokens: true}, "_username", "_password"},
	{"FastAPI", wire.FastAPI{}, "username", "password"},
}

// untouched wants a request to be refused by the parser: no store asked, no hash
// made, no event of a failure, and an answer that a client can read.
func (d *harness) untouched(tb testing.TB, r *http.Request, status int) {
	tb.Helper()
	d.store.take()
	d.journal.Take()
	w := d.send(r)
	wantStatus(tb, w, status)
	if calls := d.store.take(); calls != nil {
		tb.Errorf("the store was asked %q", calls)
	}
	if status == http.StatusTooManyRequests { // a refusal of the host's own
		d.journal.WantKinds(tb)
	} else {
		d.journal.WantKinds(tb, events.RequestRefused)
	}
	if !json.Valid(w.Body.Bytes()) || w.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("answer = %v %s", w.Header(), w.Body)
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// P13, P20, D16: what cannot be read one way only is refused before anything
// that costs.
func TestBadInput(t *testing.T) {
	t.Parallel()
	nested := `{"_username":` + strings.Repeat("[", 12000) + strings.Repeat("]", 3000) + `}`
	for _, x := range []struct {
		name string
		only string // the dialect that reads it; empty: all
		head string
		body string // LOGIN and PASSWORD are the parameters' names
		want int
	}{
		{name: "a login twice", head: form, body: "LOGIN=a&LOGIN=b&PASSWORD=c"},
		{name: "a password twice, the second empty", head: form, body: "LOGIN=a&PASSWORD=c&PASSWORD="},
		{name: "an unknown parameter twice", head: form, body: "LOGIN=a&PASSWORD=c&x=1&x=1"},
		{name: "a parameter twice, once in percents", head: form, body: "LOGIN=a&PASSWORD=c&x=1&%78=1"},
		{name: "half a percent", head: form, body: "LOGIN=a&PASSWORD=100%"},
		{name: "a semicolon", head: form, body: "LOGIN=a;PASSWORD=c"},
		{name: "bytes that are not UTF-8", head: form, body: "LOGIN=a&PASSWORD=%ff"},
		{name: "a name that is not UTF-8", head: form, body: "LOGIN=a&PASSWORD=c&\xff=1"},
		{name: "UTF-8 that is cut", head: form, body: "LOGIN=a&PASSWORD=%f0%9f%94"},
		{name: "a NUL in the password", head: form, body: "LOGIN=a&PASSWORD=c%00"},
		{name: "a NUL in the login", head: form, body: "LOGIN=a%00&PASSWORD=c"},
		{name: "ten thousand parameters", head: form, body: strings.Repeat("&", 11000) + "LOGIN=a&PASSWORD=c"},
		{name: "four thousand parameters of one name", head: form, body: strings.Repeat("a=&", 4000)},
		{name: "a charset that is not UTF-8", head: form + "; charset=iso-8859-1", body: "LOGIN=a&PASSWORD=%C3%BC"},
		{name: "a charset that has another ASCII", head: form + "; charset=utf-7", body: "LOGIN=a&PASSWORD=c"},
		{name: "a charset that is UTF-16", head: form + "; charset=utf-16le", body: "L\x00"},
		{name: "a Content-Type that is none", head: "Content-Type: ;;", body: "LOGIN=a&PASSWORD=c"},
		{name: "a Content-Type with a broken parameter", head: form + "; charset", body: "LOGIN=a&PASSWORD=c"},
		{name: "a Content-Type with a parameter twice", head: form + "; charset=utf-8; charset=utf-16", body: "LOGIN=a&PASSWORD=c"},
		{name: "two Content-Types", head: form + "\nContent-Type: application/json", body: "LOGIN=a&PASSWORD=c"},
		{name: "a compressed form", head: form + "\nContent-Encoding: gzip", body: gzipped("LOGIN=a&PASSWORD=c")},
		{name: "a form that is said to be compressed", head: form + "\nContent-Encoding: br", body: "LOGIN=a&PASSWORD=c"},
		{name: "a form of two encodings", head: form + "\nContent-Encoding: identity, gzip", body: "LOGIN=a&PASSWORD=c"},
		{name: "a form of two encodings in two lines", head: form + "\nContent-Encoding: identity\nContent-Encoding: gzip", body: "LOGIN=a&PASSWORD=c"},
		{name: "two Authorizations", head: form + "\nAuthorization: Bearer a\nAuthorization: Bearer b", body: "LOGIN=a&PASSWORD=c"},
		{name: "a body over the cap", head: form, body: "LOGIN=a&PASSWORD=" + tooLong, want: http.StatusRequestEntityTooLarge},
		{name: "a body over the cap of no kind", head: "Accept: */*", body: tooLong + "x", want: http.StatusRequestEntityTooLarge},

		{name: "a JSON name twice", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b","PASSWORD":"c"}`},
		{name: "a JSON name twice, once with an escape", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b","\u005fpassword":"c"}`},
		{name: "a JSON name twice, once with no string", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":["b"],"PASSWORD":"c"}`},
		{name: "JSON with a comma too many", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b",}`},
		{name: "JSON without a comma", only: "Lexik", head: jsonType, body: `{"LOGIN":"a" "PASSWORD":"b"}`},
		{name: "JSON with something behind it", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b"} {}`},
		{name: "JSON that ends too early", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b"`},
		{name: "JSON that ends with the wrong bracket", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b"]`},
		{name: "JSON in single quotes", only: "Lexik", head: jsonType, body: `{'LOGIN':'a'}`},
		{name: "a JSON string alone", only: "Lexik", head: jsonType, body: `"a"`},
		{name: "JSON null", only: "Lexik", head: jsonType, body: `null`},
		{name: "nothing that says it is JSON", only: "Lexik", head: jsonType, body: ""},
		{name: "JSON in an array", only: "Lexik", head: jsonType, body: `[{"LOGIN":"a","PASSWORD":"b"}]`},
		{name: "JSON that is not UTF-8", only: "Lexik", head: jsonType, body: "{\"LOGIN\":\"a\",\"PASSWORD\":\"\xff\"}"},
		{name: "JSON with a mark of byte order", only: "Lexik", head: jsonType, body: "\ufeff{\"LOGIN\":\"a\",\"PASSWORD\":\"b\"}"},
		{name: "JSON with a NUL in a value", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"\u0000"}`},
		{name: "JSON with a NUL in a name", only: "Lexik", head: jsonType, body: `{"LOGIN":"a","PASSWORD":"b","x\u0000":"c"}`},
		{name: "JSON that is nested twelve thousand times", only: "Lexik", head: jsonType, body: nested},
		{name: "a form of another charset that looks like JSON", only: "Lexik", head: jsonType + "; charset=utf-16", body: `{"LOGIN":"a","PASSWORD":"b"}`},

		{name: "multipart with a field twice", only: "Lexik", body: multipart("LOGIN", "a", "PASSWORD", "b", "PASSWORD", "c")},
		{name: "multipart with two fields of no name", only: "Lexik", body: strings.ReplaceAll(multipart("", "a", "", "b"), ` name=""`, "")},
		{name: "multipart with no boundary", only: "Lexik", head: "Content-Type: multipart/form-data", body: "--\r\n\r\na\r\n----\r\n"},
		{name: "multipart with an empty boundary", only: "Lexik", head: `Content-Type: multipart/form-data; boundary=""`, body: "--\r\n\r\na\r\n----\r\n"},
		{name: "multipart with nothing in it", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "nothing"},
		{name: "multipart that is one byte too short for an end", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "--b-"},
		{name: "multipart whose only boundary begins no line", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "0--b--"},
		{name: "multipart with no end", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"LOGIN\"\r\n\r\na"},
		{name: "multipart that breaks off behind a boundary", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"LOGIN\"\r\n\r\na\r\n--b\r\n"},
		{name: "multipart with two ends", only: "Lexik", body: multipart("LOGIN", "a", "PASSWORD", "b") + multipart("PASSWORD", "c")},
		{name: "multipart with something behind its end", only: "Lexik", body: multipart("LOGIN", "a", "PASSWORD", "b") + "LOGIN=a"},
		{name: "multipart with a header that is none", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: "--b\r\nnonsense\r\n\r\na\r\n--b--\r\n"},
		{name: "multipart that is not UTF-8", only: "Lexik", body: multipart("LOGIN", "a", "PASSWORD", "\xff")},
		{name: "multipart with a NUL", only: "Lexik", body: multipart("LOGIN", "a", "PASSWORD", "\x00")},
		{name: "multipart of a thousand parts", only: "Lexik", head: "Content-Type: multipart/form-data; boundary=b", body: strings.Repeat("--b\r\n\r\na\r\n", 1000) + "--b--\r\n"},
	} {
		for _, dialect := range dialects {
			if x.only != "" && x.only != dialect.name {
				continue
			}
			t.Run(fmt.Sprintf("%s is refused by %s, and the store is not called", x.name, dialect.name), func(t *testing.T) {
				t.Parallel()
				d := open(t, speaking(dialect.dialect))
				want := x.want
				if want == 0 {
					want = http.StatusBadRequest
				}
				text := strings.NewReplacer("LOGIN", dialect.login, "PASSWORD", dialect.pass).Replace(strings.TrimPrefix(x.head+"\n\n"+x.body, "\n\n"))
				for _, path := range []string{"/login", "/refresh", "/logout"} {
					r := request(t, "POST "+path+"\n"+text)
					if path != "/login" { // which is to be read before the body's fault is told
						r.Header.Set("Refresh-Token", "x")
					}
					d.untouched(t, r, want)
				}
			})
		}
	}
	t.Run("a form of another kind is refused at the token endpoint whatever the dialect", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			for _, text := range []string{
				jsonType + "\n\n" + `{"grant_type":"refresh_token","refresh_token":"x"}`,
				multipart("grant_type", "refresh_token", "refresh_token", "x"),
				"\n" + "grant_type=refresh_token&refresh_token=x",
				form + "\n\ngrant_type=refresh_token&grant_type=refresh_token&refresh_token=x",
			} {
				d.untouched(t, request(t, "POST /token\n"+text), http.StatusBadRequest)
			}
		}
	})
}

// untouchable is a body that must not be read.
type untouchable struct{ t *testing.T }

func (b untouchable) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

func (untouchable) Close() error { return nil }

// The order of login's costs: the method, the headers and the cap come before
// the body, the body before the store (D176 begins here).
func TestOrderOfCosts(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		edit func(*http.Request)
		want int
	}{
		{"a wrong method", func(r *http.Request) { r.Method = http.MethodPut }, http.StatusMethodNotAllowed},
		{"a second Authorization", func(r *http.Request) { r.Header["Authorization"] = []string{"a", "b"} }, http.StatusBadRequest},
		{"a Content-Length over the cap", func(r *http.Request) { r.ContentLength = 16<<10 + 1 }, http.StatusRequestEntityTooLarge},
		{"a compressed body", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, http.StatusBadRequest},
	} {
		t.Run(x.name+" is refused before the body is read", func(t *testing.T) {
			t.Parallel()
			for _, dialect := range dialects {
				d := open(t, speaking(dialect.dialect))
				for _, path := range []string{"/login", "/refresh", "/logout", "/token", "/everywhere"} {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, untouchable{t})
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					x.edit(r)
					d.untouched(t, r, x.want)
				}
			}
		})
	}
	t.Run("a wrong method counts before all that is wrong besides", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.untouched(t, request(t, "DELETE /login\nAuthorization: a\nAuthorization: b\nContent-Encoding: gzip\n\n"+tooLong+"x"), http.StatusMethodNotAllowed)
	})
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	long := "username=alice&password=" + tooLong
	t.Run("a body of just the cap is read", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		body := "username=alice&password=" + strings.Repeat("x", 16<<10-len("username=alice&password="))
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+body), http.StatusBadRequest)
		body += "x"
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+body), http.StatusRequestEntityTooLarge)
	})
	t.Run("the cap is the host's to set", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.MaxBody = 8 })
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusername="), http.StatusRequestEntityTooLarge)
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusernam="), http.StatusBadRequest)
	})
	t.Run("a body without a Content-Length is cut at the cap", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", io.MultiReader(strings.NewReader(long)))
		r.ContentLength = -1
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.untouched(t, r, http.StatusRequestEntityTooLarge)
	})
	t.Run("no more than the cap and a byte is read", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		endless := &counted{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", endless)
		r.ContentLength = -1
		d.untouched(t, r, http.StatusRequestEntityTooLarge)
		if endless.read > 16<<10+1 {
			t.Errorf("%d bytes were read", endless.read)
		}
	})
	t.Run("the host's own MaxBytesReader is a 413 as well", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := request(t, "POST /login\n"+form+"\n\n"+goodForm)
		r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 10)
		d.untouched(t, r, http.StatusRequestEntityTooLarge)
	})
	t.Run("a body that breaks off is 400", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", io.MultiReader(strings.NewReader(goodForm), broken{}))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.untouched(t, r, http.StatusBadRequest)
	})
	t.Run("a request without a body at all is no panic", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := request(t, "POST /login\n\n")
		r.Body = nil
		d.untouched(t, r, http.StatusBadRequest)
	})
	t.Run("in chunks, on the wire, it is the same", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		s := serve(t, d.mux)
		for _, x := range []struct {
			body string
			want int
		}{{goodForm, http.StatusOK}, {long, http.StatusRequestEntityTooLarge}} {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			res := raw(t, conn, fmt.Sprintf("POST /login HTTP/1.1\r\nHost: x\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", form, len(x.body), x.body))
			_ = res.Body.Close()
			if res.StatusCode != x.want {
				t.Errorf("status = %d, want %d", res.StatusCode, x.want)
			}
		}
	})
}

var errBroken = errors.New("the connection broke")

// broken is a body that breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// counted is a body without an end.
type counted struct{ read int }

func (c *counted) Read(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

// spy is a dialect that shows what was read.
type spy struct {
	wire.Dialect

	accepts wire.Accepts
	params  *wire.Params
}

func (s *spy) Accepts() wire.Accepts { return s.accepts }

var errSeen = &wire.Error{Reason: wire.ReasonMissing}

func (s *spy) ReadLogin(p *wire.Params) (tokens.LoginRequest, error) {
	s.params = p
	return tokens.LoginRequest{}, errSeen
}

// read is what the parser makes of a body; nil if it refuses it.
func read(tb testing.TB, auth *middleware.Auth, accepts wire.Accepts, contentType string, body []byte) *wire.Params {
	tb.Helper()
	s := &spy{Dialect: wire.OAuth2{}, accepts: accepts}
	r := httptest.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodPost, "/login", bytes.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	_, err := auth.WithDialect(s).CheckLogin(r)
	switch e := wire.AsError(err); e.Reason {
	case wire.ReasonMissing:
		if s.params == nil {
			tb.Fatal("a login was refused for what was not read")
		}
	case wire.ReasonMalformed:
		if s.params == nil {
			return nil
		}
		// the body is none, or of a kind that is not read: only headers were
		if _, ok := s.params.Lookup("a"); ok || errors.Is(s.params.Explain(errSeen), errSeen) {
			tb.Fatal("what is malformed was read")
		}
		return nil
	case wire.ReasonTooLarge:
		if len(body) <= 16<<10 {
			tb.Fatalf("%d bytes are too many", len(body))
		}
	default:
		tb.Fatalf("error = %v", err)
	}
	return s.params
}

func TestParams(t *testing.T) {
	t.Parallel()
	t.Run("a parameter that is there and empty is told from one that is not there", func(t *testing.T) {
		t.Parallel()
		p := read(t, open(t).Auth, wire.Accepts{}, "application/x-www-form-urlencoded", []byte("a=&b=+1"))
		if a, ok := p.Lookup("a"); a != "" || !ok {
			t.Errorf("a = %q, %t", a, ok)
		}
		if _, ok := p.Lookup("c"); ok {
			t.Error("c is there")
		}
		if b := p.Get("b"); b != " 1" {
			t.Errorf("b = %q", b)
		}
	})
	t.Run("a file in multipart is no parameter", func(t *testing.T) {
		t.Parallel()
		body := "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.txt\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--b--\r\n"
		p := read(t, open(t).Auth, wire.Accepts{Multipart: true}, "multipart/form-data; boundary=b", []byte(body))
		if _, ok := p.Lookup("a"); ok || p.Get("b") != "2" {
			t.Errorf("a is there: %t; b = %q", ok, p.Get("b"))
		}
	})
	t.Run("the headers are among them, and the query is not", func(t *testing.T) {
		t.Parallel()
		s := &spy{Dialect: wire.OAuth2{}}
		r := request(t, "POST /login?"+url.Values{"a": {"1"}}.Encode()+"\nUser-Agent: curl\n\n")
		if _, err := open(t).WithDialect(s).CheckLogin(r); err == nil || s.params == nil {
			t.Fatal(err)
		}
		if s.params.Header.Get("User-Agent") != "curl" || s.params.Get("a") != "" {
			t.Errorf("%v", s.params)
		}
	})
}
