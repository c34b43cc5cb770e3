package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// A form is read as url.ParseQuery reads it, if each parameter occurs once.
func TestAFormIsReadAsParseQueryReadsIt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"a=1&b=2", "a=1", "a", "a=", "=1", "=", "&", "&&a=1&&", "a=1&", "a=b=c", "a=%31", "%61=1", "a+b=c+d", "a=%2B", "a=%e4%b8%96",
		"a=1&a=2", "a=1&%61=2", "a&a", "=1&=2", "a=1;b=2", "a;b", "a=%", "a=%z1", "%zz=1", "a=1&a=2&b=%zz", "a=1&a=2;", "a=%00", "a=%ff",
		"a= 1", "a=1\r\nb=2", "a=\x00", strings.Repeat("&", 9999) + "a=1", strings.Repeat("&", 10_001) + "a=1", strings.Repeat("b&", 10_001),
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p, err := wire.Read(r, wire.Accepts{}, wire.Limits{MaxBody: 1 << 20})
		form, wrong := url.ParseQuery(body)
		short := body[:min(len(body), 30)]
		for name, all := range form {
			switch {
			case wrong != nil:
			case len(all) != 1:
				wrong = fmt.Errorf("%q twice", name)
			case !isText(name) || !isText(all[0]):
				wrong = fmt.Errorf("%q is no text", name)
			}
		}
		if (err != nil) != (wrong != nil) {
			t.Errorf("%q: %v, want %v", short, err, wrong)
			continue
		}
		for name, all := range form {
			if err == nil && p.Get(name) != all[0] {
				t.Errorf("%q: %q = %q, want %q", short, name, p.Get(name), all[0])
			}
		}
		for _, name := range []string{"", "a", "b", "a b"} {
			if err != nil {
				break
			}
			if _, ok := p.Lookup(name); ok != form.Has(name) {
				t.Errorf("%q: has %q = %v", short, name, ok)
			}
		}
	}
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s && !strings.Contains(s, "\x00") }

// The tokens are written by hand. The body must be what encoding/json makes.
func TestOAuth2GrantedIsWhatJSONMakes(t *testing.T) {
	t.Parallel()
	scope := func(s string) tokens.Principal { return tokens.Principal{Scope: s} }
	for name, p := range map[string]tokens.Pair{
		"a pair":               {AccessToken: "a.b.c", RefreshToken: "sp_rt_x", ExpiresIn: time.Hour, Principal: scope("read write")},
		"no scope":             {AccessToken: "a.b.c", RefreshToken: "sp_rt_x", ExpiresIn: 3599 * time.Second},
		"narrowed to nothing":  {AccessToken: "a.b.c", Narrowed: true},
		"an exchange":          {AccessToken: "a.b.c", ExpiresIn: time.Minute, Exchanged: true, Principal: scope("read")},
		"what JSON escapes":    {AccessToken: `"\<>&é` + "\u2028\xff\x01", RefreshToken: "\t", Principal: scope("a&b")},
		"a fraction of second": {AccessToken: "a", ExpiresIn: 1500 * time.Millisecond},
	} {
		body := struct {
			AccessToken  string  `json:"access_token"`
			TokenType    string  `json:"token_type"`
			ExpiresIn    int64   `json:"expires_in"`
			RefreshToken string  `json:"refresh_token,omitempty"`
			Scope        *string `json:"scope,omitempty"`
			Issued       string  `json:"issued_token_type,omitempty"`
		}{string(p.AccessToken), "Bearer", int64(p.ExpiresIn / time.Second), string(p.RefreshToken), nil, ""}
		if p.Exchanged {
			body.Issued = "urn:ietf:params:oauth:token-type:access_token"
		}
		if p.Narrowed || p.Principal.Scope != "" {
			body.Scope = &p.Principal.Scope
		}
		want, err := json.Marshal(body) //nolint:gosec // no token is secret here
		if err != nil {
			t.Fatal(err)
		}
		got := wire.OAuth2{}.Granted(p)
		if !bytes.Equal(got.Body, want) {
			t.Errorf("%s: %s, want %s", name, got.Body, want)
		}
		if got.Status != http.StatusOK || fmt.Sprint(got.Header) != "map[Cache-Control:[no-store] Content-Type:[application/json] Pragma:[no-cache] X-Content-Type-Options:[nosniff]]" {
			t.Errorf("%s: %d %v", name, got.Status, got.Header)
		}
	}
}
