package middleware_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// What every answer of the Lexik dialect with a body has.
const (
	lexikJSON      = "Cache-Control: no-store\nContent-Type: application/json\nX-Content-Type-Options: nosniff"
	lexikChallenge = "Www-Authenticate: Bearer realm=\"api\""

	lexikToken       = `{"token":"{jwt}"}`
	lexikWrong       = `{"code":401,"message":"Invalid credentials."}`
	lexikInvalidJSON = `{"code":400,"message":"Invalid JSON."}`
	lexikTwo         = `{"code":400,"message":"More than one Authorization header."}`
	lexikNoUsername  = `{"code":400,"message":"The key \"_username\" must be provided."}`
	lexikNoPassword  = `{"code":400,"message":"The key \"_password\" must be provided."}`
	lexikTooLarge    = `{"code":413,"message":"Request Entity Too Large"}`
	lexikMethod      = `{"code":405,"message":"Method Not Allowed"}`
	lexikDown        = `{"code":503,"message":"Service Unavailable"}`
	lexikMissing     = `{"code":401,"message":"Missing JWT Refresh Token"}`
	lexikNotFound    = `{"code":401,"message":"JWT Refresh Token Not Found"}`
	lexikEnded       = `{"code":401,"message":"Invalid JWT Refresh Token"}`
	lexikNoBearer    = `{"code":401,"message":"JWT Token not found"}`
	lexikInvalid     = `{"code":401,"message":"Invalid JWT Token"}`
	lexikExpired     = `{"code":401,"message":"Expired JWT Token"}`

	jsonType      = "Content-Type: application/json"
	goodLexikForm = "_username=alice&_password=correct+horse+%26+battery"
	goodLexikJSON = `{"_username":"alice","_password":"correct horse & battery"}`
)

// multipart writes a body as a browser's FormData does.
func multipart(fields ...string) string {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/form-data; boundary=----WebKit\n\n")
	for i := 0; i < len(fields); i += 2 {
		b.WriteString("------WebKit\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n") //nolint:gosec // they come in pairs
	}
	b.WriteString("------WebKit--\r\n")
	return b.String()
}

