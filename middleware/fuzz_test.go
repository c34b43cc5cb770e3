package middleware_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
)

// post sends a body to every route that reads one, and wants an answer that
// blames the client or nobody.
func (d *door) post(t *testing.T, contentType, authorization string, body []byte) {
	t.Helper()
	for _, path := range []string{"/login", "/refresh", "/logout", "/token"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := d.send(r)
		if w.Code >= 500 || w.Code < 200 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %q: %d %v %s", path, body, w.Code, w.Header(), w.Body)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "username=a&password=b", "a=1&a=2", "%", "a;b", "username=%00", "grant_type=password&username=alice&password=%26", "=&=", "refresh_token=sp_rt_AA"} {
		f.Add([]byte(seed))
	}
	d := open(f, passwordGrant)
	f.Fuzz(func(t *testing.T, body []byte) {
		d.store.take()
		d.post(t, "application/x-www-form-urlencoded", "", body)
		// nobody is asked about a body that net/url would not read
		if _, err := url.ParseQuery(string(body)); err != nil && len(d.store.take()) > 0 {
			t.Errorf("the store was asked about %q", body)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"_username":"a","_password":"b"}`, `{"a":1,"a":2}`, `{"_username":{}}`, `[[[[`, "{\"a\":\"\xff\"}", `{"refresh_token":"sp_ak_A"}`, `{"\u0000":""}`} {
		f.Add([]byte(seed))
	}
	d := open(f, speaking(middleware.Lexik{}))
	f.Fuzz(func(t *testing.T, body []byte) { d.post(t, "application/json", "", body) })
}

func FuzzMultipart(f *testing.F) {
	for _, seed := range []string{"", "--b--", "--b\r\nContent-Disposition: form-data; name=\"_username\"\r\n\r\na\r\n--b--\r\n", "--b\r\n\r\n", "--b\r\n: \r\n\r\n\r\n--b--"} {
		f.Add("multipart/form-data; boundary=b", []byte(seed))
	}
	f.Add("multipart/form-data", []byte("--"))
	d := open(f, speaking(middleware.Lexik{}))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) { d.post(t, contentType, "", body) })
}

// FuzzAuthorization reads the header as a bearer token and as a client's
// credentials.
func FuzzAuthorization(f *testing.F) {
	d := open(f, passwordGrant)
	good := "Bearer " + string(d.login(f, alice).AccessToken)
	for _, seed := range []string{"", "Bearer", "bearer  x", "Bearer a b", good, good + " ", "Basic", "Basic " + base64.StdEncoding.EncodeToString([]byte("app:")), "Basic ====", "Basic OjpA", "Digest x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bearer", http.NoBody)
		r.Header.Set("Authorization", header)
		w := d.send(r)
		_, genuine := d.tokens.Verify(t.Context(), tokens.Secret(jwtForm.FindString(header)))
		if w.Code != http.StatusUnauthorized && (w.Code != http.StatusOK || genuine != nil) {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
		d.post(t, "application/x-www-form-urlencoded", header, []byte("grant_type=refresh_token&refresh_token=x"))
	})
}
