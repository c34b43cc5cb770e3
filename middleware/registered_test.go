package middleware_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// clients: web is public, shop has a secret with what has to be encoded in it,
// api may introspect, mute may do nothing.
func clients() []store.Client {
	grants := []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}
	secret := func(text string) []store.Digest { return []store.Digest{sha256.Sum256([]byte(text))} }
	return []store.Client{
		{ID: "web", Grants: grants},
		{ID: "shop:1", Grants: grants, Secrets: secret("a b:c+%")},
		{ID: "api", Secrets: secret("api secret")},
		{ID: "mute"},
	}
}

const shopBasic = "Authorization: Basic c2hvcCUzQTE6YStiJTNBYyUyQiUyNQ==" // shop%3A1:a+b%3Ac%2B%25

// registering registers the clients and has a deny list.
func registering(c *config) {
	w := c.tokens.Store.(*recordingStore)
	for _, one := range clients() {
		if err := w.memory.SetClient(context.Background(), one); err != nil {
			panic(err)
		}
	}
	c.tokens.Clients, c.tokens.Revocations = w, w
	c.auth.PasswordGrant = true
	c.auth.MayIntrospect = func(_ context.Context, c store.Client) bool { return c.ID == "api" }
}

const (
	invalidClient = `{"error":"invalid_client","error_description":"Client authentication failed"}`
	basicAPI      = "Authorization: Basic YXBpOmFwaStzZWNyZXQ=" // api:api+secret
)

func wantClientRefused(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	wantAnswer(t, w, http.StatusUnauthorized, "Cache-Control: no-store\nContent-Type: application/json\nPragma: no-cache\n"+
		`Www-Authenticate: Basic realm="api"`+"\nX-Content-Type-Options: nosniff", invalidClient)
}