func TestLexikLogin(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.Lexik{}, []exchange{
		{
			name:    "a form logs in, and the answer is the token and nothing else",
			request: "POST /login\n" + form + "\n\n" + goodLexikForm,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does JSON",
			request: "POST /login\n" + jsonType + "\n\n" + goodLexikJSON,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does JSON that says it is a form",
			request: "POST /login\n" + form + "\n\n \r\n\t" + goodLexikJSON,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does JSON that says it is text",
			request: "POST /login\nContent-Type: text/plain\n\n" + goodLexikJSON,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does JSON of a kind of its own",
			request: "POST /login\nContent-Type: application/vnd.api+json; charset=utf-8\n\n" + goodLexikJSON,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does JSON that does not say what it is",
			request: "POST /login\n\n" + goodLexikJSON,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "so does multipart",
			request: "POST /login\n" + multipart("_username", "alice", "_password", password),
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "what else is in the JSON is no matter",
			request: "POST /login\n" + jsonType + "\n\n" + `{"remember":true,"n":1e3,"device":{"os":["x"]},"_username":"alice","nil":null,"_password":"correct horse & battery"}`,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "the name is trimmed",
			request: "POST /login\n" + form + "\n\n_username=+alice%0A&_password=correct+horse+%26+battery",
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "the password is not trimmed (D13)",
			request: "POST /login\n" + form + "\n\n_username=alice&_password=correct+horse+%26+battery+",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikWrong,
		},
		{
			name:    "a password with a bare & is another password, as the seed has it",
			request: "POST /login\n" + form + "\n\n_username=alice&_password=correct+horse+&+battery",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikWrong,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /login\nAuthorization: Bearer {expired}\n" + form + "\n\n" + goodLexikForm,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "a wrong password is 401 with a full stop",
			request: "POST /login\n" + form + "\n\n_username=alice&_password=wrong",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikWrong,
		},
		{
			name:    "an unknown user is the same (P15, D11)",
			request: "POST /login\n" + form + "\n\n_username=unknown&_password=wrong",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikWrong,
		},
		{
			name:    "an empty name is the same",
			request: "POST /login\n" + form + "\n\n_username=&_password=wrong",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikWrong,
		},
		{
			name:    "a missing name is 400",
			request: "POST /login\n" + form + "\n\n_password=wrong",
			status:  400, header: lexikJSON, body: lexikNoUsername,
		},
		{
			name:    "a missing password is 400",
			request: "POST /login\n" + jsonType + "\n\n" + `{"_username":"alice"}`,
			status:  400, header: lexikJSON, body: lexikNoPassword,
		},
		{
			name:    "a password that is no string is missing",
			request: "POST /login\n" + jsonType + "\n\n" + `{"_username":"alice","_password":12345}`,
			status:  400, header: lexikJSON, body: lexikNoPassword,
		},
		{
			name:    "a request without a body misses the name first",
			request: "POST /login\n\n",
			status:  400, header: lexikJSON, body: lexikNoUsername,
		},
		{
			name:    "credentials in the query are not read (P19, D3)",
			request: "POST /login?" + goodLexikForm + "\n" + form + "\n\n",
			status:  400, header: lexikJSON, body: lexikNoUsername,
		},
		{
			name:    "broken JSON is 400",
			request: "POST /login\n" + jsonType + "\n\n" + `{"_username":"alice"`,
			status:  400, header: lexikJSON, body: lexikInvalidJSON,
		},
		{
			name:    "JSON that is no object is 400",
			request: "POST /login\n" + jsonType + "\n\n" + `["alice"]`,
			status:  400, header: lexikJSON, body: lexikInvalidJSON,
		},
		{
			name:    "a body that is none of the three is 400",
			request: "POST /login\nContent-Type: application/xml\n\n<a/>",
			status:  400, header: lexikJSON, body: `{"code":400,"message":"The body must be a form (application/x-www-form-urlencoded) or multipart/form-data or JSON (application/json)."}`,
		},
		{
			name:    "a broken form is 400",
			request: "POST /login\n" + form + "\n\n_username=%",
			status:  400, header: lexikJSON, body: `{"code":400,"message":"The body must be percent-encoded as application/x-www-form-urlencoded."}`,
		},
		{
			name:    "a body over the cap is 413 (D16)",
			request: "POST /login\n" + form + "\n\n_password=" + tooLong,
			status:  413, header: lexikJSON, body: lexikTooLarge,
		},
		{
			name:    "GET is 405 (D1)",
			request: "GET /login?" + goodLexikForm + "\n\n",
			status:  405, header: lexikJSON + "\nAllow: POST", body: lexikMethod,
		},
		{
			name:    "two Authorization headers are 400 (P28)",
			request: "POST /login\nAuthorization: a\nAuthorization: b\n" + form + "\n\n" + goodLexikForm,
			status:  400, header: lexikJSON, body: lexikTwo,
		},
		{
			name: "a store that fails is 503 (P22)", ready: down,
			request: "POST /login\n" + form + "\n\n" + goodLexikForm,
			status:  503, header: lexikJSON + "\nRetry-After: 5", body: lexikDown,
		},
	})
}

