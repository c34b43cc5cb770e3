package echov4_test

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// twin is one request that is sent to net/http and to Echo.
type twin struct {
	name    string
	dialect wire.Dialect  // nil: OAuth2
	config  func(*config) // changes the fixture's configuration
	given   []step        // what happens before the request
	from    string        // the client's address; empty: 192.0.2.1:1234
	request request

	// status and reason are what both must answer. Without them both could agree
	// on a wrong answer.
	status int
	reason wire.Reason // of a refusal
}

var (
	lexik        = wire.Lexik{}
	lexikRefresh = wire.Lexik{RefreshTokens: true}
	lexikNames   = wire.Lexik{Username: "email", Password: "pass"}
	fastAPI      = wire.FastAPI{}
)

const (
	exchanging = "grant_type=" + tokens.GrantExchange + "&subject_token_type=" + tokens.TokenTypeAPIKey

	bearer    = "Authorization: Bearer {access}"
	plain     = "Content-Type: text/plain"
	alicesOwn = "username=alice&password=" + password
	boundary  = "Content-Type: multipart/form-data; boundary=x"
	multipart = "--x\r\nContent-Disposition: form-data; name=\"_username\"\r\n\r\nalice\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"_password\"\r\n\r\n" + password + "\r\n--x--\r\n"
)

// named gives the two fields of a multipart body other names.
func named(body, login, pass string) string {
	return strings.NewReplacer("_username", login, "_password", pass).Replace(body)
}

func endpoints(c *config) { c.auth.Endpoints.Token, c.auth.Endpoints.JWKS = "/token", "/jwks" }

const accessCookie = "Cookie: __Host-access_token={access}"

