package middleware_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// What clients of the original systems send, and what they expect. Each test has the
// row of a report in its name.

func TestFaultB1MultipartLogsIn(t *testing.T) {
	t.Parallel()
	fields := multipart("grant_type", "password", "username", "alice", "password", password, "scope", "", "client_id", "")
	for _, dialect := range dialects {
		t.Run(dialect.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect.dialect))
			fields := strings.NewReplacer(`"username"`, `"`+dialect.login+`"`, `"password"`, `"`+dialect.pass+`"`).Replace(fields)
			wantStatus(t, d.ask(t, "POST /login\n"+fields), http.StatusOK)
			parts := []string{dialect.login, "alice", dialect.pass, password}
			for len(parts) < 2*100 {
				parts = append(parts, strings.Repeat("x", len(parts)), "")
			}
			wantStatus(t, d.ask(t, "POST /login\n"+multipart(parts...)), http.StatusOK)
			wantStatus(t, d.ask(t, "POST /login\n"+multipart(append(parts, "more", "")...)), http.StatusBadRequest)
			wantStatus(t, d.ask(t, "POST /login\n"+multipart("x", tooLong)), http.StatusRequestEntityTooLarge)
		})
	}
	t.Run("the standard's own endpoints read forms only", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for _, path := range []string{"/token", "/revoke"} {
			wantStatus(t, d.ask(t, "POST "+path+"\n"+multipart("grant_type", "refresh_token", "refresh_token", "{refresh}", "token", "{refresh}")), http.StatusBadRequest)
		}
	})
}

func TestFaultB2PostmanRefreshSucceedsAsTheSeedAndRefusesAsTheStandard(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.PostmanRefresh{}, []exchange{
		{
			name:    "Postman's request gets the four members, and bearer in lower case",
			request: "POST /refresh\nAuthorization: Basic YXBwOg==\n" + form + "\n\ngrant_type=refresh_token&refresh_token={client's refresh}",
			status:  200, header: fastAPIJSON + "\nPragma: no-cache", body: fastAPIPair,
		},
		{
			name:    "so does form-data",
			request: "POST /refresh\n" + multipart("grant_type", "refresh_token", "refresh_token", "{refresh}"),
			status:  200, header: fastAPIJSON + "\nPragma: no-cache", body: fastAPIPair,
		},
		{
			name:    "a scope is ignored, as the seed does not use it",
			request: "POST /refresh\n" + form + "\n\ngrant_type=refresh_token&scope=openid++profile&refresh_token={refresh}",
			status:  200, header: fastAPIJSON + "\nPragma: no-cache", body: fastAPIPair,
		},
		{
			name:    "an invalid token is invalid_grant",
			request: "POST /refresh\n" + form + "\n\ngrant_type=refresh_token&refresh_token=x",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "no token is invalid_request",
			request: "POST /refresh\n" + form + "\n\ngrant_type=refresh_token",
			status:  400, header: oauth2JSON, body: oauth2NoRefresh,
		},
		{
			name:    "another grant is unsupported_grant_type",
			request: "POST /refresh\n" + form + "\n\ngrant_type=password&refresh_token={refresh}",
			status:  400, header: oauth2JSON, body: oauth2Grant,
		},
	})
}

func TestFaultB3ABodyThatIsNotNeededIsIgnored(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"an empty JSON object":         jsonType + "\n\n{}",
		"a JSON object of other names": jsonType + "\n\n" + `{"a":1}`,
		"JSON null":                    jsonType + "\n\nnull",
		"JSON that is empty":           jsonType + "\n\n",
		"text":                         "Content-Type: text/plain\n\nhello",
		"a text without a type":        "Accept: */*\n\nundefined",
		"an empty form":                form + "\n\n",
		"an empty multipart":           "Content-Type: multipart/form-data; boundary=x\n\n",
	}
	inCookies := func(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/"} }
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dialect := range []wire.Dialect{wire.FastAPI{}, wire.OAuth2{}, wire.PostmanRefresh{}} {
				d := open(t, speaking(dialect))
				wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: {refresh}\n"+body), http.StatusOK)
				wantStatus(t, d.ask(t, "POST /logout\nrefresh-token: {refresh}\n"+body), http.StatusNoContent)
				wantStatus(t, d.ask(t, "POST /logout\nAuthorization: Bearer {access}\n"+body), http.StatusNoContent)
				wantStatus(t, d.ask(t, "POST /everywhere\nAuthorization: Bearer {access}\n"+body), http.StatusNoContent)
			}
			for _, dialect := range dialects {
				d := open(t, speaking(dialect.dialect), inCookies)
				wantStatus(t, d.ask(t, "POST /refresh\nCookie: __Host-refresh_token={refresh}\n"+body), http.StatusNoContent)
				w := d.ask(t, "POST /logout\nCookie: __Host-refresh_token={refresh}\n"+body)
				if w.Code >= 300 {
					t.Errorf("%s: %d %s", dialect.name, w.Code, w.Body)
				}
			}
		})
	}
}