// D23 to D32, P18.
func TestRegisteredClients(t *testing.T) {
	t.Parallel()
	good := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {password}}.Encode()
	for _, x := range []struct{ name, header, body, client string }{
		{"Basic, form-encoded (D23, D24)", shopBasic, "", "shop:1"},
		{"the body (D25)", "", "&client_id=shop%3A1&client_secret=a+b%3Ac%2B%25", "shop:1"},
		{"Basic, and the same name in the body", shopBasic, "&client_id=shop%3A1", "shop:1"},
		{"a public client in the body", "", "&client_id=web", "web"},
		{"a public client in Basic, with an empty secret (D30)", basic("web", ""), "", "web"},
		{"a public client with an unregistered secret", basic("web", "x"), "", "web"},
	} {
		t.Run("a client is known by "+x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, registering)
			w := d.ask(t, "POST /token\n"+with(x.header)+"\n\n"+good+x.body)
			wantStatus(t, w, http.StatusOK)
			if got := d.principal(t, w).ClientID; got != x.client {
				t.Errorf("client = %q, want %q", got, x.client)
			}
		})
	}
	for _, x := range []struct {
		name, header, body string
		status             int
		code               string
	}{
		{"a wrong secret in Basic is 401 (D27)", basic("shop%3A1", "x"), "", 401, "invalid_client"},
		{"a wrong secret in the body is 401 (D28)", "", "&client_id=shop%3A1&client_secret=x", 401, "invalid_client"},
		{"no secret is 401 (D29)", "", "&client_id=shop%3A1", 401, "invalid_client"},
		{"an empty secret is none (D30)", basic("shop%3A1", ""), "", 401, "invalid_client"},
		{"an unknown client is 401", "", "&client_id=unknown", 401, "invalid_client"},
		{"no client is 401", "", "", 401, "invalid_client"},
		{"Basic that is none is 401", "Authorization: Basic %%%", "", 401, "invalid_client"},
		{"Basic and a secret in the body are 400 (D26)", shopBasic, "&client_secret=a+b%3Ac%2B%25", 400, "invalid_request"},
		{"two clients are 400", shopBasic, "&client_id=web", 400, "invalid_request"},
		{"a client that may not is 400 (D17)", "", "&client_id=mute", 400, "unauthorized_client"},
	} {
		t.Run("P18: "+x.name+", before any password or token is looked at", func(t *testing.T) {
			t.Parallel()
			d := open(t, registering)
			pair := d.loginAs(t, alice, "web")
			d.store.take()
			for _, request := range []string{
				"POST /token\n" + with(x.header) + "\n\n" + good + x.body,
				"POST /login\n" + with(x.header) + "\n\n" + good + x.body,
				"POST /token\n" + with(x.header) + "\n\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=x&subject_token_type=" + tokens.TokenTypeAPIKey + x.body,
			} {
				w := d.ask(t, request)
				wantStatus(t, w, x.status)
				if !strings.Contains(w.Body.String(), `"error":"`+x.code+`"`) {
					t.Errorf("body = %s", w.Body)
				}
				if x.code == "invalid_client" {
					wantClientRefused(t, w)
				}
			}
			if calls := d.store.take(); slices.ContainsFunc(calls, func(c string) bool { return c != "Client" }) {
				t.Errorf("calls = %q", calls)
			}
			if x.header+x.body == "" {
				return // a public client's refresh token may come without its name
			}
			// D32: the refresh token was not used up
			wantStatus(t, d.ask(t, "POST /token\n"+with(x.header)+"\n\ngrant_type=refresh_token&refresh_token="+string(pair.RefreshToken)+x.body), x.status)
			wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\ngrant_type=refresh_token&client_id=web&refresh_token="+string(pair.RefreshToken)), http.StatusOK)
		})
	}
	t.Run("a client that could not be looked up is 503", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		d.store.fail(errDriver)
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\n"+good+"&client_id=web"), http.StatusServiceUnavailable)
	})
	t.Run("the FastAPI dialect reads the client from the body, and its account where that is one", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering, speaking(wire.FastAPI{}), func(c *config) { c.tokens.AccountAsClient = true })
		for body, status := range map[string]int{
			"&client_id=shop%3A1&client_secret=a+b%3Ac%2B%25": 200, "&client_id=shop%3A1": 401, "&client_id=acme": 200, "&client_id=bobs": 400,
		} {
			w := d.ask(t, "POST /login\n"+form+"\n\n"+good+body)
			wantStatus(t, w, status)
			if status != 200 {
				continue
			}
			var pair struct {
				Refresh string `json:"refresh_token"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &pair); err != nil || pair.Refresh == "" {
				t.Errorf("%v: %s", err, w.Body)
			}
			if !strings.Contains(body, "shop") { // the header has no place for a secret
				wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: "+pair.Refresh), 200)
			}
		}
	})
	t.Run("the Lexik dialect names no client, and is the default client's", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering, speaking(wire.Lexik{}), func(c *config) { c.tokens.DefaultClient = "web" })
		w := d.ask(t, "POST /login\n"+form+"\n\n_username=alice&_password="+url.QueryEscape(password))
		wantStatus(t, w, http.StatusOK)
		if got := d.principal(t, w).ClientID; got != "web" {
			t.Errorf("client = %q", got)
		}
		wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+d.apiKey(t)), http.StatusOK)
	})
}

const exchanging = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token_type=urn%3Asallyport%3Atoken-type%3Aapi-key"

func TestExchange(t *testing.T) {
	t.Parallel()
	t.Run("an API key becomes an access token (RFC 8693), as often as one likes", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		key := d.apiKey(t)
		for _, more := range []string{
			"", "&scope=read+write", "&requested_token_type=urn:ietf:params:oauth:token-type:access_token",
			"&requested_token_type=urn:ietf:params:oauth:token-type:jwt", "&audience=https://api.example", "&resource=https://api.example",
		} {
			w := d.ask(t, "POST /token\n"+form+"\n\n"+exchanging+"&subject_token="+key+more)
			if got := masked(w.Body.String()); w.Code != http.StatusOK || got != `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"scope":"read write","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}` {
				t.Errorf("%s: %d %s", more, w.Code, got)
			}
			wantStatus(t, d.call(t, "/bearer", tokens.Secret(jwtForm.FindString(w.Body.String())), ""), http.StatusOK)
		}
	})
	for _, x := range []struct{ name, body, want string }{
		{"no subject", "", "invalid_request"},
		{"a subject of another type", "&subject_token={key}&subject_token_type=urn:ietf:params:oauth:token-type:access_token", "invalid_request"},
		{"a key that is none", "&subject_token=sp_ak_x", "invalid_request"},
		{"an access token", "&subject_token={access}", "invalid_request"},
		{"a refresh token", "&subject_token={refresh}", "invalid_request"},
		{"an actor", "&subject_token={key}&actor_token=x", "invalid_request"},
		{"a wish for a refresh token", "&subject_token={key}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token", "invalid_request"},
		{"another audience", "&subject_token={key}&audience=https://other.example", "invalid_target"},
		{"another resource", "&subject_token={key}&resource=https://other.example", "invalid_target"},
		{"a scope that the key has not", "&subject_token={key}&scope=admin", "invalid_scope"},
	} {
		t.Run(x.name+" is refused", func(t *testing.T) {
			t.Parallel()
			d := open(t)
			body := exchanging + x.body
			if strings.Contains(x.body, "subject_token_type") {
				body = "grant_type=" + url.QueryEscape(tokens.GrantExchange) + x.body
			}
			w := d.ask(t, "POST /token\n"+form+"\n\n"+body)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error":"`+x.want+`"`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	t.Run("where there are no keys the grant is not supported", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.tokens.APIKeys = nil })
		w := d.ask(t, "POST /token\n"+form+"\n\n"+exchanging+"&subject_token=x")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "unsupported_grant_type") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("a key is no bearer (D182), and looks like any bad token", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		key, junk := d.call(t, "/bearer", tokens.Secret(d.apiKey(t)), ""), d.call(t, "/bearer", "junk", "")
		if key.Code != http.StatusUnauthorized || key.Body.String() != junk.Body.String() || lines(key.Header()) != lines(junk.Header()) {
			t.Errorf("%d %s", key.Code, key.Body)
		}
	})
}
