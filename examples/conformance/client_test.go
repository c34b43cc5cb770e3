package conformance_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
)

// basic is the header of RFC 6749 §2.3.1: both parts are encoded as in a form first.
func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

var shopInBody = "client_id=" + url.QueryEscape("shop:1") + "&client_secret=" + url.QueryEscape(shopSecret)

// Client authentication.
var clientAuthentication = []requirement{
	{number: 23, grade: "MUST", says: "a client with a secret may use HTTP Basic", source: "RFC 6749 §2.3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.token(t, good, basic("shop:1", shopSecret)).pair(t)
			h.token(t, "grant_type=refresh_token&refresh_token="+p.refresh, basic("shop:1", shopSecret)).pair(t)
		}},
	{number: 24, grade: "MUST", says: "what is in Basic is decoded as in a form", source: "RFC 6749 §2.3.1",
		note: "a secret that cannot be decoded stands for itself, since some clients do not encode it",
		check: func(t *testing.T, open opener) {
			h := open(t)
			plain := base64.StdEncoding.EncodeToString([]byte("shop%3A1:s%25cret%2Bof+the%2Fshop%3A"))
			h.token(t, good, "Authorization: Basic "+plain).pair(t)
		}},
	{number: 25, grade: "MAY", says: "a client may send its id and secret in the body", source: "RFC 6749 §2.3.1, OAuth 2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.token(t, good+"&"+shopInBody).pair(t)
			h.refresh(t, p.refresh, shopInBody).pair(t)
		}},
	{number: 26, grade: "MUST", says: "Basic and a secret in the body together are invalid_request", source: "RFC 6749 §2.3, §5.2",
		check: func(t *testing.T, open opener) {
			open(t).token(t, good+"&"+shopInBody, basic("shop:1", shopSecret)).is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 27, grade: "MUST", says: "wrong Basic credentials are 401 invalid_client with a Basic challenge", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, header := range []string{basic("shop:1", "wrong"), basic("unknown", "wrong")} {
				a := h.token(t, good, header)
				a.is(t, http.StatusUnauthorized, "invalid_client")
				if got := a.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
					t.Errorf("WWW-Authenticate = %q", got)
				}
			}
		}},
	{number: 28, grade: "MUST", says: "wrong credentials in the body are invalid_client", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good+"&client_id=shop:1&client_secret=wrong")
			if a.Code != http.StatusBadRequest {
				a.is(t, http.StatusUnauthorized, "invalid_client")
			}
			a.is(t, a.Code, "invalid_client")
		}},
	{number: 29, grade: "MUST", says: "a client with a secret that sends none is invalid_client", source: "RFC 6749 §3.2.1, §6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good+"&client_id=shop:1").is(t, http.StatusUnauthorized, "invalid_client")
			p := h.token(t, good+"&"+shopInBody).pair(t)
			h.refresh(t, p.refresh, "client_id=shop:1").is(t, http.StatusUnauthorized, "invalid_client")
			if a := h.refresh(t, p.refresh); a.Code < 400 {
				t.Errorf("without a client at all: %d %s", a.Code, a.Body)
			}
			h.refresh(t, p.refresh, shopInBody).pair(t)
		}},
	{number: 30, grade: "MUST*", says: "an empty password in Basic is a secret that was not sent", source: "RFC 6749 §2.3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good, basic("app", "")).pair(t)
			h.token(t, good, basic("shop:1", "")).is(t, http.StatusUnauthorized, "invalid_client")
		}},
	{number: 31, grade: "MUST", says: "failures of client authentication are counted, and refused with 429 in the end", source: "RFC 6749 §2.3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for range 1000 {
				if a := h.token(t, good, basic("shop:1", "wrong")); a.Code != http.StatusUnauthorized {
					a.is(t, http.StatusTooManyRequests, "")
					return
				}
			}
			t.Error("1000 failed attempts were answered without a 429")
		}},
	{number: 32, grade: "MUST NOT", says: "a client that fails to authenticate uses up no refresh token", source: "RFC 6749 §6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.token(t, good+"&"+shopInBody).pair(t)
			h.store.took()
			h.token(t, "grant_type=refresh_token&refresh_token="+p.refresh, basic("shop:1", "wrong")).is(t, http.StatusUnauthorized, "invalid_client")
			if calls := h.store.took(); slices.Contains(calls, "Session") {
				t.Errorf("the session was looked at: %q", calls)
			}
			h.token(t, "grant_type=refresh_token&refresh_token="+p.refresh, basic("shop:1", shopSecret)).pair(t)
		}},
	{number: 33, grade: "SHOULD", says: "no client can be taken for a user", source: "RFC 9700 §4.15",
		note: "there is no client_credentials grant, so no access token has a client for its subject; how clients are registered is the host's",
		check: func(t *testing.T, open opener) {
			h := open(t)
			c := store.Client{ID: alice.ID, Grants: allGrants}
			if err := h.store.SetClient(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			h.token(t, "grant_type=client_credentials&client_id="+alice.ID).is(t, http.StatusBadRequest, "unsupported_grant_type")
			p := h.token(t, "grant_type=password&username=bob&password="+url.QueryEscape(password)+"&client_id="+alice.ID).pair(t)
			if a := h.call(t, "/me", p.access); a.Body.String() != "u-bob may read" {
				t.Errorf("it is %s", a.Body)
			}
		}},
}