func TestFaultB4TheGrammarIsAsLenientAsTheOriginals(t *testing.T) {
	t.Parallel()
	t.Run("what is no scope is ignored in FastAPI", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.FastAPI{}))
		for _, scope := range []string{"openid+profile", "read++write", "+read+write+", "%22", "%C3%BC+read+write", "read%0Awrite"} {
			w := d.ask(t, "POST /login\n"+form+"\n\nscope="+scope+"&"+goodForm)
			wantStatus(t, w, http.StatusOK)
			if got := d.principal(t, w).Scope; got != "read write" {
				t.Errorf("scope=%s: %q", scope, got)
			}
		}
		if got := d.principal(t, d.ask(t, "POST /login\n"+form+"\n\nscope=++write+x&"+goodForm)).Scope; got != "write" {
			t.Errorf("a scope that narrows: %q", got)
		}
	})
	t.Run("a logout ends the session by whatever proves it", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range []wire.Dialect{wire.FastAPI{}, wire.OAuth2{}} {
			for _, headers := range []string{
				"Authorization: Bearer {expired}\nrefresh-token: REFRESH",
				"Authorization: Bearer nonsense\nrefresh-token: REFRESH",
				"refresh-token: REFRESH",
				"Authorization: Bearer ACCESS\nrefresh-token: nonsense",
				"Authorization: Bearer ACCESS\nrefresh-token: {revoked}",
				"Authorization: Bearer ACCESS",
			} {
				d := open(t, speaking(dialect))
				p := d.login(t, alice)
				wantStatus(t, d.ask(t, "POST /logout\n"+replace(headers, p)+"\n\n"), http.StatusNoContent)
				if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); !errors.Is(err, tokens.ErrInvalidRefresh) {
					t.Errorf("%T, %q: the session has not ended: %v", dialect, headers, err)
				}
			}
		}
	})
	t.Run("so does one with cookies", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/"} })
		p := d.login(t, alice)
		wantStatus(t, d.ask(t, replace("POST /logout\nCookie: __Host-access_token=ACCESS; __Host-refresh_token=nonsense\n\n", p)), http.StatusNoContent)
		if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); !errors.Is(err, tokens.ErrInvalidRefresh) {
			t.Errorf("the session has not ended: %v", err)
		}
	})
	t.Run("a store that fails is not taken for a session that has ended", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.FastAPI{}))
		p := d.login(t, alice)
		down(t, d)
		wantStatus(t, d.ask(t, replace("POST /logout\nAuthorization: Bearer ACCESS\nrefresh-token: nonsense\n\n", p)), http.StatusServiceUnavailable)
	})
	t.Run("a charset is a label where all is ASCII", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			body := "\n\n" + dialect.login + "=alice&" + dialect.pass + "=correct+horse+%26+battery"
			for _, charset := range []string{"utf-8", "UTF8", `"utf-8"`, "us-ascii", "ascii", "ISO-8859-1", "iso-8859-15", "latin1", "windows-1252", "cp1252"} {
				wantStatus(t, d.ask(t, "POST /login\n"+form+"; charset="+charset+body), http.StatusOK)
			}
			for _, charset := range []string{"utf-16", "utf-7", "ebcdic-cp-us", "nonsense"} {
				wantStatus(t, d.ask(t, "POST /login\n"+form+"; charset="+charset+body), http.StatusBadRequest)
			}
			wantStatus(t, d.ask(t, "POST /login\n"+form+"; charset=iso-8859-1"+body+"%C3%BC"), http.StatusBadRequest)
		}
	})
	t.Run("white space around a Lexik key is trimmed", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		for _, body := range []string{"{key}%0A", "{key}%0D%0A", "+{key}+", "%09{key}"} {
			wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+body), http.StatusOK)
		}
		wantStatus(t, d.ask(t, "POST /refresh\n"+jsonType+"\n\n"+`{"refresh_token":"{key}\n"}`), http.StatusOK)
		wantStatus(t, d.ask(t, "POST /refresh\n"+multipart("refresh_token", "{key}\n")), http.StatusOK)
		wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token=+%0A"), http.StatusUnauthorized)
	})
}