func TestLexikRefresh(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.Lexik{}, []exchange{
		{
			name:    "an API key is exchanged in a form, as the seed has it",
			request: "POST /refresh\n" + form + "\n\nrefresh_token={key}",
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "and in JSON",
			request: "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":"{key}"}`,
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "and in multipart",
			request: "POST /refresh\n" + multipart("refresh_token", "{key}"),
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "a refresh token is rotated, and both are strings",
			request: "POST /refresh\n" + form + "\n\nrefresh_token={refresh}",
			status:  200, header: lexikJSON, body: `{"token":"{jwt}","refresh_token":"{refresh}"}`,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /refresh\nAuthorization: Bearer {expired}\n" + form + "\n\nrefresh_token={key}",
			status:  200, header: lexikJSON, body: lexikToken,
		},
		{
			name:    "no token is 401 without a challenge",
			request: "POST /refresh\n\n",
			status:  401, header: lexikJSON, body: lexikMissing,
		},
		{
			name:    "an empty token is none",
			request: "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":""}`,
			status:  401, header: lexikJSON, body: lexikMissing,
		},
		{
			name:    "a token in the query is none (D3)",
			request: "POST /refresh?refresh_token={key}\n\n",
			status:  401, header: lexikJSON, body: lexikMissing,
		},
		{
			name:    "a token in the header of another dialect is none",
			request: "POST /refresh\nrefresh-token: {refresh}\n\n",
			status:  401, header: lexikJSON, body: lexikMissing,
		},
		{
			name:    "an unknown token is 401",
			request: "POST /refresh\n" + form + "\n\nrefresh_token=nonsense",
			status:  401, header: lexikJSON, body: lexikNotFound,
		},
		{
			name:    "an access token is unknown (D60)",
			request: "POST /refresh\n" + form + "\n\nrefresh_token={access}",
			status:  401, header: lexikJSON, body: lexikNotFound,
		},
		{
			name:    "one whose session is over is invalid",
			request: "POST /refresh\n" + form + "\n\nrefresh_token={revoked}",
			status:  401, header: lexikJSON, body: lexikEnded,
		},
		{
			name:    "broken JSON is 400",
			request: "POST /refresh\n" + jsonType + "\n\n" + `{"refresh_token":"{key}"`,
			status:  400, header: lexikJSON, body: lexikInvalidJSON,
		},
		{
			name:    "a body over the cap is 413",
			request: "POST /refresh\n" + form + "\n\nrefresh_token=" + tooLong,
			status:  413, header: lexikJSON, body: lexikTooLarge,
		},
		{
			name:    "GET is 405",
			request: "GET /refresh?refresh_token={key}\n\n",
			status:  405, header: lexikJSON + "\nAllow: POST", body: lexikMethod,
		},
		{
			name: "a store that fails is 503 (P3)", ready: down,
			request: "POST /refresh\n" + form + "\n\nrefresh_token={key}",
			status:  503, header: lexikJSON + "\nRetry-After: 5", body: lexikDown,
		},
	})
}

func TestLexikLogout(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.Lexik{}, []exchange{
		{
			name:    "the session of a refresh token is ended",
			request: "POST /logout\n" + form + "\n\nrefresh_token={refresh}",
			status:  200, header: lexikJSON, body: `{"code":200,"message":"The supplied refresh_token has been invalidated."}`,
		},
		{
			name:    "a token whose session is over is invalid already",
			request: "POST /logout\n" + jsonType + "\n\n" + `{"refresh_token":"{revoked}"}`,
			status:  200, header: lexikJSON, body: `{"code":200,"message":"The supplied refresh_token is already invalid."}`,
		},
		{
			name:    "so is an unknown one",
			request: "POST /logout\n" + form + "\n\nrefresh_token=nonsense",
			status:  200, header: lexikJSON, body: `{"code":200,"message":"The supplied refresh_token is already invalid."}`,
		},
		{
			name:    "no token is 400, whatever else is sent",
			request: "POST /logout\nAuthorization: Bearer {access}\n\n",
			status:  400, header: lexikJSON, body: `{"code":400,"message":"No refresh_token found."}`,
		},
		{
			name:    "GET is 405",
			request: "GET /logout?refresh_token={refresh}\n\n",
			status:  405, header: lexikJSON + "\nAllow: POST", body: lexikMethod,
		},
		{
			name: "a store that fails is 503 (P35)", ready: down,
			request: "POST /logout\n" + form + "\n\nrefresh_token={refresh}",
			status:  503, header: lexikJSON + "\nRetry-After: 5", body: lexikDown,
		},
		{
			name:    "all sessions of a user are ended with one access token",
			request: "POST /everywhere\nAuthorization: Bearer {access}\n\n",
			status:  200, header: lexikJSON, body: `{"code":200,"message":"The supplied refresh_token has been invalidated."}`,
		},
		{
			name:    "not without one",
			request: "POST /everywhere\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikNoBearer,
		},
	})
}

