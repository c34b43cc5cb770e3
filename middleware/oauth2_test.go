package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// What every answer of the OAuth2 dialect has: P34, D34, D38, D39, D44, D47.
const (
	oauth2JSON    = "Cache-Control: no-store\nContent-Type: application/json\nPragma: no-cache\nX-Content-Type-Options: nosniff"
	oauth2Problem = "Cache-Control: no-store\nContent-Type: application/problem+json\nPragma: no-cache\nX-Content-Type-Options: nosniff"
	oauth2Empty   = "Cache-Control: no-store\nPragma: no-cache"

	oauth2Pair       = `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}","scope":"read write"}`
	oauth2Malformed  = `{"error":"invalid_request","error_description":"The request is malformed"}`
	oauth2Grant      = `{"error":"unsupported_grant_type","error_description":"The grant type is not supported here"}`
	oauth2Missing    = `{"error":"invalid_request","error_description":"A required parameter is missing"}`
	oauth2Kinds      = `{"error":"invalid_request","error_description":"The body must be a form (application/x-www-form-urlencoded) or multipart/form-data"}`
	oauth2NoForm     = `{"error":"invalid_request","error_description":"The body must be percent-encoded as application/x-www-form-urlencoded"}`
	oauth2Twice      = `{"error":"invalid_request","error_description":"A parameter or a header is repeated"}`
	oauth2NoUsername = `{"error":"invalid_request","error_description":"The parameter username is missing"}`
	oauth2NoPassword = `{"error":"invalid_request","error_description":"The parameter password is missing"}`
	oauth2NoGrant    = `{"error":"invalid_request","error_description":"The parameter grant_type is missing"}`
	oauth2FormsOnly  = `{"error":"invalid_request","error_description":"The body must be a form (application/x-www-form-urlencoded)"}`
	oauth2Wrong      = `{"error":"invalid_grant","error_description":"Invalid user name or password"}`
	oauth2Scope      = `{"error":"invalid_scope","error_description":"The scope cannot be granted"}`
	oauth2Refresh    = `{"error":"invalid_grant","error_description":"The refresh token is invalid, expired or revoked"}`
	oauth2NoRefresh  = `{"error":"invalid_request","error_description":"The refresh token is missing"}`
	oauth2TooLarge   = `{"error":"invalid_request","error_description":"The body must be 16384 bytes or less"}`
	oauth2Method     = `{"error":"invalid_request","error_description":"Use POST"}`
	oauth2Down       = `{"error":"temporarily_unavailable","error_description":"Try again later"}`
	oauth2Two        = `{"error":"invalid_request","error_description":"More than one Authorization header"}`
	oauth2TwoHeader  = `Www-Authenticate: Bearer realm="api", error="invalid_request", error_description="More than one Authorization header"`

	// D46: no quote, no backslash, nothing but ASCII.
	oauth2NoBearer   = `Www-Authenticate: Bearer realm="api"`
	oauth2NoBody     = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"An access token is required"}`
	oauth2BadBearer  = `Www-Authenticate: Bearer realm="api", error="invalid_token", error_description="The access token is invalid or expired"`
	oauth2BadBody    = `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The access token is invalid or expired"}`
	oauth2Forbidden  = `Www-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The access token has not the scope that is needed", scope="read admin"`
	oauth2ForbidBody = `{"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token has not the scope that is needed"}`
	oauth2DownBody   = `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Try again later"}`

	form     = "Content-Type: application/x-www-form-urlencoded"
	goodForm = "username=alice&password=correct+horse+%26+battery"

	// What is left of a limit, after the first request in an hour of a bubble.
	freeLeft      = "Ratelimit: \"free\";r=499;t=3600\nRatelimit-Policy: \"free\";q=500;w=3600\nX-Ratelimit-Limit: 500\nX-Ratelimit-Remaining: 499\nX-Ratelimit-Reset: 946688400"
	anonymousLeft = "Ratelimit: \"anonymous\";r=99;t=3600\nRatelimit-Policy: \"anonymous\";q=100;w=3600\nX-Ratelimit-Limit: 100\nX-Ratelimit-Remaining: 99\nX-Ratelimit-Reset: 946688400"
	plain         = "Content-Type: text/plain; charset=utf-8" // the host's own, which net/http detects
)

