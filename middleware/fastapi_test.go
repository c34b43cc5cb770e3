package middleware_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// What every answer of the FastAPI dialect with a body has.
const (
	fastAPIJSON      = "Cache-Control: no-store\nContent-Type: application/json\nX-Content-Type-Options: nosniff"
	fastAPIEmpty     = "Cache-Control: no-store"
	fastAPIChallenge = "Www-Authenticate: Bearer realm=\"api\""

	fastAPIPair         = `{"access_token":"{jwt}","refresh_token":"{refresh}","token_type":"bearer","expires_in":3600}`
	fastAPIWrong        = `{"detail":"LOGIN_BAD_CREDENTIALS"}`
	fastAPIUnauthorized = `{"detail":"Unauthorized"}`
	fastAPITwice        = `{"detail":"There was an error parsing the body. A parameter or a header is repeated"}`
	fastAPINoForm       = `{"detail":"There was an error parsing the body. The body must be percent-encoded as application/x-www-form-urlencoded"}`
	fastAPITooLarge     = `{"detail":"Request Entity Too Large"}`
	fastAPIMethod       = `{"detail":"Method Not Allowed"}`
	fastAPIDown         = `{"detail":"Service Unavailable"}`

	noUsername = `{"type":"missing","loc":["body","username"],"msg":"Field required","input":null}`
	noPassword = `{"type":"missing","loc":["body","password"],"msg":"Field required","input":null}`
	noHeader   = `{"detail":[{"type":"missing","loc":["header","refresh-token"],"msg":"Field required","input":null}]}`
	wantsForm  = `{"type":"value_error","loc":["header","content-type"],"msg":"Value error, The body must be a form (application/x-www-form-urlencoded) or multipart/form-data","input":"application/json"}`
	wrongGrant = `{"type":"string_pattern_mismatch","loc":["body","grant_type"],"msg":"String should match pattern '^password$'","input":"incorrect","ctx":{"pattern":"^password$"}}`
)

func TestFastAPILogin(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.FastAPI{}, []exchange{
		{
			name:    "a form with grant_type, scope and client fields logs in, and the answer has four members",
			request: "POST /login\n" + form + "\nAccept: application/json\n\ngrant_type=password&scope=&client_id=acme&client_secret=x&" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "grant_type and the client may be missing",
			request: "POST /login\n" + form + "\n\n" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /login\nAuthorization: Bearer {expired}\n" + form + "\n\n" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "an Authorization: Basic is of no concern either",
			request: "POST /login\nAuthorization: Basic !\n" + form + "\n\n" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "a wrong password is 400",
			request: "POST /login\n" + form + "\n\nusername=alice&password=wrong",
			status:  400, header: fastAPIJSON, body: fastAPIWrong,
		},
		{
			name:    "an unknown user is the same (P15, D11)",
			request: "POST /login\n" + form + "\n\nusername=unknown&password=wrong",
			status:  400, header: fastAPIJSON, body: fastAPIWrong,
		},
		{
			name:    "a missing name is 422",
			request: "POST /login\n" + form + "\n\npassword=x",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noUsername + `]}`,
		},
		{
			name:    "an empty one is missing",
			request: "POST /login\n" + form + "\n\nusername=&password=x",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noUsername + `]}`,
		},
		{
			name:    "a missing password is 422",
			request: "POST /login\n" + form + "\n\nusername=alice",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noPassword + `]}`,
		},
		{
			name:    "a wrong grant_type is 422",
			request: "POST /login\n" + form + "\n\ngrant_type=incorrect&" + goodForm,
			status:  422, header: fastAPIJSON, body: `{"detail":[` + wrongGrant + `]}`,
		},
		{
			name:    "all that is wrong is told at once, in FastAPI's order",
			request: "POST /login\n" + form + "\n\ngrant_type=incorrect",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + wrongGrant + `,` + noUsername + `,` + noPassword + `]}`,
		},
		{
			name:    "JSON has none of the parameters, and is told what to send",
			request: "POST /login\n" + jsonType + "\n\n" + `{"username":"alice","password":"correct horse & battery"}`,
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noUsername + `,` + noPassword + `,` + wantsForm + `]}`,
		},
		{
			name:    "nor has a request without a body",
			request: "POST /login\n\n",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noUsername + `,` + noPassword + `]}`,
		},
		{
			name:    "nor has one with credentials in the query (P19, D3)",
			request: "POST /login?" + goodForm + "\n" + form + "\n\n",
			status:  422, header: fastAPIJSON, body: `{"detail":[` + noUsername + `,` + noPassword + `]}`,
		},
		{
			name:    "an unknown scope is ignored",
			request: "POST /login\n" + form + "\n\nscope=openid+profile&" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "so is one that the grammar has not",
			request: "POST /login\n" + form + "\n\nscope=a%22&" + goodForm,
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "a broken form is 400",
			request: "POST /login\n" + form + "\n\nusername=%",
			status:  400, header: fastAPIJSON, body: fastAPINoForm,
		},
		{
			name:    "a parameter that stands twice is 400 (D6)",
			request: "POST /login\n" + form + "\n\nusername=alice&" + goodForm,
			status:  400, header: fastAPIJSON, body: fastAPITwice,
		},
		{
			name:    "a body over the cap is 413",
			request: "POST /login\n" + form + "\n\npassword=" + tooLong,
			status:  413, header: fastAPIJSON, body: fastAPITooLarge,
		},
		{
			name:    "GET is 405",
			request: "GET /login\n\n",
			status:  405, header: fastAPIJSON + "\nAllow: POST", body: fastAPIMethod,
		},
		{
			name:    "two Authorization headers are 400 (P28)",
			request: "POST /login\nAuthorization: a\nAuthorization: b\n" + form + "\n\n" + goodForm,
			status:  400, header: fastAPIJSON, body: `{"detail":"More than one Authorization header"}`,
		},
		{
			name: "a store that fails is 503 (P22)", ready: down,
			request: "POST /login\n" + form + "\n\n" + goodForm,
			status:  503, header: fastAPIJSON + "\nRetry-After: 5", body: fastAPIDown,
		},
	})
}