func TestLexikAPI(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.Lexik{}, []exchange{
		{
			name:    "a token lets in, and the answer says what is left",
			request: "GET /me\nAuthorization: Bearer {access}\n\n",
			status:  200, header: plain + "\n" + freeLeft, body: "hello u-alice",
		},
		{
			name:    "no token is 401 with a bare Bearer",
			request: "GET /me\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikNoBearer,
		},
		{
			name:    "an empty Bearer is the same (D96)",
			request: "GET /me\nAuthorization: Bearer \n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikNoBearer,
		},
		{
			name:    "so are two words",
			request: "GET /me\nAuthorization: Bearer a b\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikNoBearer,
		},
		{
			name:    "a token that is not valid is 401",
			request: "GET /me\nAuthorization: Bearer a.b.c\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikInvalid,
		},
		{
			name:    "an expired one is told so",
			request: "GET /me\nAuthorization: Bearer {expired}\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikExpired,
		},
		{
			name:    "an API key is no bearer: it must always be exchanged (D182)",
			request: "GET /me\nAuthorization: Bearer {key}\n\n",
			status:  401, header: lexikJSON + "\n" + lexikChallenge, body: lexikInvalid,
		},
		{
			name:    "two Authorization headers are 400 (P28, D88)",
			request: "GET /me\nAuthorization: Bearer {access}\nAuthorization: Bearer {access}\n\n",
			status:  400, header: lexikJSON, body: lexikTwo,
		},
		{
			name:    "too little scope is 403",
			request: "GET /admin\nAuthorization: Bearer {access}\n\n",
			status:  403, header: lexikJSON, body: `{"code":403,"message":"Forbidden"}`,
		},
		{
			name: "a limit that is reached is 429", ready: spent,
			request: "GET /search\n\n",
			status:  429, header: lexikJSON + "\n" + limited, body: `{"code":429,"message":"Too many requests, please try again later."}`,
		},
	})
}

func TestLexikWithRefreshTokens(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.Lexik{Username: "username", Password: "secret", RefreshTokens: true}, []exchange{
		{
			name:    "a login opens a session, and the parameters have the host's own names",
			request: "POST /login\n" + form + "\n\nusername=alice&secret=correct+horse+%26+battery",
			status:  200, header: lexikJSON, body: `{"token":"{jwt}","refresh_token":"{refresh}"}`,
		},
		{
			name:    "what is missing is named so",
			request: "POST /login\n" + form + "\n\n_username=alice&_password=correct+horse+%26+battery",
			status:  400, header: lexikJSON, body: `{"code":400,"message":"The key \"username\" must be provided."}`,
		},
	})
}

func TestLexikOpensNoSession(t *testing.T) {
	t.Parallel()
	t.Run("a login without a refresh token creates no session", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+goodLexikForm), http.StatusOK)
		if calls := strings.Join(d.store.take(), " "); calls != "Authenticate User" {
			t.Errorf("the store was asked: %s, want Authenticate User", calls)
		}
	})
}

// What clients decode: a success into a map of strings, a failure by its
// number.
func TestLexikBodies(t *testing.T) {
	t.Parallel()
	t.Run("a success has only strings in it", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{RefreshTokens: true}))
		for _, request := range []string{
			"POST /login\n" + form + "\n\n" + goodLexikForm,
			"POST /refresh\n" + form + "\n\nrefresh_token={refresh}",
			"POST /refresh\n" + form + "\n\nrefresh_token={key}",
		} {
			w := d.ask(t, request)
			var strings map[string]string
			if err := json.Unmarshal(w.Body.Bytes(), &strings); err != nil || strings["token"] == "" || w.Code != http.StatusOK {
				t.Errorf("%s: %d: %v", masked(w.Body.String()), w.Code, err)
			}
		}
	})
	t.Run("a failure has a number as its code, and it is the status", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		for _, request := range []string{
			"POST /login\n" + form + "\n\n_username=alice&_password=wrong",
			"POST /login\n" + form + "\n\n",
			"POST /login\n" + jsonType + "\n\n{",
			"GET /login\n\n",
			"POST /refresh\n\n",
			"POST /refresh\n" + form + "\n\nrefresh_token=nonsense",
			"POST /logout\n\n",
			"GET /me\n\n",
			"GET /me\nAuthorization: Bearer a.b.c\n\n",
			"GET /admin\nAuthorization: Bearer {access}\n\n",
		} {
			w := d.ask(t, request)
			var failure struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &failure); err != nil || failure.Code != w.Code || failure.Message == "" {
				t.Errorf("%s: %s: %d: %v", request, w.Body, w.Code, err)
			}
			var strings map[string]string
			if json.Unmarshal(w.Body.Bytes(), &strings) == nil {
				t.Errorf("%s: %s would be taken for a success", request, w.Body)
			}
		}
	})
}