func TestFaultB6EachChallengeHasARealm(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		d := open(t, speaking(dialect.dialect), func(c *config) { c.auth.Realm = "shop" })
		for _, text := range []string{
			"GET /me\n\n", "GET /me\nAuthorization: Bearer\n\n", "GET /me\nAuthorization: Bearer a b\n\n", "GET /me\nAuthorization: Bearer a.b.c\n\n",
			"GET /me\nAuthorization: Bearer {expired}\n\n", "POST /logout\n\n", "POST /everywhere\n\n", "GET /sessions\n\n",
			"POST /login\n" + form + "\n\n" + dialect.login + "=alice&" + dialect.pass + "=wrong",
			"POST /refresh\nrefresh-token: nonsense\n\n",
		} {
			w := d.ask(t, text)
			for _, challenge := range w.Header()["Www-Authenticate"] {
				if !strings.HasPrefix(challenge, `Bearer realm="shop"`) {
					t.Errorf("%s: %s: %q", dialect.name, text, challenge)
				}
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("Www-Authenticate") == "" && !strings.HasPrefix(text, "POST /refresh") {
				t.Errorf("%s: %s: no challenge", dialect.name, text)
			}
		}
	}
}

// parsing has a middleware in front that looks into the form, as one that checks a
// CSRF token does.
func parsing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.PostFormValue("csrf_token")
		next.ServeHTTP(w, r)
	})
}

func TestFaultB8AFormThatAMiddlewareHasParsedIsRead(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		t.Run(dialect.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect.dialect))
			send := func(text string) int {
				w := httptest.NewRecorder()
				parsing(d.mux).ServeHTTP(w, request(t, d.fill(t, text)))
				return w.Code
			}
			login := dialect.login + "=alice&" + dialect.pass + "=correct+horse+%26+battery"
			for text, want := range map[string]int{
				"POST /login\n" + form + "\n\n" + login:                                                           200,
				"POST /login\n" + form + "; charset=iso-8859-1\n\n" + login:                                       200,
				"POST /login\n" + multipart(dialect.login, "alice", dialect.pass, password):                       200,
				"POST /login\n" + form + "\n\n" + login + "&" + dialect.login + "=bob":                            400,
				"POST /login\n" + form + "\n\n" + login + "%00":                                                   400,
				"POST /login\n" + form + "\n\nx=" + tooLong:                                                       413,
				"POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}":                   200,
				"POST /token\n" + multipart("grant_type", "refresh_token", "refresh_token", "{refresh}"):          400,
				"POST /token?grant_type=refresh_token&refresh_token={refresh}\n" + form + "\n\ncsrf_token=x":      400,
				"POST /revoke\n" + form + "\n\ntoken={refresh}":                                                   200,
				"POST /logout\nAuthorization: Bearer {access}\n" + form + "\n\nrefresh_token={refresh}&_method=x": map[bool]int{true: 200, false: 204}[dialect.name == "Lexik"],
			} {
				if got := send(text); got != want {
					t.Errorf("%s: %d, want %d", text, got, want)
				}
			}
			if got := send("POST /login?" + login + "\n" + form + "\n\ncsrf_token=x"); got < 400 {
				t.Errorf("credentials in the URL were read: %d", got)
			}
		})
	}
}

func TestFaultB8ABodyThatAMiddlewareHasDecompressedIsRead(t *testing.T) {
	t.Parallel()
	d := open(t)
	r := request(t, "POST /login\n"+form+"\nContent-Encoding: gzip\n\n"+gzipped(goodForm))
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = body
	wantStatus(t, d.send(r), http.StatusOK)

	bomb := request(t, "POST /login\n"+form+"\nContent-Encoding: gzip\n\n"+gzipped("x="+strings.Repeat("0", 1<<20)))
	if bomb.Body, err = gzip.NewReader(bomb.Body); err != nil {
		t.Fatal(err)
	}
	d.untouched(t, bomb, http.StatusRequestEntityTooLarge)
}