func inCookies(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth"} }

var tooLong = "username=" + strings.Repeat("a", 17<<10)

var twins = []twin{
	// Documents.
	{name: "the keys", request: bare("GET /jwks"), status: 200},
	{name: "the keys by HEAD", request: bare("HEAD /jwks"), status: 200},
	{name: "the keys that the client has", request: bare("GET /jwks", "If-None-Match: *"), status: 304},
	{name: "the keys by POST", request: bare("POST /jwks"), status: 405, reason: wire.ReasonMethod},
	{name: "the metadata", config: endpoints, request: bare("GET /metadata"), status: 200},
	{name: "the metadata by PUT", config: endpoints, dialect: lexik, request: bare("PUT /metadata"), status: 405, reason: wire.ReasonMethod},
	{name: "the metadata of a host that has said nothing", request: bare("GET /metadata"), status: 500, reason: wire.ReasonInternal},

	// Login.
	{name: "a login gets a pair", request: form("POST /login", alicesOwn), status: 200},
	{name: "a user without scopes gets a pair without scope", request: form("POST /login", "username=bob&password="+password), status: 200},
	{name: "a login may say what grant it is", request: form("POST /login", "grant_type=password&"+alicesOwn), status: 200},
	{name: "a login that asks for less gets less", request: form("POST /login", "scope=read&"+alicesOwn), status: 200},
	{name: "a login that asks for more than it may have", request: form("POST /login", "scope=read+admin&"+alicesOwn), status: 400, reason: wire.ReasonScope},
	{name: "a login names its client in Basic", request: form("POST /login", alicesOwn, "Authorization: Basic YXBwOg=="), status: 200},
	{name: "a login with an expired bearer is a login", given: []step{login, later(2 * time.Hour)}, request: form("POST /login", alicesOwn, bearer), status: 200},
	{name: "the host's claims are in the token", config: ownClaims, request: form("POST /login", alicesOwn), status: 200},
	{name: "a wrong password", request: form("POST /login", "username=alice&password=wrong"), status: 400, reason: wire.ReasonCredentials},
	{name: "an unknown user", request: form("POST /login", "username=unknown&password="+password), status: 400, reason: wire.ReasonCredentials},
	{name: "a user who was removed", given: []step{remove}, request: form("POST /login", alicesOwn), status: 400, reason: wire.ReasonCredentials},
	{name: "no user name", request: form("POST /login", "password="+password), status: 400, reason: wire.ReasonMissing},
	{name: "an empty password", request: form("POST /login", "username=alice&password="), status: 400, reason: wire.ReasonMissing},
	{name: "credentials in the URL are none", request: form("POST /login?"+alicesOwn, ""), status: 400, reason: wire.ReasonMissing},
	{name: "nothing at all", request: bare("POST /login"), status: 400, reason: wire.ReasonMissing},
	{name: "another grant", request: form("POST /login", "grant_type=client_credentials&"+alicesOwn), status: 400, reason: wire.ReasonGrantType},
	{name: "a scope that the user has nothing of", request: form("POST /login", "scope=admin&"+alicesOwn), status: 400, reason: wire.ReasonScope},
	{name: "a scope that is none", request: form("POST /login", "scope=read++write&"+alicesOwn), status: 400, reason: wire.ReasonScope},
	{name: "a login by GET", request: bare("GET /login"), status: 405, reason: wire.ReasonMethod},
	{name: "a login by HEAD", request: bare("HEAD /login"), status: 405, reason: wire.ReasonMethod},
	{name: "a login by PUT", request: form("PUT /login", alicesOwn), status: 405, reason: wire.ReasonMethod},
	{name: "a login by OPTIONS", request: bare("OPTIONS /login"), status: 405, reason: wire.ReasonMethod},
	{name: "JSON where a form is read", request: asJSON("POST /login", `{"username":"alice","password":"`+password+`"}`), status: 400, reason: wire.ReasonMalformed},
	{name: "text where a form is read", request: request{line: "POST /login", header: []string{plain}, body: alicesOwn}, status: 400, reason: wire.ReasonMalformed},
	{name: "a body of no kind", request: request{line: "POST /login", body: alicesOwn}, status: 400, reason: wire.ReasonMalformed},
	{name: "a Content-Type that is none", request: request{line: "POST /login", header: []string{"Content-Type: ;;"}, body: alicesOwn}, status: 400, reason: wire.ReasonMalformed},
	{name: "a form in another alphabet", request: request{line: "POST /login", header: []string{"Content-Type: application/x-www-form-urlencoded; charset=utf-16"}, body: alicesOwn}, status: 400, reason: wire.ReasonMalformed},
	{name: "a form that is none", request: form("POST /login", "username=%zz"), status: 400, reason: wire.ReasonMalformed},
	{name: "a user name twice", request: form("POST /login", "username=bob&"+alicesOwn), status: 400, reason: wire.ReasonMalformed},
	{name: "a NUL in the password", request: form("POST /login", "username=alice&password=a%00b"), status: 400, reason: wire.ReasonMalformed},
	{name: "a compressed form", request: form("POST /login", alicesOwn, "Content-Encoding: gzip"), status: 400, reason: wire.ReasonMalformed},
	{name: "two clients in one request", request: form("POST /login", "client_id=other&"+alicesOwn, "Authorization: Basic YXBwOg=="), status: 400, reason: wire.ReasonMalformed},
	{name: "a body that is too long", request: form("POST /login", tooLong), status: 413, reason: wire.ReasonTooLarge},
	{name: "a body that turns out too long", request: chunks(form("POST /login", tooLong)), status: 413, reason: wire.ReasonTooLarge},
	{name: "two Authorization headers at a login", request: form("POST /login", alicesOwn, "Authorization: Basic YXBwOg==", "Authorization: Basic YXBwOg=="), status: 400, reason: wire.ReasonTwoBearers},
	{name: "a login while the store fails", given: []step{storeFails}, request: form("POST /login", alicesOwn), status: 503, reason: wire.ReasonUnavailable},
	{name: "a login while the store is slow", given: []step{storeIsSlow}, request: form("POST /login", alicesOwn), status: 503, reason: wire.ReasonUnavailable},
	{name: "a login where the host's claims are impossible", config: badClaims, request: form("POST /login", alicesOwn), status: 500, reason: wire.ReasonInternal},

	// Refresh.
	{name: "a refresh by form", given: []step{login}, request: form("POST /refresh", "grant_type=refresh_token&refresh_token={refresh}"), status: 200},
	{name: "a refresh by header", given: []step{login}, request: bare("POST /refresh", "Refresh-Token: {refresh}"), status: 200},
	{name: "a refresh for less", given: []step{login}, request: form("POST /refresh", "scope=read&refresh_token={refresh}"), status: 200},
	{name: "a refresh with an expired bearer is a refresh", given: []step{login, later(2 * time.Hour)}, request: bare("POST /refresh", "Refresh-Token: {refresh}", bearer), status: 200},
	{name: "a response that was lost is given again", config: grace, given: []step{login, refresh}, request: form("POST /refresh", "refresh_token={spent}"), status: 200},
	{name: "the grace is over", config: grace, given: []step{login, refresh, later(2 * time.Minute)}, request: form("POST /refresh", "refresh_token={spent}"), status: 400, reason: wire.ReasonEnded},
	{name: "a refresh token twice", given: []step{login}, request: form("POST /refresh", "refresh_token={refresh}", "Refresh-Token: {refresh}"), status: 400, reason: wire.ReasonMalformed},
	{name: "no refresh token", request: form("POST /refresh", "grant_type=refresh_token"), status: 400, reason: wire.ReasonNoRefresh},
	{name: "a refresh token that is none", request: form("POST /refresh", "refresh_token=sp_rt_x"), status: 400, reason: wire.ReasonRefresh},
	{name: "another client's refresh token", given: []step{loginBy("app")}, request: form("POST /refresh", "client_id=other&refresh_token={refresh}"), status: 400, reason: wire.ReasonRefresh},
	{name: "a spent refresh token", given: []step{login, refresh}, request: form("POST /refresh", "refresh_token={spent}"), status: 400, reason: wire.ReasonEnded},
	{name: "the successor of a token that was used twice", given: []step{login, refresh, reuse}, request: form("POST /refresh", "refresh_token={refresh}"), status: 400, reason: wire.ReasonEnded},
	{name: "a refresh after the logout", given: []step{login, logout}, request: form("POST /refresh", "refresh_token={refresh}"), status: 400, reason: wire.ReasonEnded},
	{name: "a session that has expired", given: []step{login, later(31 * 24 * time.Hour)}, request: form("POST /refresh", "refresh_token={refresh}"), status: 400, reason: wire.ReasonEnded},
	{name: "the session of a user who was removed", given: []step{login, remove}, request: form("POST /refresh", "refresh_token={refresh}"), status: 400, reason: wire.ReasonEnded},
	{name: "a refresh for more than the session has", given: []step{loginFor("read")}, request: form("POST /refresh", "scope=write&refresh_token={refresh}"), status: 400, reason: wire.ReasonScope},
	{name: "a refresh of another grant", given: []step{login}, request: form("POST /refresh", "grant_type=password&refresh_token={refresh}"), status: 400, reason: wire.ReasonGrantType},
	{name: "a refresh by GET", request: bare("GET /refresh", "Refresh-Token: {refresh}"), status: 405, reason: wire.ReasonMethod},
	{name: "a refresh while the store fails", given: []step{login, storeFails}, request: form("POST /refresh", "refresh_token={refresh}"), status: 503, reason: wire.ReasonUnavailable},

	// The token endpoint, which speaks RFC 6749 whatever the dialect.
	{name: "a refresh at the token endpoint", given: []step{loginBy("app")}, request: form("POST /token", "grant_type=refresh_token&refresh_token={refresh}", "Authorization: Basic YXBwOg=="), status: 200},
	{name: "a password at the token endpoint", config: passwordGrant, request: form("POST /token", "grant_type=password&"+alicesOwn), status: 200},
	{name: "a password at the token endpoint, where that is off", request: form("POST /token", "grant_type=password&"+alicesOwn), status: 400, reason: wire.ReasonGrantType},
	{name: "no grant at the token endpoint", request: form("POST /token", alicesOwn), status: 400, reason: wire.ReasonMissing},
	{name: "the token endpoint by DELETE", request: bare("DELETE /token"), status: 405, reason: wire.ReasonMethod},
	{name: "the token endpoint of a Lexik host", dialect: lexik, given: []step{login}, request: form("POST /token", "grant_type=refresh_token&refresh_token={refresh}"), status: 200},
	{name: "the token endpoint of a Lexik host refuses in the standard's words", dialect: lexik, request: form("POST /token", "grant_type=refresh_token&refresh_token=sp_rt_x"), status: 400, reason: wire.ReasonRefresh},
	{name: "the token endpoint of a FastAPI host refuses in the standard's words", dialect: fastAPI, request: form("POST /token", "grant_type=implicit"), status: 400, reason: wire.ReasonGrantType},

	// Registered clients.
	{name: "a registered client at the token endpoint", config: registering, request: form("POST /token", "grant_type=password&client_id=app&"+alicesOwn), status: 200},
	{name: "an unknown client", config: registering, request: form("POST /token", "grant_type=password&client_id=unknown&"+alicesOwn), status: 401, reason: wire.ReasonClient},
	{name: "no client", config: registering, request: form("POST /login", alicesOwn), status: 401, reason: wire.ReasonClient},
	{name: "a client that may not", config: registering, request: form("POST /token", "grant_type=password&client_id=mute&"+alicesOwn), status: 400, reason: wire.ReasonClientGrant},
	{name: "an unknown client of a FastAPI host", dialect: fastAPI, config: registering, request: form("POST /login", "client_id=unknown&"+alicesOwn), status: 401, reason: wire.ReasonClient},
	{name: "a Lexik host that names no client", dialect: lexik, config: registering, request: form("POST /login", "_username=alice&_password="+password), status: 401, reason: wire.ReasonClient},
	{name: "an API key is exchanged", given: []step{key}, request: form("POST /token", exchanging+"&subject_token={key}"), status: 200},
	{name: "a revoked API key is exchanged", given: []step{key, revokeKey}, request: form("POST /token", exchanging+"&subject_token={key}"), status: 400, reason: wire.ReasonKey},
	{name: "an API key for another audience", given: []step{key}, request: form("POST /token", exchanging+"&audience=x&subject_token={key}"), status: 400, reason: wire.ReasonTarget},

	// Revocation and introspection.
	{name: "a revocation", config: registering, given: []step{loginBy("app")}, request: form("POST /revoke", "client_id=app&token={refresh}"), status: 200},
	{name: "a revocation of nothing", config: registering, request: form("POST /revoke", "client_id=app&token=x"), status: 200},
	{name: "a revocation by an unknown client", config: registering, request: form("POST /revoke", "client_id=unknown&token=x"), status: 401, reason: wire.ReasonClient},
	{name: "a revocation without a token", request: form("POST /revoke", "client_id=app"), status: 400, reason: wire.ReasonMissing},
	{name: "a revocation of an access token where there is no list", given: []step{login}, request: form("POST /revoke", "token={access}"), status: 400, reason: wire.ReasonTokenType},
	{name: "a revocation while the store fails", dialect: lexik, given: []step{login, storeFails}, request: form("POST /revoke", "token={refresh}"), status: 503, reason: wire.ReasonUnavailable},
	{name: "a revocation by GET", request: bare("GET /revoke"), status: 405, reason: wire.ReasonMethod},
	{name: "a bearer whose session was revoked", config: registering, given: []step{loginBy("app"), logout}, request: bare("GET /bearer", bearer), status: 401, reason: wire.ReasonBearer},
	{name: "an introspection", config: registering, given: []step{loginBy("app")}, request: form("POST /introspect", "token={access}", "Authorization: Basic YXBpOnNlY3JldA=="), status: 200},
	{name: "an introspection of what is good for nothing", config: registering, request: form("POST /introspect", "token=x", "Authorization: Basic YXBpOnNlY3JldA=="), status: 200},
	{name: "an introspection by anybody", config: registering, request: form("POST /introspect", "token=x"), status: 401, reason: wire.ReasonClient},

	// A user's own sessions and keys.
	{name: "one's sessions", given: []step{login}, request: bare("GET /sessions", bearer), status: 200},
	{name: "the sessions without a token", request: bare("GET /sessions"), status: 401, reason: wire.ReasonNoBearer},
	{name: "one's sessions by POST", given: []step{login}, request: bare("POST /sessions", bearer), status: 405, reason: wire.ReasonMethod},
	{name: "one's sessions while the store fails", dialect: fastAPI, given: []step{login, storeFails}, request: bare("GET /sessions", bearer), status: 503, reason: wire.ReasonUnavailable},
	{name: "the end of a session", given: []step{login}, request: bare("DELETE /sessions/{sid}", bearer), status: 204},
	{name: "the end of no session", given: []step{login}, request: bare("DELETE /sessions/x", bearer), status: 404, reason: wire.ReasonNotFound},
	{name: "the end of no session in a Lexik host", dialect: lexik, given: []step{login}, request: bare("DELETE /sessions/x", bearer), status: 404, reason: wire.ReasonNotFound},
	{name: "the end of all others", given: []step{login}, request: bare("DELETE /others", bearer), status: 204},
	{name: "the end of all others where one's own is over", given: []step{login, logout}, request: bare("DELETE /others", bearer), status: 403, reason: wire.ReasonNoSession},
	{name: "one's keys", given: []step{login, key}, request: bare("GET /keys", bearer), status: 200},
	{name: "a new key that asks for too much", given: []step{login}, request: asJSON("POST /newkey", `{"scope":"admin"}`, bearer), status: 400, reason: wire.ReasonScope},
	{name: "a new key with a narrowed token", given: []step{loginFor("read")}, request: asJSON("POST /newkey", "{}", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "one's sessions with a narrowed token", given: []step{loginFor("read")}, request: bare("GET /sessions", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "a logout everywhere with a narrowed token", given: []step{loginFor("read")}, request: bare("POST /everywhere", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "a new key that is no JSON", given: []step{login}, request: form("POST /newkey", "label=x", bearer), status: 400, reason: wire.ReasonMalformed},
	{name: "a new key", given: []step{login}, request: asJSON("POST /newkey", `{"label":"CI","expires_in":3600}`, bearer), status: 201},
	{name: "the end of a key", given: []step{login, key}, request: bare("DELETE /keys/{key id}", bearer), status: 204},
	{name: "the end of no key", given: []step{login}, request: bare("DELETE /keys/x", bearer), status: 404, reason: wire.ReasonNotFound},

	// Logout.
	{name: "a logout by refresh token", given: []step{login}, request: form("POST /logout", "refresh_token={refresh}"), status: 204},
	{name: "a logout by access token", given: []step{login}, request: bare("POST /logout", bearer), status: 204},
	{name: "a second logout", given: []step{login, logout}, request: form("POST /logout", "refresh_token={refresh}"), status: 204},
	{name: "a logout of nothing that was ever there", request: form("POST /logout", "refresh_token=sp_rt_x"), status: 204},
	{name: "a logout without a token", request: bare("POST /logout"), status: 401, reason: wire.ReasonNoBearer},
	{name: "a logout with an expired access token", given: []step{login, later(2 * time.Hour)}, request: bare("POST /logout", bearer), status: 401, reason: wire.ReasonExpired},
	{name: "a logout while the store fails", given: []step{login, storeFails}, request: form("POST /logout", "refresh_token={refresh}"), status: 503, reason: wire.ReasonUnavailable},
	{name: "a logout by GET", request: bare("GET /logout"), status: 405, reason: wire.ReasonMethod},
	{name: "a logout everywhere", given: []step{login}, request: bare("POST /everywhere", bearer), status: 204},
	{name: "a logout everywhere without a token", request: bare("POST /everywhere"), status: 401, reason: wire.ReasonNoBearer},
	{name: "a logout everywhere with a long body", given: []step{login}, request: form("POST /everywhere", tooLong, bearer), status: 413, reason: wire.ReasonTooLarge},
	{name: "a logout everywhere while the store fails", given: []step{login, storeFails}, request: bare("POST /everywhere", bearer), status: 503, reason: wire.ReasonUnavailable},

	// Bearer and OptionalBearer.
	{name: "a bearer is let through", given: []step{login}, request: bare("GET /bearer", bearer), status: 200},
	{name: "a bearer is let through by HEAD", given: []step{login}, request: bare("HEAD /bearer", bearer), status: 200},
	{name: "a bearer posts a form", given: []step{login}, request: form("POST /bearer", "a=b", bearer), status: 200},
	{name: "the scheme in capitals", given: []step{login}, request: bare("GET /bearer", "Authorization: BEARER {access}"), status: 200},
	{name: "a bearer needs no store", given: []step{login, storeFails}, request: bare("GET /bearer", bearer), status: 200},
	{name: "no bearer", request: bare("GET /bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "no bearer by HEAD", request: bare("HEAD /bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "no bearer by DELETE", request: bare("DELETE /bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "an empty bearer", request: bare("GET /bearer", "Authorization: Bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "another scheme", request: bare("GET /bearer", "Authorization: Basic YXBwOg=="), status: 401, reason: wire.ReasonNoBearer},
	{name: "a token in the URL is none", given: []step{login}, request: bare("GET /bearer?access_token={access}"), status: 401, reason: wire.ReasonNoBearer},
	{name: "a bearer of two words", given: []step{login}, request: bare("GET /bearer", bearer+" {access}"), status: 401, reason: wire.ReasonBearerForm},
	{name: "a bearer that is none", request: bare("GET /bearer", "Authorization: Bearer x.y.z"), status: 401, reason: wire.ReasonBearer},
	{name: "a refresh token is no bearer", given: []step{login}, request: bare("GET /bearer", "Authorization: Bearer {refresh}"), status: 401, reason: wire.ReasonBearer},
	{name: "an expired bearer", given: []step{login, later(time.Hour)}, request: bare("GET /bearer", bearer), status: 401, reason: wire.ReasonExpired},
	{name: "two bearers", given: []step{login}, request: bare("GET /bearer", bearer, bearer), status: 400, reason: wire.ReasonTwoBearers},
	{name: "anybody may come in", request: bare("GET /open"), status: 200},
	{name: "a caller with a token is authenticated where a token is optional", given: []step{login}, request: bare("GET /open", bearer), status: 200},
	{name: "a caller with an invalid token is refused where a token is optional", request: bare("GET /open", "Authorization: Bearer x.y.z"), status: 401, reason: wire.ReasonBearer},
	{name: "a caller with an empty bearer is refused where a token is optional", request: bare("GET /open", "Authorization: Bearer "), status: 401, reason: wire.ReasonNoBearer},

	// BruteForce.
	{name: "too many failed logins", config: oneFailedLogin, given: []step{failedLogin}, request: form("POST /login", alicesOwn), status: 429, reason: wire.ReasonThrottled},
	{name: "too many failed logins, at the token endpoint", config: oneFailedLogin, given: []step{failedLogin}, request: form("POST /token", "grant_type=password&"+alicesOwn), status: 429, reason: wire.ReasonThrottled},
	{name: "Lexik: too many failed logins", dialect: lexik, config: oneFailedLogin, given: []step{failedLogin}, request: form("POST /login", "_username=alice&_password="+password), status: 429, reason: wire.ReasonThrottled},
	{name: "FastAPI: too many failed logins", dialect: fastAPI, config: oneFailedLogin, given: []step{failedLogin}, request: form("POST /login", alicesOwn), status: 429, reason: wire.ReasonThrottled},
	{name: "a login from nowhere", from: "@", request: form("POST /login", alicesOwn), status: 400, reason: wire.ReasonMalformed},

	// Limits.
	{name: "an account spends", given: []step{login}, request: bare("GET /protected", bearer), status: 200},
	{name: "an account spends the last that it has", given: []step{login, spend(3)}, request: bare("GET /protected", bearer), status: 200},
	{name: "an account has spent all", given: []step{login, spend(4), later(20 * time.Minute)}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "an account has spent all, by HEAD", given: []step{login, spend(4)}, request: bare("HEAD /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "an account has a new window", given: []step{login, spend(4), later(time.Hour), login}, request: bare("GET /protected", bearer), status: 200},
	{name: "a user without an account has one of their own", given: []step{login, spend(4), loginAs("bob")}, request: bare("GET /protected", bearer), status: 200},
	{name: "a plan that has nothing to spend", given: []step{loginAs("dave")}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "a plan that is in no table", given: []step{loginAs("carol")}, request: bare("GET /protected", bearer), status: 500, reason: wire.ReasonInternal},
	{name: "a host that knows the plan better", config: tierOf("premium", 1, nil), given: []step{login}, request: bare("GET /protected", bearer), status: 200},
	{name: "TierOf returns an error", config: tierOf("", 0, errDriver), given: []step{login}, request: bare("GET /protected", bearer), status: 503, reason: wire.ReasonUnavailable},
	{name: "the limit stands behind the bearer", given: []step{spendFrom("192.0.2.1:9", 2)}, request: bare("GET /protected"), status: 401, reason: wire.ReasonNoBearer},
	{name: "an address spends", request: bare("GET /limited"), status: 200},
	{name: "an address has spent all", given: []step{spendFrom("192.0.2.1:9", 2)}, request: bare("GET /limited"), status: 429, reason: wire.ReasonLimited},
	{name: "an address that has sent no requests yet", given: []step{spendFrom("192.0.2.1:9", 2)}, from: "192.0.2.2:1", request: bare("GET /limited"), status: 200},
	{name: "a neighbour in the /64 has spent all", given: []step{spendFrom("[2001:db8::1]:9", 2)}, from: "[2001:db8::2]:1", request: bare("GET /limited"), status: 429, reason: wire.ReasonLimited},
	{name: "an anonymous caller has spent all", given: []step{spendFrom("192.0.2.1:9", 2)}, request: bare("POST /open"), status: 429, reason: wire.ReasonLimited},
	{name: "a forged address changes nothing", given: []step{spendFrom("192.0.2.1:9", 2)}, request: bare("GET /limited", "X-Forwarded-For: 198.51.100.1", "X-Real-IP: 198.51.100.2"), status: 429, reason: wire.ReasonLimited},
	{name: "no address", from: "@", request: bare("GET /limited"), status: 400, reason: wire.ReasonMalformed},
	{name: "no tier for anonymous callers", config: noAnonymous, request: bare("GET /limited"), status: 401, reason: wire.ReasonNoBearer},
	{name: "the counters fail", given: []step{login, countersFail}, request: bare("GET /protected", bearer), status: 503, reason: wire.ReasonUnavailable},
	{name: "the counters fail, and the host fails open", config: failOpen, given: []step{login, countersFail}, request: bare("GET /protected", bearer), status: 200},
	{name: "an account spends under several policies", config: policies, given: []step{login}, request: bare("GET /protected", bearer), status: 200},
	{name: "a second is full", config: policies, given: []step{login, spend(2)}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "a second has passed", config: policies, given: []step{login, spend(2), later(time.Second)}, request: bare("GET /protected", bearer), status: 200},
	{name: "the older draft", config: olderHeaders, given: []step{login}, request: bare("GET /protected", bearer), status: 200},
	{name: "no headers", config: noHeaders, given: []step{login, spend(4)}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "a preflight", given: []step{spendFrom("192.0.2.1:9", 2)}, request: bare("OPTIONS /limited", "Origin: https://a.example", "Access-Control-Request-Method: GET"), status: 429, reason: wire.ReasonLimited},
	{name: "a route with a rule of its own", given: []step{login}, request: bare("GET /search", bearer), status: 200},
	{name: "a route that is dearer than what is left", given: []step{login, spend(3)}, request: bare("GET /search", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "a route that fails closed where the host fails open", config: failOpen, given: []step{login, countersFail}, request: bare("GET /search", bearer), status: 503, reason: wire.ReasonUnavailable},
	{name: "one's own quota", config: policies, given: []step{login, spend(1)}, request: bare("GET /quota", bearer), status: 200},
	{name: "one's own quota, when all is spent", given: []step{login, spend(4)}, request: bare("GET /quota", bearer), status: 200},
	{name: "the quota of an unauthenticated caller", request: bare("GET /quota"), status: 200},
	{name: "a quota that the counters cannot tell", config: failOpen, given: []step{login, countersFail}, request: bare("GET /quota", bearer), status: 503, reason: wire.ReasonUnavailable},

	// Scopes.
	{name: "all the scopes", given: []step{login}, request: bare("GET /write", bearer), status: 200},
	{name: "one scope of two", given: []step{login}, request: bare("GET /admin", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "a scope that was not asked for", given: []step{loginFor("read")}, request: bare("PUT /write", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "one scope of two, by HEAD", given: []step{login}, request: bare("HEAD /admin", bearer), status: 403, reason: wire.ReasonForbidden},
	{name: "scopes with no bearer in front of them", given: []step{login}, request: bare("GET /noscope", bearer), status: 401, reason: wire.ReasonNoBearer},

	// Cookies.
	{name: "a login in cookies", config: inCookies, request: form("POST /login", alicesOwn), status: 204},
	{name: "a refresh by cookie", config: inCookies, given: []step{login}, request: bare("POST /refresh", "Cookie: __Secure-refresh_token={refresh}"), status: 204},
	{name: "a refresh by a spent cookie", config: inCookies, given: []step{login, refresh}, request: bare("POST /refresh", "Cookie: __Secure-refresh_token={spent}", "Sec-Fetch-Site: same-origin"), status: 400, reason: wire.ReasonEnded},
	{name: "a bearer by cookie", config: inCookies, given: []step{login}, request: bare("GET /bearer", accessCookie), status: 200},
	{name: "a bearer by two cookies", config: inCookies, given: []step{login}, request: bare("GET /bearer", accessCookie, accessCookie), status: 400, reason: wire.ReasonMalformed},
	{name: "another site's write", config: inCookies, given: []step{login}, request: bare("POST /bearer", accessCookie, "Sec-Fetch-Site: cross-site"), status: 403, reason: wire.ReasonCrossSite},
	{name: "Lexik: another site's login", config: inCookies, dialect: lexik, request: form("POST /login", alicesOwn, "Sec-Fetch-Site: cross-site"), status: 403, reason: wire.ReasonCrossSite},
	{name: "FastAPI: another site's login", config: inCookies, dialect: fastAPI, request: form("POST /login", alicesOwn, "Sec-Fetch-Site: cross-site"), status: 403, reason: wire.ReasonCrossSite},
	{name: "a logout by cookie", config: inCookies, given: []step{login}, request: bare("POST /logout", "Cookie: __Secure-refresh_token={refresh}"), status: 204},
	{name: "a logout everywhere by cookie", config: inCookies, given: []step{login}, request: bare("POST /everywhere", accessCookie), status: 204},
	{name: "the end of the own session, by cookie", config: inCookies, given: []step{login}, request: bare("DELETE /sessions/{sid}", accessCookie), status: 204},
	{name: "the end of the other sessions, by cookie", config: inCookies, given: []step{login, login}, request: bare("DELETE /others", accessCookie), status: 204},
	{name: "the revocation of the own refresh token, with cookies", config: inCookies, given: []step{login}, request: form("POST /revoke", "token={refresh}", accessCookie), status: 200},
	{name: "the revocation of the own refresh token, without cookies", config: inCookies, given: []step{login}, request: form("POST /revoke", "token={refresh}"), status: 200},
	{name: "the token endpoint has no cookies", config: inCookies, given: []step{login}, request: form("POST /token", "grant_type=refresh_token&refresh_token={refresh}"), status: 200},

	// Lexik.
	{name: "Lexik: a login by form", dialect: lexik, request: form("POST /login", "_username=alice&_password="+password), status: 200},
	{name: "Lexik: a login by JSON", dialect: lexik, request: asJSON("POST /login", `{"_username":"alice","_password":"`+password+`"}`), status: 200},
	{name: "Lexik: a login by JSON that calls itself text", dialect: lexik, request: request{line: "POST /login", header: []string{plain}, body: `{"_username":"alice","_password":"` + password + `"}`}, status: 200},
	{name: "Lexik: a login by multipart", dialect: lexik, request: request{line: "POST /login", header: []string{boundary}, body: multipart}, status: 200},
	{name: "Lexik: a login with names of the host's", dialect: lexikNames, request: form("POST /login", "email=alice&pass="+password), status: 200},
	{name: "Lexik: a login that opens a session", dialect: lexikRefresh, request: form("POST /login", "_username=alice&_password="+password), status: 200},
	{name: "Lexik: a wrong password", dialect: lexik, request: form("POST /login", "_username=alice&_password=wrong"), status: 401, reason: wire.ReasonCredentials},
	{name: "Lexik: no password", dialect: lexik, request: form("POST /login", "_username=alice"), status: 400, reason: wire.ReasonMissing},
	{name: "Lexik: JSON that is none", dialect: lexik, request: asJSON("POST /login", `{"_username":`), status: 400, reason: wire.ReasonMalformed},
	{name: "Lexik: a name twice", dialect: lexik, request: asJSON("POST /login", `{"_username":"a","_username":"b"}`), status: 400, reason: wire.ReasonMalformed},
	{name: "Lexik: a body that is too long", dialect: lexik, request: form("POST /login", tooLong), status: 413, reason: wire.ReasonTooLarge},
	{name: "Lexik: a login by GET", dialect: lexik, request: bare("GET /login"), status: 405, reason: wire.ReasonMethod},
	{name: "Lexik: a login while the store fails", dialect: lexik, given: []step{storeFails}, request: form("POST /login", "_username=alice&_password="+password), status: 503, reason: wire.ReasonUnavailable},
	{name: "Lexik: a login where the host's claims are impossible", dialect: lexik, config: badClaims, request: form("POST /login", "_username=alice&_password="+password), status: 500, reason: wire.ReasonInternal},
	{name: "Lexik: a refresh", dialect: lexikRefresh, given: []step{login}, request: form("POST /refresh", "refresh_token={refresh}"), status: 200},
	{name: "Lexik: a refresh by JSON", dialect: lexikRefresh, given: []step{login}, request: asJSON("POST /refresh", `{"refresh_token":"{refresh}"}`), status: 200},
	{name: "Lexik: an API key is refreshed", dialect: lexik, given: []step{key}, request: form("POST /refresh", "refresh_token={key}"), status: 200},
	{name: "Lexik: an API key that was revoked", dialect: lexik, given: []step{key, revokeKey}, request: form("POST /refresh", "refresh_token={key}"), status: 401, reason: wire.ReasonKey},
	{name: "Lexik: an API key that has expired", dialect: lexik, given: []step{key, later(24 * time.Hour)}, request: form("POST /refresh", "refresh_token={key}"), status: 401, reason: wire.ReasonKey},
	{name: "Lexik: an API key while the store fails", dialect: lexik, given: []step{key, storeFails}, request: form("POST /refresh", "refresh_token={key}"), status: 503, reason: wire.ReasonUnavailable},
	{name: "Lexik: no refresh token", dialect: lexik, request: asJSON("POST /refresh", `{}`), status: 401, reason: wire.ReasonNoRefresh},
	{name: "Lexik: a refresh token that is none", dialect: lexik, request: form("POST /refresh", "refresh_token=x"), status: 401, reason: wire.ReasonRefresh},
	{name: "Lexik: a spent refresh token", dialect: lexikRefresh, given: []step{login, refresh}, request: form("POST /refresh", "refresh_token={spent}"), status: 401, reason: wire.ReasonEnded},
	{name: "Lexik: a logout", dialect: lexikRefresh, given: []step{login}, request: form("POST /logout", "refresh_token={refresh}"), status: 200},
	{name: "Lexik: a second logout", dialect: lexikRefresh, given: []step{login, logout}, request: form("POST /logout", "refresh_token={refresh}"), status: 200},
	{name: "Lexik: a logout of nothing", dialect: lexikRefresh, request: bare("POST /logout"), status: 400, reason: wire.ReasonNoRefresh},
	{name: "Lexik: a logout everywhere", dialect: lexik, given: []step{login}, request: bare("POST /everywhere", bearer), status: 200},
	{name: "Lexik: no bearer", dialect: lexik, request: bare("GET /bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "Lexik: an empty bearer", dialect: lexik, request: bare("POST /bearer", "Authorization: Bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "Lexik: a bearer of two words", dialect: lexik, request: bare("GET /bearer", "Authorization: Bearer a b"), status: 401, reason: wire.ReasonBearerForm},
	{name: "Lexik: a bearer that is none", dialect: lexik, request: bare("GET /bearer", "Authorization: Bearer x.y.z"), status: 401, reason: wire.ReasonBearer},
	{name: "Lexik: an expired bearer", dialect: lexik, given: []step{login, later(time.Hour)}, request: bare("GET /bearer", bearer), status: 401, reason: wire.ReasonExpired},
	{name: "Lexik: an expired bearer, by HEAD", dialect: lexik, given: []step{login, later(time.Hour)}, request: bare("HEAD /bearer", bearer), status: 401, reason: wire.ReasonExpired},
	{name: "Lexik: an account has spent all", dialect: lexik, given: []step{login, spend(4)}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "Lexik: one scope of two", dialect: lexik, given: []step{login}, request: bare("GET /admin", bearer), status: 403, reason: wire.ReasonForbidden},

	// FastAPI.
	{name: "FastAPI: a login", dialect: fastAPI, request: form("POST /login", "grant_type=password&"+alicesOwn), status: 200},
	{name: "FastAPI: a wrong password", dialect: fastAPI, request: form("POST /login", "username=alice&password=wrong"), status: 400, reason: wire.ReasonCredentials},
	{name: "FastAPI: neither name nor password", dialect: fastAPI, request: form("POST /login", "a=b"), status: 422, reason: wire.ReasonMissing},
	{name: "FastAPI: another grant, with text that HTML would read", dialect: fastAPI, request: form("POST /login", "grant_type=%3Cb%3E%26"), status: 422, reason: wire.ReasonGrantType},
	{name: "FastAPI: JSON has none of the parameters", dialect: fastAPI, request: asJSON("POST /login", `{"username":"alice"}`), status: 422, reason: wire.ReasonMissing},
	{name: "FastAPI: a form that is none", dialect: fastAPI, request: form("POST /login", "username=%zz"), status: 400, reason: wire.ReasonMalformed},
	{name: "FastAPI: a scope that the user has nothing of", dialect: fastAPI, request: form("POST /login", "scope=admin&"+alicesOwn), status: 200},
	{name: "FastAPI: a body that is too long", dialect: fastAPI, request: form("POST /login", tooLong), status: 413, reason: wire.ReasonTooLarge},
	{name: "FastAPI: a login by GET", dialect: fastAPI, request: bare("GET /login"), status: 405, reason: wire.ReasonMethod},
	{name: "FastAPI: a login while the store fails", dialect: fastAPI, given: []step{storeFails}, request: form("POST /login", alicesOwn), status: 503, reason: wire.ReasonUnavailable},
	{name: "FastAPI: a refresh", dialect: fastAPI, given: []step{login}, request: bare("POST /refresh", "refresh-token: {refresh}"), status: 200},
	{name: "FastAPI: no refresh token", dialect: fastAPI, request: bare("POST /refresh"), status: 422, reason: wire.ReasonNoRefresh},
	{name: "FastAPI: two refresh tokens", dialect: fastAPI, given: []step{login}, request: bare("POST /refresh", "refresh-token: {refresh}", "refresh-token: {refresh}"), status: 400, reason: wire.ReasonMalformed},
	{name: "FastAPI: a spent refresh token", dialect: fastAPI, given: []step{login, refresh}, request: bare("POST /refresh", "refresh-token: {spent}"), status: 401, reason: wire.ReasonEnded},
	{name: "FastAPI: multipart (B1)", dialect: fastAPI, request: request{line: "POST /login", header: []string{boundary}, body: named(multipart, "username", "password")}, status: 200},
	{name: "OAuth2: multipart (B1)", request: request{line: "POST /login", header: []string{boundary}, body: named(multipart, "username", "password")}, status: 200},
	{name: "FastAPI: JSON beside the refresh token (B3)", dialect: fastAPI, given: []step{login}, request: asJSON("POST /refresh", "{}", "refresh-token: {refresh}"), status: 200},
	{name: "FastAPI: a scope that is none (B4)", dialect: fastAPI, request: form("POST /login", "scope=a++%22&"+alicesOwn), status: 200},
	{name: "FastAPI: a logout with an expired bearer and a refresh token (B4)", dialect: fastAPI, given: []step{login, later(2 * time.Hour)}, request: bare("POST /logout", bearer, "refresh-token: {refresh}"), status: 204},
	{name: "postman-refresh: a refresh (B2)", dialect: wire.PostmanRefresh{}, given: []step{login}, request: form("POST /refresh", "grant_type=refresh_token&refresh_token={refresh}"), status: 200},
	{name: "postman-refresh: a token that is none (B2)", dialect: wire.PostmanRefresh{}, request: form("POST /refresh", "grant_type=refresh_token&refresh_token=x"), status: 400, reason: wire.ReasonRefresh},
	{name: "FastAPI: a logout", dialect: fastAPI, given: []step{login}, request: bare("POST /logout", bearer), status: 204},
	{name: "FastAPI: a logout without a token", dialect: fastAPI, request: bare("POST /logout"), status: 401, reason: wire.ReasonNoBearer},
	{name: "FastAPI: a logout everywhere", dialect: fastAPI, given: []step{login}, request: bare("POST /everywhere", bearer), status: 204},
	{name: "FastAPI: no bearer", dialect: fastAPI, request: bare("GET /bearer"), status: 401, reason: wire.ReasonNoBearer},
	{name: "FastAPI: two bearers", dialect: fastAPI, given: []step{login}, request: bare("GET /bearer", bearer, bearer), status: 400, reason: wire.ReasonTwoBearers},
	{name: "FastAPI: an expired bearer", dialect: fastAPI, given: []step{login, later(time.Hour)}, request: bare("GET /bearer", bearer), status: 401, reason: wire.ReasonExpired},
	{name: "FastAPI: an account has spent all", dialect: fastAPI, given: []step{login, spend(4)}, request: bare("GET /protected", bearer), status: 429, reason: wire.ReasonLimited},
	{name: "FastAPI: one scope of two", dialect: fastAPI, given: []step{login}, request: bare("GET /admin", bearer), status: 403, reason: wire.ReasonForbidden},
}