// tooLong is over the default cap.
var tooLong = strings.Repeat("x", 16<<10)

// down makes the store fail.
func down(t *testing.T, d *harness) {
	t.Helper()
	d.store.fail(errDriver)
}

func TestOAuth2Login(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.OAuth2{}, []exchange{
		{
			name:    "the form of RFC 6749 §4.3.2 logs in (D2, D34, D35, D36)",
			request: "POST /login\n" + form + "\n\ngrant_type=password&" + goodForm,
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "grant_type may be missing at login",
			request: "POST /login\n" + form + "; charset=UTF-8\n\n" + goodForm,
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "an unknown parameter changes nothing (D5), nor does an empty scope (D4)",
			request: "POST /login\n" + form + "\n\nfoo=1&scope=&client_secret=&" + goodForm,
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "a scope of which the user has a part is refused (D18)",
			request: "POST /login\n" + form + "\n\nscope=read+admin&" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "a user of a host without scopes is answered without a scope",
			request: "POST /login\n" + form + "\n\nusername=bob&password=correct+horse+%26+battery",
			status:  200, header: oauth2JSON,
			body: `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}"}`,
		},
		{
			name:    "a scope is refused in a host without scopes (D18)",
			request: "POST /login\n" + form + "\n\nscope=read&username=bob&password=correct+horse+%26+battery",
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "a scope of which the user has nothing is refused (D18)",
			request: "POST /login\n" + form + "\n\nscope=admin&" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "a scope that the grammar has not is refused",
			request: "POST /login\n" + form + "\n\nscope=a%22b&" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /login\nAuthorization: Bearer {expired}\n" + form + "\n\n" + goodForm,
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "a wrong password is 400 and no 401 (D10, D45)",
			request: "POST /login\n" + form + "\n\nusername=alice&password=wrong",
			status:  400, header: oauth2JSON, body: oauth2Wrong,
		},
		{
			name:    "an unknown user is the same (P15, D11)",
			request: "POST /login\n" + form + "\n\nusername=unknown&password=wrong",
			status:  400, header: oauth2JSON, body: oauth2Wrong,
		},
		{
			name:    "a missing username is 400 (D9)",
			request: "POST /login\n" + form + "\n\npassword=x",
			status:  400, header: oauth2JSON, body: oauth2NoUsername,
		},
		{
			name:    "an empty username is a missing one (D4)",
			request: "POST /login\n" + form + "\n\nusername=&password=x",
			status:  400, header: oauth2JSON, body: oauth2NoUsername,
		},
		{
			name:    "a missing password is 400 (D9)",
			request: "POST /login\n" + form + "\n\nusername=alice",
			status:  400, header: oauth2JSON, body: oauth2NoPassword,
		},
		{
			name:    "a request without a body misses everything",
			request: "POST /login\n\n",
			status:  400, header: oauth2JSON, body: oauth2NoUsername,
		},
		{
			name:    "another grant_type is not served at login (D8)",
			request: "POST /login\n" + form + "\n\ngrant_type=refresh_token&" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Grant,
		},
		{
			name:    "JSON is refused, and no silent login (P20, D22)",
			request: "POST /login\nContent-Type: application/json\n\n" + `{"username":"alice","password":"correct horse & battery"}`,
			status:  400, header: oauth2JSON, body: oauth2Kinds,
		},
		{
			name:    "multipart is read",
			request: "POST /login\n" + multipart("grant_type", "password", "username", "alice", "password", password),
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "a form without a Content-Type is refused",
			request: "POST /login\n\n" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Kinds,
		},
		{
			name:    "a broken form is 400",
			request: "POST /login\n" + form + "\n\nusername=%zz&password=x",
			status:  400, header: oauth2JSON, body: oauth2NoForm,
		},
		{
			name:    "a parameter that stands twice is 400 (P20, D6)",
			request: "POST /login\n" + form + "\n\nusername=alice&" + goodForm,
			status:  400, header: oauth2JSON, body: oauth2Twice,
		},
		{
			name:    "credentials in the query are not read (P19, D3)",
			request: "POST /login?" + goodForm + "\n" + form + "\n\n",
			status:  400, header: oauth2JSON, body: oauth2NoUsername,
		},
		{
			name:    "a body over the cap is 413 (D16)",
			request: "POST /login\n" + form + "\n\nusername=alice&password=" + tooLong,
			status:  413, header: oauth2JSON, body: oauth2TooLarge,
		},
		{
			name:    "GET is 405 and yields no tokens (D1)",
			request: "GET /login?" + goodForm + "\n\n",
			status:  405, header: oauth2JSON + "\nAllow: POST", body: oauth2Method,
		},
		{
			name:    "PUT is 405",
			request: "PUT /login\n" + form + "\n\n" + goodForm,
			status:  405, header: oauth2JSON + "\nAllow: POST", body: oauth2Method,
		},
		{
			name:    "two Authorization headers are 400 (P28, D88)",
			request: "POST /login\nAuthorization: Basic YTo=\nAuthorization: Basic YTo=\n" + form + "\n\n" + goodForm,
			status:  400, header: oauth2JSON + "\n" + oauth2TwoHeader, body: oauth2Two,
		},
		{
			name: "a store that fails is 503 and never invalid_grant (P22, D49, D50)", ready: down,
			request: "POST /login\n" + form + "\n\n" + goodForm,
			status:  503, header: oauth2JSON + "\nRetry-After: 5", body: oauth2Down,
		},
	})
}