func TestFastAPIRefresh(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.FastAPI{}, []exchange{
		{
			name:    "the refresh-token header gives a new pair",
			request: "POST /refresh\nrefresh-token: {refresh}\nAccept: application/json\n\n",
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "a session that is bound to a client is refreshed without it",
			request: "POST /refresh\nrefresh-token: {client's refresh}\n\n",
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /refresh\nAuthorization: Bearer {expired}\nrefresh-token: {refresh}\n\n",
			status:  200, header: fastAPIJSON, body: fastAPIPair,
		},
		{
			name:    "no header is 422",
			request: "POST /refresh\n\n",
			status:  422, header: fastAPIJSON, body: noHeader,
		},
		{
			name:    "a token in the body is none",
			request: "POST /refresh\n" + form + "\n\nrefresh_token={refresh}",
			status:  422, header: fastAPIJSON, body: noHeader,
		},
		{
			name:    "an unknown token is 401",
			request: "POST /refresh\nrefresh-token: nonsense\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "a revoked one is the same",
			request: "POST /refresh\nrefresh-token: {revoked}\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "two headers are 400",
			request: "POST /refresh\nrefresh-token: {refresh}\nrefresh-token: x\n\n",
			status:  400, header: fastAPIJSON, body: fastAPITwice,
		},
		{
			name:    "a body over the cap is 413",
			request: "POST /refresh\nrefresh-token: {refresh}\n\n" + tooLong + "x",
			status:  413, header: fastAPIJSON, body: fastAPITooLarge,
		},
		{
			name:    "GET is 405",
			request: "GET /refresh\nrefresh-token: {refresh}\n\n",
			status:  405, header: fastAPIJSON + "\nAllow: POST", body: fastAPIMethod,
		},
		{
			name: "a store that fails is 503 (P3)", ready: down,
			request: "POST /refresh\nrefresh-token: {refresh}\n\n",
			status:  503, header: fastAPIJSON + "\nRetry-After: 5", body: fastAPIDown,
		},
		{
			name:    "what Postman sends is read at the token endpoint, in RFC 6749's words",
			request: "POST /token\nAuthorization: Basic YXBwOg==\n" + form + "\n\ngrant_type=refresh_token&refresh_token={client's refresh}",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
	})
}

func TestFastAPILogout(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.FastAPI{}, []exchange{
		{
			name:    "the session of the access token is ended",
			request: "POST /logout\nAuthorization: Bearer {access}\n\n",
			status:  204, header: fastAPIEmpty,
		},
		{
			name:    "without one it is 401",
			request: "POST /logout\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "GET is 405",
			request: "GET /logout\nAuthorization: Bearer {access}\n\n",
			status:  405, header: fastAPIJSON + "\nAllow: POST", body: fastAPIMethod,
		},
		{
			name: "a store that fails is 503 (P35)", ready: down,
			request: "POST /logout\nAuthorization: Bearer {access}\n\n",
			status:  503, header: fastAPIJSON + "\nRetry-After: 5", body: fastAPIDown,
		},
		{
			name:    "all sessions of a user are ended with one access token",
			request: "POST /everywhere\nAuthorization: Bearer {access}\n\n",
			status:  204, header: fastAPIEmpty,
		},
	})
}

func TestFastAPIAPI(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.FastAPI{}, []exchange{
		{
			name:    "a token lets in, and the answer says what is left",
			request: "GET /me\nAuthorization: Bearer {access}\n\n",
			status:  200, header: plain + "\n" + freeLeft, body: "hello u-alice",
		},
		{
			name:    "no token is 401",
			request: "GET /me\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "an empty Bearer is 401 (D96)",
			request: "GET /me\nAuthorization: Bearer\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "two words are 401",
			request: "GET /me\nAuthorization: Bearer a b\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "a token that is not valid is 401",
			request: "GET /me\nAuthorization: Bearer a.b.c\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "an expired one is 401",
			request: "GET /me\nAuthorization: Bearer {expired}\n\n",
			status:  401, header: fastAPIJSON + "\n" + fastAPIChallenge, body: fastAPIUnauthorized,
		},
		{
			name:    "two Authorization headers are 400 (P28, D88)",
			request: "GET /me\nAuthorization: Bearer {access}\nAuthorization: Bearer {access}\n\n",
			status:  400, header: fastAPIJSON, body: `{"detail":"More than one Authorization header"}`,
		},
		{
			name:    "too little scope is 403",
			request: "GET /admin\nAuthorization: Bearer {access}\n\n",
			status:  403, header: fastAPIJSON, body: `{"detail":"Forbidden"}`,
		},
		{
			name: "a limit that is reached is 429", ready: spent,
			request: "GET /search\n\n",
			status:  429, header: fastAPIJSON + "\n" + limited, body: `{"detail":"Too Many Requests"}`,
		},
	})
}