// limitError is the error of a limit of the host's own.
type limitError int

func (limitError) Error() string     { return "the host has enough" }
func (e limitError) StatusCode() int { return int(e) }

// failing is a body whose reader fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
func (failing) Close() error               { return nil }

func TestFaultB8EachOuterLimitHasItsOwnStatus(t *testing.T) {
	t.Parallel()
	late := &wire.Error{Reason: wire.ReasonThrottled, RetryAfter: time.Minute}
	for name, x := range map[string]struct {
		err  error
		want int
	}{
		"http.MaxBytesReader":         {&http.MaxBytesError{Limit: 8}, 413},
		"an error with a status":      {limitError(413), 413},
		"a time that the host sets":   {limitError(408), 408},
		"a server's ReadTimeout":      {os.ErrDeadlineExceeded, 408},
		"a refusal of the host's":     {late, 429},
		"a connection that broke off": {io.ErrUnexpectedEOF, 400},
		"a status that is no limit":   {limitError(200), 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dialect := range dialects {
				d := open(t, speaking(dialect.dialect))
				for _, path := range []string{"/login", "/refresh", "/logout", "/token", "/revoke", "/everywhere"} {
					r := request(t, "POST "+path+"\n"+form+"\n\nx=y")
					r.ContentLength, r.Body = -1, failing{x.err}
					d.untouched(t, r, x.want)
				}
			}
		})
	}
}

func TestFaultB10AClientThatGoesIsNoFailureOfTheStore(t *testing.T) {
	t.Parallel()
	t.Run("that closes its half of the connection behind the request", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			p := d.login(t, alice)
			d.journal.Take()
			gone := make(chan struct{})
			d.store.step(func(string) { <-gone })
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				go func() {
					<-r.Context().Done()
					close(gone)
				}()
				d.mux.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			body := "refresh_token=" + string(p.RefreshToken)
			text := "POST /refresh HTTP/1.1\r\nHost: x\r\n" + form + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
			if dialect.name == "FastAPI" {
				text = "POST /refresh HTTP/1.1\r\nHost: x\r\nrefresh-token: " + string(p.RefreshToken) + "\r\nContent-Length: 0\r\n\r\n"
			}
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			for _, e := range d.journal.Take() {
				if e.Kind == events.StoreFailure {
					t.Errorf("%s: %d, and event %v", dialect.name, response.StatusCode, e)
				}
			}
		}
	})
	t.Run("that closes its connection", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{
			"POST /login\n" + form + "\n\n" + goodForm, "POST /refresh\nrefresh-token: {refresh}\n\n",
			"POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}", "GET /sessions\nAuthorization: Bearer {access}\n\n",
		} {
			d := open(t)
			r := request(t, d.fill(t, text))
			d.journal.Take()
			ctx, cancel := context.WithCancel(t.Context())
			d.store.step(func(string) {
				cancel()
				d.store.fail(context.Canceled)
			})
			d.send(r.WithContext(ctx))
			d.store.step(nil)
			d.journal.WantKinds(t, events.ClientGone)
		}
	})
	t.Run("a store that fails meanwhile is told of by the others", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.store.fail(context.Canceled) // of its own making
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+goodForm), http.StatusServiceUnavailable)
		d.journal.WantKinds(t, events.StoreFailure)
	})
}