func TestOAuth2Refresh(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.OAuth2{}, []exchange{
		{
			name:    "a refresh-token header is a refresh",
			request: "POST /refresh\nrefresh-token: {refresh}\nAccept: application/json\n\n",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "an empty body of any kind is no matter beside a header",
			request: "POST /refresh\nrefresh-token: {refresh}\nContent-Type: application/json\n\n",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "so is the form of RFC 6749 §6",
			request: "POST /refresh\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "as Postman sends it: the account in Basic, with an empty secret (D30)",
			request: "POST /refresh\nAuthorization: Basic YXBwOg==\n" + form + "\n\ngrant_type=refresh_token&refresh_token={client's refresh}",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "a narrower scope narrows (D59)",
			request: "POST /refresh\n" + form + "\n\nscope=read&refresh_token={refresh}",
			status:  200, header: oauth2JSON,
			body: `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}","scope":"read"}`,
		},
		{
			name:    "an expired Authorization: Bearer is of no concern (D99)",
			request: "POST /refresh\nAuthorization: Bearer {expired}\nrefresh-token: {refresh}\n\n",
			status:  200, header: oauth2JSON, body: oauth2Pair,
		},
		{
			name:    "a wider scope is refused (D57)",
			request: "POST /refresh\n" + form + "\n\nscope=admin&refresh_token={refresh}",
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "a scope that the grammar has not is refused",
			request: "POST /refresh\n" + form + "\n\nscope=read%09write&refresh_token={refresh}",
			status:  400, header: oauth2JSON, body: oauth2Scope,
		},
		{
			name:    "no token is 400 (D51)",
			request: "POST /refresh\n" + form + "\n\ngrant_type=refresh_token",
			status:  400, header: oauth2JSON, body: oauth2NoRefresh,
		},
		{
			name:    "a token in the query is none (D3)",
			request: "POST /refresh?refresh_token={refresh}\n\n",
			status:  400, header: oauth2JSON, body: oauth2NoRefresh,
		},
		{
			name:    "a token that stands twice is 400",
			request: "POST /refresh\nrefresh-token: {refresh}\n" + form + "\n\nrefresh_token={refresh}",
			status:  400, header: oauth2JSON, body: oauth2Twice,
		},
		{
			name:    "two refresh-token headers are 400",
			request: "POST /refresh\nrefresh-token: {refresh}\nrefresh-token: {refresh}\n\n",
			status:  400, header: oauth2JSON, body: oauth2Twice,
		},
		{
			name:    "an unknown token is invalid_grant (D52)",
			request: "POST /refresh\nrefresh-token: sp_rt_nonsense\n\n",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "a revoked one is the same (D54)",
			request: "POST /refresh\nrefresh-token: {revoked}\n\n",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "another client's is the same (D55)",
			request: "POST /refresh\n" + form + "\n\nclient_id=other&refresh_token={client's refresh}",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "an access token is none (D60)",
			request: "POST /refresh\nrefresh-token: {access}\n\n",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "an API key is none where the dialect has no place for it",
			request: "POST /refresh\nrefresh-token: {key}\n\n",
			status:  400, header: oauth2JSON, body: oauth2Refresh,
		},
		{
			name:    "another grant_type is not served at refresh",
			request: "POST /refresh\n" + form + "\n\ngrant_type=password&refresh_token={refresh}",
			status:  400, header: oauth2JSON, body: oauth2Grant,
		},
		{
			name:    "JSON is refused",
			request: "POST /refresh\nContent-Type: application/json\n\n" + `{"refresh_token":"{refresh}"}`,
			status:  400, header: oauth2JSON, body: oauth2Kinds,
		},
		{
			name:    "a body over the cap is 413",
			request: "POST /refresh\n" + form + "\n\nrefresh_token=" + tooLong,
			status:  413, header: oauth2JSON, body: oauth2TooLarge,
		},
		{
			name:    "GET is 405",
			request: "GET /refresh\nrefresh-token: {refresh}\n\n",
			status:  405, header: oauth2JSON + "\nAllow: POST", body: oauth2Method,
		},
		{
			name: "a store that fails is 503 (P3, D49)", ready: down,
			request: "POST /refresh\nrefresh-token: {refresh}\n\n",
			status:  503, header: oauth2JSON + "\nRetry-After: 5", body: oauth2Down,
		},
	})
}