func TestFaultD5ARefusalSaysWhichBodyIsWanted(t *testing.T) {
	t.Parallel()
	credentials := `{"username":"alice","password":"x","_username":["alice"]}`
	for _, x := range []struct {
		name    string
		dialect wire.Dialect
		request string
		status  int
		says    string
	}{
		{"JSON to OAuth2's login", wire.OAuth2{}, "POST /login\n" + jsonType + "\n\n" + credentials, 400, "must be a form (application/x-www-form-urlencoded) or multipart/form-data"},
		{"JSON to OAuth2's refresh", wire.OAuth2{}, "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":"x"}`, 400, "must be a form"},
		{"JSON to FastAPI's login", wire.FastAPI{}, "POST /login\n" + jsonType + "\n\n" + credentials, 422, "must be a form"},
		{"JSON to FastAPI's refresh", wire.FastAPI{}, "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":"x"}`, 422, "refresh-token"},
		{"JSON to the token endpoint", wire.FastAPI{}, "POST /token\n" + jsonType + "\n\n" + `{"grant_type":"password"}`, 400, "must be a form (application/x-www-form-urlencoded)\""},
		{"JSON to the revocation endpoint", wire.Lexik{}, "POST /revoke\n" + jsonType + "\n\n" + `{"token":"x"}`, 400, "must be a form"},
		{"JSON to postman-refresh", wire.PostmanRefresh{}, "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":"x"}`, 400, "must be a form"},
		{"XML to Lexik's login", wire.Lexik{}, "POST /login\nContent-Type: text/xml\n\n<a/>", 400, "JSON (application/json)"},
		{"a form to the endpoint of API keys", wire.OAuth2{}, "POST /keys/new\nAuthorization: Bearer {access}\n" + form + "\n\nlabel=x", 400, "must be a JSON object, with Content-Type application/json"},
		{"a body without a type", wire.OAuth2{}, "POST /login\n\n" + goodForm, 400, "must be a form"},
		{"a password that is not encoded", wire.OAuth2{}, "POST /login\n" + form + "\n\nusername=alice&password=100%", 400, "percent-encoded"},
		{"a missing password", wire.OAuth2{}, "POST /login\n" + form + "\n\nusername=alice", 400, "parameter password is missing"},
		{"a missing grant_type", wire.OAuth2{}, "POST /token\n" + form + "\n\nrefresh_token=x", 400, "parameter grant_type is missing"},
		{"a missing token", wire.OAuth2{}, "POST /revoke\n" + form + "\n\nx=y", 400, "parameter token is missing"},
		{"a parameter twice", wire.Lexik{}, "POST /login\n" + form + "\n\n_username=a&_username=b", 400, "repeated"},
		{"a body that is too long", wire.OAuth2{}, "POST /login\n" + form + "\n\nx=" + tooLong, 413, "16384 bytes"},
		{"two Authorization headers to Lexik", wire.Lexik{}, "POST /login\nAuthorization: a\nAuthorization: b\n" + form + "\n\n_username=alice&_password=x", 400, "More than one Authorization header"},
		{"compression", wire.FastAPI{}, "POST /login\n" + form + "\nContent-Encoding: br\n\nx", 400, "compressed"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, speaking(x.dialect)).ask(t, x.request)
			wantStatus(t, w, x.status)
			if !strings.Contains(w.Body.String(), x.says) {
				t.Errorf("body = %s, want %q in it", w.Body, x.says)
			}
			if strings.Contains(w.Body.String(), "alice") {
				t.Errorf("the answer repeats the request: %s", w.Body)
			}
		})
	}
}

func TestFaultB5SecretsThatWereNeverFormEncodedOpen(t *testing.T) {
	t.Parallel()
	registered := func(c *config) {
		registering(c)
		w := c.tokens.Store.(*recordingStore)
		for id, secret := range map[string]string{"plain": "a+b%41/=", "id+x": "one+two", "id x": "three", "percent": "100%"} {
			row := store.Client{ID: id, Grants: []string{tokens.GrantPassword, tokens.GrantRefresh}, Secrets: []store.Digest{sha256.Sum256([]byte(secret))}}
			if err := w.memory.SetClient(t.Context(), row); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []struct {
		name, id, secret string // as they are in Basic
		client           string // whose they are; empty: no client's
	}{
		{"a secret as it is", "plain", "a+b%41/=", "plain"},
		{"a secret that was encoded", "plain", "a%2Bb%2541%2F%3D", "plain"},
		{"a secret that was encoded in part", "plain", "a%2Bb%2541/=", "plain"},
		{"what decodes to another text", "plain", "a%2Bb%41/=", ""},
		{"a secret that was encoded twice", "plain", "a%252Bb%252541%252F%253D", ""},
		{"a secret that is no form", "percent", "100%", "percent"},
		{"the same, encoded", "percent", "100%25", "percent"},
		{"an ID and a secret as they are", "id+x", "one+two", "id+x"},
		{"both encoded", "id%2Bx", "one%2Btwo", "id+x"},
		{"an ID as it is, and the secret of the client with the other reading", "id+x", "three", "id x"},
		{"an ID of one reading with the secret of the other", "id%2Bx", "three", ""},
		{"no secret", "plain", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			for _, dialect := range []wire.Dialect{wire.OAuth2{}, wire.FastAPI{}} {
				d := open(t, registered, speaking(dialect))
				head := with(basicAsSent(x.id, x.secret))
				w := d.ask(t, "POST /login\n"+head+"\n\n"+goodForm)
				if x.client == "" {
					wantStatus(t, w, http.StatusUnauthorized)
					continue
				}
				wantStatus(t, w, http.StatusOK)
				if got := d.principal(t, w).ClientID; got != x.client {
					t.Errorf("client = %q", got)
				}
				refresh := refreshForm.FindString(w.Body.String())
				w = d.ask(t, "POST /token\n"+head+"\n\ngrant_type=refresh_token&refresh_token="+refresh)
				wantStatus(t, w, http.StatusOK)
				refresh = refreshForm.FindString(w.Body.String())
				wantStatus(t, d.ask(t, "POST /revoke\n"+head+"\n\ntoken="+refresh), http.StatusOK)
			}
		})
	}
	t.Run("in the body there is one reading", func(t *testing.T) {
		t.Parallel()
		d := open(t, registered)
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+goodForm+"&client_id=plain&client_secret=a%2Bb%2541/%3D"), http.StatusOK)
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+goodForm+"&client_id=plain&client_secret=a%252Bb%252541%252F%253D"), http.StatusUnauthorized)
	})
	t.Run("two readings are one attempt", func(t *testing.T) {
		t.Parallel()
		count := func(secret string) (n int) {
			d := open(t, registered)
			for d.ask(t, "POST /login\n"+with(basicAsSent("plain", secret))+"\n\n"+goodForm).Code != http.StatusTooManyRequests {
				n++
			}
			return n
		}
		if once, twice := count("wrong"), count("wrong+"); once != twice || once == 0 {
			t.Errorf("%d attempts with one reading, %d with two", once, twice)
		}
	})
}

func basicAsSent(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestFaultB5AnAccountIsTheSameClientAtLoginAndRefresh(t *testing.T) {
	t.Parallel()
	mail := store.User{ID: "u-mail", Login: "mail", Account: "a+b@example.com", Tier: "free", Seats: 1}
	accounts := func(c *config) {
		c.tokens.AccountAsClient = true
		if err := c.tokens.Store.(*recordingStore).memory.AddUser(t.Context(), mail, password); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct{ name, login, account, header, body string }{
		{"in Basic", "alice", "acme", basicAsSent("acme", ""), ""},
		{"in Basic, with a secret that means nothing", "alice", "acme", basicAsSent("acme", "x%y+"), ""},
		{"in the body", "alice", "acme", "", "&client_id=acme&client_secret=x"},
		{"in both", "alice", "acme", basicAsSent("acme", ""), "&client_id=acme"},
		{"in Basic, as it is", "mail", mail.Account, basicAsSent(mail.Account, ""), ""},
		{"in Basic, encoded", "mail", mail.Account, basicAsSent("a%2Bb%40example.com", ""), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, accounts, speaking(wire.FastAPI{}))
			login := "username=" + x.login + "&password=correct+horse+%26+battery"
			w := d.ask(t, "POST /login\n"+with(x.header)+"\n\n"+login+x.body)
			wantStatus(t, w, http.StatusOK)
			if got := d.principal(t, w).ClientID; got != x.account {
				t.Errorf("client = %q, want %q", got, x.account)
			}
			refresh := func() string { return refreshForm.FindString(w.Body.String()) }
			w = d.ask(t, "POST /refresh\nrefresh-token: "+refresh()+"\n"+with(x.header)+"\n\n"+strings.TrimPrefix(x.body, "&"))
			wantStatus(t, w, http.StatusOK)
			d.mux.HandleFunc("/postman-refresh", d.WithDialect(wire.PostmanRefresh{}).Refresh)
			w = d.ask(t, "POST /postman-refresh\n"+with(x.header)+"\n\ngrant_type=refresh_token&refresh_token="+refresh()+x.body)
			wantStatus(t, w, http.StatusOK)
			w = d.ask(t, "POST /postman-refresh\n"+with(basicAsSent("other", ""))+"\n\ngrant_type=refresh_token&refresh_token="+refresh())
			wantStatus(t, w, http.StatusBadRequest)
		})
	}
}