func TestOAuth2Logout(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.OAuth2{}, []exchange{
		{
			name:    "the session of a refresh token is ended",
			request: "POST /logout\n" + form + "\n\nrefresh_token={refresh}",
			status:  204, header: oauth2Empty,
		},
		{
			name:    "the session of an access token is ended",
			request: "POST /logout\nAuthorization: Bearer {access}\n\n",
			status:  204, header: oauth2Empty,
		},
		{
			name:    "a refresh token counts before an Authorization: Bearer that is expired (D99)",
			request: "POST /logout\nAuthorization: Bearer {expired}\nrefresh-token: {refresh}\n\n",
			status:  204, header: oauth2Empty,
		},
		{
			name:    "an invalid refresh token is no failure",
			request: "POST /logout\n" + form + "\n\nrefresh_token=nonsense",
			status:  204, header: oauth2Empty,
		},
		{
			name:    "no token at all is 401",
			request: "POST /logout\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "an expired access token is 401",
			request: "POST /logout\nAuthorization: Bearer {expired}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "two refresh tokens are 400",
			request: "POST /logout\nrefresh-token: {refresh}\n" + form + "\n\nrefresh_token={refresh}",
			status:  400, header: oauth2Problem,
			body: `{"type":"about:blank","title":"Bad Request","status":400,"detail":"A parameter or a header is repeated"}`,
		},
		{
			name:    "a body over the cap is 413",
			request: "POST /logout\n" + form + "\n\nrefresh_token=" + tooLong,
			status:  413, header: oauth2Problem,
			body: `{"type":"about:blank","title":"Request Entity Too Large","status":413,"detail":"The body must be 16384 bytes or less"}`,
		},
		{
			name:    "GET is 405",
			request: "GET /logout\n\n",
			status:  405, header: oauth2Problem + "\nAllow: POST",
			body: `{"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"Use POST"}`,
		},
		{
			name: "a store that fails is 503, for nothing is revoked then (P35)", ready: down,
			request: "POST /logout\n" + form + "\n\nrefresh_token={refresh}",
			status:  503, header: oauth2Problem + "\nRetry-After: 5", body: oauth2DownBody,
		},
		{
			name:    "all sessions of a user are ended with one access token",
			request: "POST /everywhere\nAuthorization: Bearer {access}\n\n",
			status:  204, header: oauth2Empty,
		},
		{
			name:    "not without one",
			request: "POST /everywhere\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "not by a GET, which a picture could make",
			request: "GET /everywhere\nAuthorization: Bearer {access}\n\n",
			status:  405, header: oauth2Problem + "\nAllow: POST",
			body: `{"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"Use POST"}`,
		},
		{
			name: "all sessions, with a store that fails, are 503 (P35)", ready: down,
			request: "POST /everywhere\nAuthorization: Bearer {access}\n\n",
			status:  503, header: oauth2Problem + "\nRetry-After: 5", body: oauth2DownBody,
		},
	})
}

func TestOAuth2API(t *testing.T) {
	t.Parallel()
	wantExchanges(t, wire.OAuth2{}, []exchange{
		{
			name:    "a token lets in, and the answer says what is left (D84)",
			request: "GET /me\nAuthorization: Bearer {access}\n\n",
			status:  200, header: plain + "\n" + freeLeft, body: "hello u-alice",
		},
		{
			name:    "the scheme is read in any case (P28, D85)",
			request: "GET /bearer\nAuthorization: bEARER {access}\n\n",
			status:  200, header: plain, body: "hello u-alice",
		},
		{
			name: "no store is asked about a bearer", ready: down,
			request: "GET /bearer\nAuthorization: Bearer {access}\n\n",
			status:  200, header: plain, body: "hello u-alice",
		},
		{
			name:    "no token is 401 with a bare challenge (P29, D89, D90, D91)",
			request: "GET /me\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "an empty Bearer is 401 (D96)",
			request: "GET /me\nAuthorization: Bearer\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "another scheme is no bearer (D97)",
			request: "GET /me\nAuthorization: Basic YTpi\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "a scheme that only begins with Bearer is no bearer (D97)",
			request: "GET /me\nAuthorization: BearerX {access}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "a token in the query is none (P32, D86)",
			request: "GET /me?access_token={access}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "a token in the body is none (D87)",
			request: "POST /me\n" + form + "\n\naccess_token={access}",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "a token in a cookie is none (P32)",
			request: "GET /me\nCookie: BEARER={access}; access_token={access}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "two words are 401",
			request: "GET /me\nAuthorization: Bearer a b\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "a token that is not valid is 401 (D92, D98)",
			request: "GET /me\nAuthorization: Bearer né.b.\"c\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "an expired one is told nothing else (D92, D125)",
			request: "GET /me\nAuthorization: Bearer {expired}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "a refresh token is no bearer (D61)",
			request: "GET /me\nAuthorization: Bearer {refresh}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "an API key is no bearer (D182)",
			request: "GET /me\nAuthorization: Bearer {key}\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2BadBearer, body: oauth2BadBody,
		},
		{
			name:    "two Authorization headers are 400 (P28, D88)",
			request: "GET /me\nAuthorization: Bearer {access}\nAuthorization: Bearer {access}\n\n",
			status:  400, header: oauth2Problem + "\n" + oauth2TwoHeader,
			body: `{"type":"about:blank","title":"Bad Request","status":400,"detail":"More than one Authorization header"}`,
		},
		{
			name:    "too little scope is 403 and names what is wanted (P29, D93)",
			request: "GET /admin\nAuthorization: Bearer {access}\n\n",
			status:  403, header: oauth2Problem + "\n" + oauth2Forbidden, body: oauth2ForbidBody,
		},
		{
			name:    "enough scope lets in",
			request: "GET /write\nAuthorization: Bearer {access}\n\n",
			status:  200, header: plain, body: "hello u-alice",
		},
		{
			name:    "a scope is required without a principal: that is 401, and no panic (P33)",
			request: "GET /bare\n\n",
			status:  401, header: oauth2Problem + "\n" + oauth2NoBearer, body: oauth2NoBody,
		},
		{
			name:    "a scope is required, and no middleware has read the access token: that is a defect of the host",
			request: "GET /bare\nAuthorization: Bearer {access}\n\n",
			status:  500, header: oauth2Problem,
			body: `{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Something is wrong here"}`,
		},
		{
			name: "a limit that is reached is 429, and says until when (D169, D172)", ready: spent,
			request: "GET /search\n\n",
			status:  429, header: oauth2Problem + "\n" + limited,
			body: `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota exceeded","status":429,` +
				`"detail":"The limit of 100 requests per hour of the plan anonymous is reached","violated-policies":["anonymous"],"retry_after":3600}`,
		},
	})
}

// limited is what a refusal has besides, of one who came and spent all at once.
const limited = "Ratelimit: \"anonymous\";r=0;t=3600\nRatelimit-Policy: \"anonymous\";q=100;w=3600\nRetry-After: 3600\nVary: Authorization\n" +
	"X-Ratelimit-Limit: 100\nX-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 946688400"

// spent spends all that the address of the tests has.
func spent(t *testing.T, d *harness) {
	t.Helper()
	for range 100 {
		if w := d.call(t, "/search", "", ""); w.Code != http.StatusOK {
			t.Fatalf("status = %d, want 200", w.Code)
		}
	}
}
