package adaptertest

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Twin is one request that every adapter must answer as net/http does.
type Twin struct {
	Name    string
	Dialect wire.Dialect  // nil: OAuth2
	Config  func(*Config) // changes the fixture's configuration
	Given   []Step        // what happens before the request
	From    string        // the client's address; empty: 192.0.2.1:1234
	Request Request

	// Status and Reason are what all must answer. Without them all could agree
	// on a wrong answer.
	Status int
	Reason wire.Reason // of a refusal
}

var (
	lexik        = wire.Lexik{}
	lexikRefresh = wire.Lexik{RefreshTokens: true}
	lexikNames   = wire.Lexik{Username: "email", Password: "pass"}
	fastAPI      = wire.FastAPI{}
)

const (
	exchanging = "grant_type=" + tokens.GrantExchange + "&subject_token_type=" + tokens.TokenTypeAPIKey

	// Bearer is a header with the fixture's {access}.
	Bearer = "Authorization: Bearer {access}"
	plain  = "Content-Type: text/plain"
	// AlicesLogin is the body of a form.
	AlicesLogin = "username=alice&password=" + Password
	boundary    = "Content-Type: multipart/form-data; boundary=x"
	multipart   = "--x\r\nContent-Disposition: form-data; name=\"_username\"\r\n\r\nalice\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"_password\"\r\n\r\n" + Password + "\r\n--x--\r\n"
)

// named gives the two fields of a multipart body other names.
func named(body, login, pass string) string {
	return strings.NewReplacer("_username", login, "_password", pass).Replace(body)
}

func endpoints(c *Config) { c.Auth.Endpoints.Token, c.Auth.Endpoints.Revoke = "/token", "/revoke" }

const accessCookie = "Cookie: __Host-access_token={access}"

func inCookies(c *Config) { c.Auth.Cookies = &middleware.Cookies{RefreshPath: "/auth"} }

func forgetful(c *Config) {
	c.Auth.Cookies = &middleware.Cookies{RefreshPath: "/auth", Remember: "remember_me"}
}

func partitioned(c *Config) {
	c.Auth.Cookies = &middleware.Cookies{
		RefreshPath: "/auth", InsecureCrossSite: true, Partitioned: true, TrustedOrigins: []string{"https://app.example.com"},
	}
}

var tooLong = "username=" + strings.Repeat("a", 17<<10)

// Twins has a request for each handler and middleware, and for each reason of a refusal.
var Twins = []Twin{
	{Name: "a login that the browser forgets (B14)", Config: forgetful, Request: Form("POST /login", AlicesLogin), Status: 204},
	{Name: "a login with partitioned cookies (B11)", Config: partitioned, Request: Form("POST /login", AlicesLogin), Status: 204},

	// Documents.
	{Name: "the keys", Request: Bare("GET /jwks"), Status: 200},
	{Name: "the keys by HEAD", Request: Bare("HEAD /jwks"), Status: 200},
	{Name: "the keys that the client has", Request: Bare("GET /jwks", "If-None-Match: *"), Status: 304},
	{Name: "the keys by POST", Request: Bare("POST /jwks"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "the metadata", Config: endpoints, Request: Bare("GET /metadata"), Status: 200},
	{Name: "the metadata by PUT", Config: endpoints, Dialect: lexik, Request: Bare("PUT /metadata"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "the metadata of a host that has said nothing", Request: Bare("GET /metadata"), Status: 500, Reason: wire.ReasonInternal},

	// Login.
	{Name: "a login gets a pair", Request: Form("POST /login", AlicesLogin), Status: 200},
	{Name: "a user without scopes gets a pair without scope", Request: Form("POST /login", "username=bob&password="+Password), Status: 200},
	{Name: "a login may say what grant it is", Request: Form("POST /login", "grant_type=password&"+AlicesLogin), Status: 200},
	{Name: "a login that asks for less gets less", Request: Form("POST /login", "scope=read&"+AlicesLogin), Status: 200},
	{Name: "a login that asks for more than it may have", Request: Form("POST /login", "scope=read+admin&"+AlicesLogin), Status: 400, Reason: wire.ReasonScope},
	{Name: "a login names its client in Basic", Request: Form("POST /login", AlicesLogin, "Authorization: Basic YXBwOg=="), Status: 200},
	{Name: "a login with an expired bearer is a login", Given: []Step{Login, later(2 * time.Hour)}, Request: Form("POST /login", AlicesLogin, Bearer), Status: 200},
	{Name: "the host's claims are in the token", Config: ownClaims, Request: Form("POST /login", AlicesLogin), Status: 200},
	{Name: "a wrong password", Request: Form("POST /login", "username=alice&password=wrong"), Status: 400, Reason: wire.ReasonCredentials},
	{Name: "an unknown user", Request: Form("POST /login", "username=unknown&password="+Password), Status: 400, Reason: wire.ReasonCredentials},
	{Name: "a user who was removed", Given: []Step{remove}, Request: Form("POST /login", AlicesLogin), Status: 400, Reason: wire.ReasonCredentials},
	{Name: "no user name", Request: Form("POST /login", "password="+Password), Status: 400, Reason: wire.ReasonMissing},
	{Name: "an empty password", Request: Form("POST /login", "username=alice&password="), Status: 400, Reason: wire.ReasonMissing},
	{Name: "credentials in the URL are none", Request: Form("POST /login?"+AlicesLogin, ""), Status: 400, Reason: wire.ReasonMissing},
	{Name: "nothing at all", Request: Bare("POST /login"), Status: 400, Reason: wire.ReasonMissing},
	{Name: "another grant", Request: Form("POST /login", "grant_type=client_credentials&"+AlicesLogin), Status: 400, Reason: wire.ReasonGrantType},
	{Name: "a scope that the user has nothing of", Request: Form("POST /login", "scope=admin&"+AlicesLogin), Status: 400, Reason: wire.ReasonScope},
	{Name: "a scope that is none", Request: Form("POST /login", "scope=read++write&"+AlicesLogin), Status: 400, Reason: wire.ReasonScope},
	{Name: "a login by GET", Request: Bare("GET /login"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a login by HEAD", Request: Bare("HEAD /login"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a login by PUT", Request: Form("PUT /login", AlicesLogin), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a login by OPTIONS", Request: Bare("OPTIONS /login"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "JSON where a form is read", Request: asJSON("POST /login", `{"username":"alice","password":"`+Password+`"}`), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "text where a form is read", Request: Request{Line: "POST /login", Header: []string{plain}, Body: AlicesLogin}, Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a body of no kind", Request: Request{Line: "POST /login", Body: AlicesLogin}, Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a Content-Type that is none", Request: Request{Line: "POST /login", Header: []string{"Content-Type: ;;"}, Body: AlicesLogin}, Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a form in another alphabet", Request: Request{Line: "POST /login", Header: []string{"Content-Type: application/x-www-form-urlencoded; charset=utf-16"}, Body: AlicesLogin}, Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a form that is none", Request: Form("POST /login", "username=%zz"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a user name twice", Request: Form("POST /login", "username=bob&"+AlicesLogin), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a NUL in the password", Request: Form("POST /login", "username=alice&password=a%00b"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a compressed form", Request: Form("POST /login", AlicesLogin, "Content-Encoding: gzip"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "two clients in one request", Request: Form("POST /login", "client_id=other&"+AlicesLogin, "Authorization: Basic YXBwOg=="), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a body that is too long", Request: Form("POST /login", tooLong), Status: 413, Reason: wire.ReasonTooLarge},
	{Name: "a body that turns out too long", Request: chunks(Form("POST /login", tooLong)), Status: 413, Reason: wire.ReasonTooLarge},
	{Name: "two Authorization headers at a login", Request: Form("POST /login", AlicesLogin, "Authorization: Basic YXBwOg==", "Authorization: Basic YXBwOg=="), Status: 400, Reason: wire.ReasonTwoBearers},
	{Name: "a login while the store fails", Given: []Step{StoreFails}, Request: Form("POST /login", AlicesLogin), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "a login while the store is slow", Given: []Step{storeIsSlow}, Request: Form("POST /login", AlicesLogin), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "a login where the host's claims are impossible", Config: badClaims, Request: Form("POST /login", AlicesLogin), Status: 500, Reason: wire.ReasonInternal},

	// Refresh.
	{Name: "a refresh by form", Given: []Step{Login}, Request: Form("POST /refresh", "grant_type=refresh_token&refresh_token={refresh}"), Status: 200},
	{Name: "a refresh by header", Given: []Step{Login}, Request: Bare("POST /refresh", "Refresh-Token: {refresh}"), Status: 200},
	{Name: "a refresh for less", Given: []Step{Login}, Request: Form("POST /refresh", "scope=read&refresh_token={refresh}"), Status: 200},
	{Name: "a refresh with an expired bearer is a refresh", Given: []Step{Login, later(2 * time.Hour)}, Request: Bare("POST /refresh", "Refresh-Token: {refresh}", Bearer), Status: 200},
	{Name: "a response that was lost is given again", Config: grace, Given: []Step{Login, Refresh}, Request: Form("POST /refresh", "refresh_token={spent}"), Status: 200},
	{Name: "the grace is over", Config: grace, Given: []Step{Login, Refresh, later(2 * time.Minute)}, Request: Form("POST /refresh", "refresh_token={spent}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "a refresh token twice", Given: []Step{Login}, Request: Form("POST /refresh", "refresh_token={refresh}", "Refresh-Token: {refresh}"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "no refresh token", Request: Form("POST /refresh", "grant_type=refresh_token"), Status: 400, Reason: wire.ReasonNoRefresh},
	{Name: "a refresh token that is none", Request: Form("POST /refresh", "refresh_token=sp_rt_x"), Status: 400, Reason: wire.ReasonRefresh},
	{Name: "another client's refresh token", Given: []Step{loginBy("app")}, Request: Form("POST /refresh", "client_id=other&refresh_token={refresh}"), Status: 400, Reason: wire.ReasonRefresh},
	{Name: "a spent refresh token", Given: []Step{Login, Refresh}, Request: Form("POST /refresh", "refresh_token={spent}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "the successor of a token that was used twice", Given: []Step{Login, Refresh, reuse}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "a refresh after the logout", Given: []Step{Login, logout}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "a session that has expired", Given: []Step{Login, later(31 * 24 * time.Hour)}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "the session of a user who was removed", Given: []Step{Login, remove}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "a refresh for more than the session has", Given: []Step{loginFor("read")}, Request: Form("POST /refresh", "scope=write&refresh_token={refresh}"), Status: 400, Reason: wire.ReasonScope},
	{Name: "a refresh of another grant", Given: []Step{Login}, Request: Form("POST /refresh", "grant_type=password&refresh_token={refresh}"), Status: 400, Reason: wire.ReasonGrantType},
	{Name: "a refresh by GET", Request: Bare("GET /refresh", "Refresh-Token: {refresh}"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a refresh while the store fails", Given: []Step{Login, StoreFails}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 503, Reason: wire.ReasonUnavailable},

	// The token endpoint, which speaks RFC 6749 whatever the dialect.
	{Name: "a refresh at the token endpoint", Given: []Step{loginBy("app")}, Request: Form("POST /token", "grant_type=refresh_token&refresh_token={refresh}", "Authorization: Basic YXBwOg=="), Status: 200},
	{Name: "a password at the token endpoint", Config: passwordGrant, Request: Form("POST /token", "grant_type=password&"+AlicesLogin), Status: 200},
	{Name: "a password at the token endpoint, where that is off", Request: Form("POST /token", "grant_type=password&"+AlicesLogin), Status: 400, Reason: wire.ReasonGrantType},
	{Name: "no grant at the token endpoint", Request: Form("POST /token", AlicesLogin), Status: 400, Reason: wire.ReasonMissing},
	{Name: "the token endpoint by DELETE", Request: Bare("DELETE /token"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "the token endpoint of a Lexik host", Dialect: lexik, Given: []Step{Login}, Request: Form("POST /token", "grant_type=refresh_token&refresh_token={refresh}"), Status: 200},
	{Name: "the token endpoint of a Lexik host refuses in the standard's words", Dialect: lexik, Request: Form("POST /token", "grant_type=refresh_token&refresh_token=sp_rt_x"), Status: 400, Reason: wire.ReasonRefresh},
	{Name: "the token endpoint of a FastAPI host refuses in the standard's words", Dialect: fastAPI, Request: Form("POST /token", "grant_type=implicit"), Status: 400, Reason: wire.ReasonGrantType},

	// Registered clients.
	{Name: "a registered client at the token endpoint", Config: registering, Request: Form("POST /token", "grant_type=password&client_id=app&"+AlicesLogin), Status: 200},
	{Name: "an unknown client", Config: registering, Request: Form("POST /token", "grant_type=password&client_id=unknown&"+AlicesLogin), Status: 401, Reason: wire.ReasonClient},
	{Name: "no client", Config: registering, Request: Form("POST /login", AlicesLogin), Status: 401, Reason: wire.ReasonClient},
	{Name: "a client that may not", Config: registering, Request: Form("POST /token", "grant_type=password&client_id=mute&"+AlicesLogin), Status: 400, Reason: wire.ReasonClientGrant},
	{Name: "an unknown client of a FastAPI host", Dialect: fastAPI, Config: registering, Request: Form("POST /login", "client_id=unknown&"+AlicesLogin), Status: 401, Reason: wire.ReasonClient},
	{Name: "a Lexik host whose default client has a secret", Dialect: lexik, Config: secretive, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 401, Reason: wire.ReasonClient},
	{Name: "an API key is exchanged", Given: []Step{key}, Request: Form("POST /token", exchanging+"&subject_token={key}"), Status: 200},
	{Name: "a revoked API key is exchanged", Given: []Step{key, revokeKey}, Request: Form("POST /token", exchanging+"&subject_token={key}"), Status: 400, Reason: wire.ReasonKey},
	{Name: "an API key for another audience", Given: []Step{key}, Request: Form("POST /token", exchanging+"&audience=x&subject_token={key}"), Status: 400, Reason: wire.ReasonTarget},

	// Revocation and introspection.
	{Name: "a revocation", Config: registering, Given: []Step{loginBy("app")}, Request: Form("POST /revoke", "client_id=app&token={refresh}"), Status: 200},
	{Name: "a revocation of nothing", Config: registering, Request: Form("POST /revoke", "client_id=app&token=x"), Status: 200},
	{Name: "a revocation by an unknown client", Config: registering, Request: Form("POST /revoke", "client_id=unknown&token=x"), Status: 401, Reason: wire.ReasonClient},
	{Name: "a revocation without a token", Request: Form("POST /revoke", "client_id=app"), Status: 400, Reason: wire.ReasonMissing},
	{Name: "a revocation of an access token where there is no list", Given: []Step{Login}, Request: Form("POST /revoke", "token={access}"), Status: 400, Reason: wire.ReasonTokenType},
	{Name: "a revocation while the store fails", Dialect: lexik, Given: []Step{Login, StoreFails}, Request: Form("POST /revoke", "token={refresh}"), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "a revocation by GET", Request: Bare("GET /revoke"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a bearer whose session was revoked", Config: registering, Given: []Step{loginBy("app"), logout}, Request: Bare("GET /bearer", Bearer), Status: 401, Reason: wire.ReasonBearer},
	{Name: "an introspection", Config: registering, Given: []Step{loginBy("app")}, Request: Form("POST /introspect", "token={access}", "Authorization: Basic YXBpOnNlY3JldA=="), Status: 200},
	{Name: "an introspection of what is good for nothing", Config: registering, Request: Form("POST /introspect", "token=x", "Authorization: Basic YXBpOnNlY3JldA=="), Status: 200},
	{Name: "an introspection by anybody", Config: registering, Request: Form("POST /introspect", "token=x"), Status: 401, Reason: wire.ReasonClient},

	// A user's own sessions and keys.
	{Name: "one's sessions", Given: []Step{Login}, Request: Bare("GET /sessions", Bearer), Status: 200},
	{Name: "the sessions without a token", Request: Bare("GET /sessions"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "one's sessions by POST", Given: []Step{Login}, Request: Bare("POST /sessions", Bearer), Status: 405, Reason: wire.ReasonMethod},
	{Name: "one's sessions while the store fails", Dialect: fastAPI, Given: []Step{Login, StoreFails}, Request: Bare("GET /sessions", Bearer), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "the end of a session", Given: []Step{Login}, Request: Bare("DELETE /sessions/{sid}", Bearer), Status: 204},
	{Name: "the end of no session", Given: []Step{Login}, Request: Bare("DELETE /sessions/x", Bearer), Status: 404, Reason: wire.ReasonNotFound},
	{Name: "the end of no session in a Lexik host", Dialect: lexik, Given: []Step{Login}, Request: Bare("DELETE /sessions/x", Bearer), Status: 404, Reason: wire.ReasonNotFound},
	{Name: "the end of all others", Given: []Step{Login}, Request: Bare("DELETE /others", Bearer), Status: 204},
	{Name: "the end of all others where one's own is over", Given: []Step{Login, logout}, Request: Bare("DELETE /others", Bearer), Status: 403, Reason: wire.ReasonNoSession},
	{Name: "one's keys", Given: []Step{Login, key}, Request: Bare("GET /keys", Bearer), Status: 200},
	{Name: "a new key that asks for too much", Given: []Step{Login}, Request: asJSON("POST /newkey", `{"scope":"admin"}`, Bearer), Status: 400, Reason: wire.ReasonScope},
	{Name: "a new key with a narrowed token", Given: []Step{loginFor("read")}, Request: asJSON("POST /newkey", "{}", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "one's sessions with a narrowed token", Given: []Step{loginFor("read")}, Request: Bare("GET /sessions", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "a logout everywhere with a narrowed token", Given: []Step{loginFor("read")}, Request: Bare("POST /everywhere", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "a new key that is no JSON", Given: []Step{Login}, Request: Form("POST /newkey", "label=x", Bearer), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a new key", Given: []Step{Login}, Request: asJSON("POST /newkey", `{"label":"CI","expires_in":3600}`, Bearer), Status: 201},
	{Name: "a new key for a network that is none", Given: []Step{Login}, Request: asJSON("POST /newkey", `{"networks":["192.0.2.7/24"]}`, Bearer), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "a key in the place of another", Given: []Step{Login, key}, Request: asJSON("POST /rotate/{key id}", `{"overlap":60}`, Bearer), Status: 201},
	{Name: "a key in the place of none", Given: []Step{Login}, Request: asJSON("POST /rotate/x", "{}", Bearer), Status: 404, Reason: wire.ReasonNotFound},
	{Name: "a key in the place of one that has a successor", Given: []Step{Login, key, replaceKey}, Request: asJSON("POST /rotate/{key id}", "{}", Bearer), Status: 409, Reason: wire.ReasonReplaced},
	{Name: "a key in the place of one that has a successor, in a FastAPI host", Dialect: fastAPI, Given: []Step{Login, key, replaceKey}, Request: asJSON("POST /rotate/{key id}", "{}", Bearer), Status: 409, Reason: wire.ReasonReplaced},
	{Name: "an API key from a network that it may not come from", Given: []Step{networkKey}, Request: Form("POST /token", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:sallyport:token-type:api-key&subject_token={key}"), Status: 400, Reason: wire.ReasonKey},
	{Name: "the end of a key", Given: []Step{Login, key}, Request: Bare("DELETE /keys/{key id}", Bearer), Status: 204},
	{Name: "the end of no key", Given: []Step{Login}, Request: Bare("DELETE /keys/x", Bearer), Status: 404, Reason: wire.ReasonNotFound},

	// Logout.
	{Name: "a logout by refresh token", Given: []Step{Login}, Request: Form("POST /logout", "refresh_token={refresh}"), Status: 204},
	{Name: "a logout by access token", Given: []Step{Login}, Request: Bare("POST /logout", Bearer), Status: 204},
	{Name: "a second logout", Given: []Step{Login, logout}, Request: Form("POST /logout", "refresh_token={refresh}"), Status: 204},
	{Name: "a logout of nothing that was ever there", Request: Form("POST /logout", "refresh_token=sp_rt_x"), Status: 204},
	{Name: "a logout without a token", Request: Bare("POST /logout"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "a logout with an expired access token", Given: []Step{Login, later(2 * time.Hour)}, Request: Bare("POST /logout", Bearer), Status: 401, Reason: wire.ReasonExpired},
	{Name: "a logout while the store fails", Given: []Step{Login, StoreFails}, Request: Form("POST /logout", "refresh_token={refresh}"), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "a logout by GET", Request: Bare("GET /logout"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "a logout everywhere", Given: []Step{Login}, Request: Bare("POST /everywhere", Bearer), Status: 204},
	{Name: "a logout everywhere without a token", Request: Bare("POST /everywhere"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "a logout everywhere with a long body", Given: []Step{Login}, Request: Form("POST /everywhere", tooLong, Bearer), Status: 413, Reason: wire.ReasonTooLarge},
	{Name: "a logout everywhere while the store fails", Given: []Step{Login, StoreFails}, Request: Bare("POST /everywhere", Bearer), Status: 503, Reason: wire.ReasonUnavailable},

	// Bearer and OptionalBearer.
	{Name: "a bearer is let through", Given: []Step{Login}, Request: Bare("GET /bearer", Bearer), Status: 200},
	{Name: "a bearer is let through by HEAD", Given: []Step{Login}, Request: Bare("HEAD /bearer", Bearer), Status: 200},
	{Name: "a bearer posts a form", Given: []Step{Login}, Request: Form("POST /bearer", "a=b", Bearer), Status: 200},
	{Name: "the scheme in capitals", Given: []Step{Login}, Request: Bare("GET /bearer", "Authorization: BEARER {access}"), Status: 200},
	{Name: "a bearer needs no store", Given: []Step{Login, StoreFails}, Request: Bare("GET /bearer", Bearer), Status: 200},
	{Name: "no bearer", Request: Bare("GET /bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "no bearer by HEAD", Request: Bare("HEAD /bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "no bearer by DELETE", Request: Bare("DELETE /bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "an empty bearer", Request: Bare("GET /bearer", "Authorization: Bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "another scheme", Request: Bare("GET /bearer", "Authorization: Basic YXBwOg=="), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "a token in the URL is none", Given: []Step{Login}, Request: Bare("GET /bearer?access_token={access}"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "a bearer of two words", Given: []Step{Login}, Request: Bare("GET /bearer", Bearer+" {access}"), Status: 401, Reason: wire.ReasonBearerForm},
	{Name: "a bearer that is none", Request: Bare("GET /bearer", "Authorization: Bearer x.y.z"), Status: 401, Reason: wire.ReasonBearer},
	{Name: "a refresh token is no bearer", Given: []Step{Login}, Request: Bare("GET /bearer", "Authorization: Bearer {refresh}"), Status: 401, Reason: wire.ReasonBearer},
	{Name: "an expired bearer", Given: []Step{Login, later(time.Hour)}, Request: Bare("GET /bearer", Bearer), Status: 401, Reason: wire.ReasonExpired},
	{Name: "two bearers", Given: []Step{Login}, Request: Bare("GET /bearer", Bearer, Bearer), Status: 400, Reason: wire.ReasonTwoBearers},
	{Name: "anybody may come in", Request: Bare("GET /open"), Status: 200},
	{Name: "a caller with a token is authenticated where a token is optional", Given: []Step{Login}, Request: Bare("GET /open", Bearer), Status: 200},
	{Name: "a caller with an invalid token is refused where a token is optional", Request: Bare("GET /open", "Authorization: Bearer x.y.z"), Status: 401, Reason: wire.ReasonBearer},
	{Name: "a caller with an empty bearer is refused where a token is optional", Request: Bare("GET /open", "Authorization: Bearer "), Status: 401, Reason: wire.ReasonNoBearer},

	// BruteForce.
	{Name: "too many failed logins", Config: oneFailedLogin, Given: []Step{failedLogin}, Request: Form("POST /login", AlicesLogin), Status: 429, Reason: wire.ReasonThrottled},
	{Name: "too many failed logins, at the token endpoint", Config: oneFailedLogin, Given: []Step{failedLogin}, Request: Form("POST /token", "grant_type=password&"+AlicesLogin), Status: 429, Reason: wire.ReasonThrottled},
	{Name: "Lexik: too many failed logins", Dialect: lexik, Config: oneFailedLogin, Given: []Step{failedLogin}, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 429, Reason: wire.ReasonThrottled},
	{Name: "FastAPI: too many failed logins", Dialect: fastAPI, Config: oneFailedLogin, Given: []Step{failedLogin}, Request: Form("POST /login", AlicesLogin), Status: 429, Reason: wire.ReasonThrottled},
	{Name: "a login from nowhere", From: "@", Request: Form("POST /login", AlicesLogin), Status: 400, Reason: wire.ReasonMalformed},

	// Limits.
	{Name: "an account spends", Given: []Step{Login}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "an account spends the last that it has", Given: []Step{Login, Spend(3)}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "an account has spent all", Given: []Step{Login, Spend(4), later(20 * time.Minute)}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "an account has spent all, by HEAD", Given: []Step{Login, Spend(4)}, Request: Bare("HEAD /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "an account has a new window", Given: []Step{Login, Spend(4), later(time.Hour), Login}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "a user without an account has one of their own", Given: []Step{Login, Spend(4), LoginAs("bob")}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "a plan that has nothing to spend", Given: []Step{LoginAs("dave")}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a plan that is in no table", Given: []Step{LoginAs("carol")}, Request: Bare("GET /protected", Bearer), Status: 500, Reason: wire.ReasonInternal},
	{Name: "a host that knows the plan better", Config: tierOf("premium", 1, nil), Given: []Step{Login}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "TierOf returns an error", Config: tierOf("", 0, errDriver), Given: []Step{Login}, Request: Bare("GET /protected", Bearer), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "the limit stands behind the bearer", Given: []Step{spendFrom("192.0.2.1:9", 2)}, Request: Bare("GET /protected"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "an address spends", Request: Bare("GET /limited"), Status: 200},
	{Name: "an address has spent all", Given: []Step{spendFrom("192.0.2.1:9", 2)}, Request: Bare("GET /limited"), Status: 429, Reason: wire.ReasonLimited},
	{Name: "an address that has sent no requests yet", Given: []Step{spendFrom("192.0.2.1:9", 2)}, From: "192.0.2.2:1", Request: Bare("GET /limited"), Status: 200},
	{Name: "a neighbour in the /64 has spent all", Given: []Step{spendFrom("[2001:db8::1]:9", 2)}, From: "[2001:db8::2]:1", Request: Bare("GET /limited"), Status: 429, Reason: wire.ReasonLimited},
	{Name: "an anonymous caller has spent all", Given: []Step{spendFrom("192.0.2.1:9", 2)}, Request: Bare("POST /open"), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a forged address changes nothing", Given: []Step{spendFrom("192.0.2.1:9", 2)}, Request: Bare("GET /limited", "X-Forwarded-For: 198.51.100.1", "X-Real-IP: 198.51.100.2"), Status: 429, Reason: wire.ReasonLimited},
	{Name: "no address", From: "@", Request: Bare("GET /limited"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "no tier for anonymous callers", Config: noAnonymous, Request: Bare("GET /limited"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "the counters fail", Given: []Step{Login, countersFail}, Request: Bare("GET /protected", Bearer), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "the counters fail, and the host fails open", Config: failOpen, Given: []Step{Login, countersFail}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "an account spends under several policies", Config: policies, Given: []Step{Login}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "a second is full", Config: policies, Given: []Step{Login, Spend(2)}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a second has passed", Config: policies, Given: []Step{Login, Spend(2), later(time.Second)}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "the older draft", Config: olderHeaders, Given: []Step{Login}, Request: Bare("GET /protected", Bearer), Status: 200},
	{Name: "no headers", Config: noHeaders, Given: []Step{Login, Spend(4)}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a preflight", Given: []Step{spendFrom("192.0.2.1:9", 2)}, Request: Bare("OPTIONS /limited", "Origin: https://a.example", "Access-Control-Request-Method: GET"), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a route with a rule of its own", Given: []Step{Login}, Request: Bare("GET /search", Bearer), Status: 200},
	{Name: "a route that is dearer than what is left", Given: []Step{Login, Spend(3)}, Request: Bare("GET /search", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "a route that fails closed where the host fails open", Config: failOpen, Given: []Step{Login, countersFail}, Request: Bare("GET /search", Bearer), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "one's own quota", Config: policies, Given: []Step{Login, Spend(1)}, Request: Bare("GET /quota", Bearer), Status: 200},
	{Name: "one's own quota, when all is spent", Given: []Step{Login, Spend(4)}, Request: Bare("GET /quota", Bearer), Status: 200},
	{Name: "the quota of an unauthenticated caller", Request: Bare("GET /quota"), Status: 200},
	{Name: "a quota that the counters cannot tell", Config: failOpen, Given: []Step{Login, countersFail}, Request: Bare("GET /quota", Bearer), Status: 503, Reason: wire.ReasonUnavailable},

	// Scopes.
	{Name: "all the scopes", Given: []Step{Login}, Request: Bare("GET /write", Bearer), Status: 200},
	{Name: "one scope of two", Given: []Step{Login}, Request: Bare("GET /admin", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "a scope that was not asked for", Given: []Step{loginFor("read")}, Request: Bare("PUT /write", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "one scope of two, by HEAD", Given: []Step{Login}, Request: Bare("HEAD /admin", Bearer), Status: 403, Reason: wire.ReasonForbidden},
	{Name: "scopes with no bearer in front of them", Given: []Step{Login}, Request: Bare("GET /noscope", Bearer), Status: 500, Reason: wire.ReasonInternal},
	{Name: "scopes with neither a bearer in front of them nor a token", Request: Bare("GET /noscope"), Status: 401, Reason: wire.ReasonNoBearer},

	// Second factors, and users whom the host has authenticated.
	{Name: "a login that needs a second factor", Config: twoFactors, Request: Form("POST /login", AlicesLogin), Status: 400, Reason: wire.ReasonFactor},
	{Name: "a login that needs a second factor, in Lexik", Dialect: lexik, Config: twoFactors, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 401, Reason: wire.ReasonFactor},
	{Name: "a login that needs a second factor, in FastAPI", Dialect: fastAPI, Config: twoFactors, Request: Form("POST /login", AlicesLogin), Status: 400, Reason: wire.ReasonFactor},
	{Name: "a second factor", Config: twoFactors, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=123456&method=otp"), Status: 200},
	{Name: "a second factor, in Lexik", Dialect: lexikRefresh, Config: twoFactors, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=123456"), Status: 200},
	{Name: "a second factor, in FastAPI", Dialect: fastAPI, Config: twoFactors, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=123456"), Status: 200},
	{Name: "a second factor, in cookies", Config: twoFactorsInCookies, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=123456"), Status: 204},
	{Name: "a wrong second factor", Config: twoFactors, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=1"), Status: 400, Reason: wire.ReasonWrongFactor},
	{Name: "a wrong second factor, in Lexik", Dialect: lexik, Config: twoFactors, Given: []Step{firstStep}, Request: Form("POST /complete", "step_token={step}&code=1"), Status: 401, Reason: wire.ReasonWrongFactor},
	{Name: "a second factor with no step before it", Config: twoFactors, Request: Form("POST /complete", "step_token=made-up&code=123456"), Status: 400, Reason: wire.ReasonStep},
	{Name: "no second factor, in FastAPI", Dialect: fastAPI, Config: twoFactors, Request: Form("POST /complete", "grant_type=password"), Status: 422, Reason: wire.ReasonMissing},
	{Name: "a second factor where the host checks none", Request: Form("POST /complete", "step_token=made-up&code=123456"), Status: 500, Reason: wire.ReasonInternal},
	{Name: "a user whom the host has authenticated", Request: Bare("GET /signin"), Status: 200},
	{Name: "a user whom the host has authenticated, in cookies", Config: inCookies, Request: Bare("GET /signin"), Status: 204},

	// Recent logins.
	{Name: "a login that is recent", Given: []Step{Login}, Request: Bare("GET /recent", Bearer), Status: 200},
	{Name: "a login that is recent, and not in a class that is required", Given: []Step{Login}, Request: Bare("GET /strong", Bearer), Status: 401, Reason: wire.ReasonNotRecent},

	// Cookies.
	{Name: "a login in cookies", Config: inCookies, Request: Form("POST /login", AlicesLogin), Status: 204},
	{Name: "a refresh by cookie", Config: inCookies, Given: []Step{Login}, Request: Bare("POST /refresh", "Cookie: __Secure-refresh_token={refresh}"), Status: 204},
	{Name: "a refresh by a spent cookie", Config: inCookies, Given: []Step{Login, Refresh}, Request: Bare("POST /refresh", "Cookie: __Secure-refresh_token={spent}", "Sec-Fetch-Site: same-origin"), Status: 400, Reason: wire.ReasonEnded},
	{Name: "a bearer by cookie", Config: inCookies, Given: []Step{Login}, Request: Bare("GET /bearer", accessCookie), Status: 200},
	{Name: "a bearer by two cookies", Config: inCookies, Given: []Step{Login}, Request: Bare("GET /bearer", accessCookie, accessCookie), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "another site's write", Config: inCookies, Given: []Step{Login}, Request: Bare("POST /bearer", accessCookie, "Sec-Fetch-Site: cross-site"), Status: 403, Reason: wire.ReasonCrossSite},
	{Name: "Lexik: another site's login", Config: inCookies, Dialect: lexik, Request: Form("POST /login", AlicesLogin, "Sec-Fetch-Site: cross-site"), Status: 403, Reason: wire.ReasonCrossSite},
	{Name: "FastAPI: another site's login", Config: inCookies, Dialect: fastAPI, Request: Form("POST /login", AlicesLogin, "Sec-Fetch-Site: cross-site"), Status: 403, Reason: wire.ReasonCrossSite},
	{Name: "a logout by cookie", Config: inCookies, Given: []Step{Login}, Request: Bare("POST /logout", "Cookie: __Secure-refresh_token={refresh}"), Status: 204},
	{Name: "a logout everywhere by cookie", Config: inCookies, Given: []Step{Login}, Request: Bare("POST /everywhere", accessCookie), Status: 204},
	{Name: "the end of the own session, by cookie", Config: inCookies, Given: []Step{Login}, Request: Bare("DELETE /sessions/{sid}", accessCookie), Status: 204},
	{Name: "the end of the other sessions, by cookie", Config: inCookies, Given: []Step{Login, Login}, Request: Bare("DELETE /others", accessCookie), Status: 204},
	{Name: "the revocation of the own refresh token, with cookies", Config: inCookies, Given: []Step{Login}, Request: Form("POST /revoke", "token={refresh}", accessCookie), Status: 200},
	{Name: "the revocation of the own refresh token, without cookies", Config: inCookies, Given: []Step{Login}, Request: Form("POST /revoke", "token={refresh}"), Status: 200},
	{Name: "the token endpoint has no cookies", Config: inCookies, Given: []Step{Login}, Request: Form("POST /token", "grant_type=refresh_token&refresh_token={refresh}"), Status: 200},

	// Lexik.
	{Name: "Lexik: a login by form", Dialect: lexik, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 200},
	{Name: "Lexik: a login by JSON", Dialect: lexik, Request: asJSON("POST /login", `{"_username":"alice","_password":"`+Password+`"}`), Status: 200},
	{Name: "Lexik: a login by JSON that calls itself text", Dialect: lexik, Request: Request{Line: "POST /login", Header: []string{plain}, Body: `{"_username":"alice","_password":"` + Password + `"}`}, Status: 200},
	{Name: "Lexik: a login by multipart", Dialect: lexik, Request: Request{Line: "POST /login", Header: []string{boundary}, Body: multipart}, Status: 200},
	{Name: "Lexik: a login with names of the host's", Dialect: lexikNames, Request: Form("POST /login", "email=alice&pass="+Password), Status: 200},
	{Name: "Lexik: a login that opens a session", Dialect: lexikRefresh, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 200},
	{Name: "Lexik: a wrong password", Dialect: lexik, Request: Form("POST /login", "_username=alice&_password=wrong"), Status: 401, Reason: wire.ReasonCredentials},
	{Name: "Lexik: no password", Dialect: lexik, Request: Form("POST /login", "_username=alice"), Status: 400, Reason: wire.ReasonMissing},
	{Name: "Lexik: JSON that is none", Dialect: lexik, Request: asJSON("POST /login", `{"_username":`), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "Lexik: a name twice", Dialect: lexik, Request: asJSON("POST /login", `{"_username":"a","_username":"b"}`), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "Lexik: a body that is too long", Dialect: lexik, Request: Form("POST /login", tooLong), Status: 413, Reason: wire.ReasonTooLarge},
	{Name: "Lexik: a login by GET", Dialect: lexik, Request: Bare("GET /login"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "Lexik: a login while the store fails", Dialect: lexik, Given: []Step{StoreFails}, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "Lexik: a login where the host's claims are impossible", Dialect: lexik, Config: badClaims, Request: Form("POST /login", "_username=alice&_password="+Password), Status: 500, Reason: wire.ReasonInternal},
	{Name: "Lexik: a refresh", Dialect: lexikRefresh, Given: []Step{Login}, Request: Form("POST /refresh", "refresh_token={refresh}"), Status: 200},
	{Name: "Lexik: a refresh by JSON", Dialect: lexikRefresh, Given: []Step{Login}, Request: asJSON("POST /refresh", `{"refresh_token":"{refresh}"}`), Status: 200},
	{Name: "Lexik: an API key is refreshed", Dialect: lexik, Given: []Step{key}, Request: Form("POST /refresh", "refresh_token={key}"), Status: 200},
	{Name: "Lexik: an API key that was revoked", Dialect: lexik, Given: []Step{key, revokeKey}, Request: Form("POST /refresh", "refresh_token={key}"), Status: 401, Reason: wire.ReasonKey},
	{Name: "Lexik: an API key that has expired", Dialect: lexik, Given: []Step{key, later(24 * time.Hour)}, Request: Form("POST /refresh", "refresh_token={key}"), Status: 401, Reason: wire.ReasonKey},
	{Name: "Lexik: an API key while the store fails", Dialect: lexik, Given: []Step{key, StoreFails}, Request: Form("POST /refresh", "refresh_token={key}"), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "Lexik: no refresh token", Dialect: lexik, Request: asJSON("POST /refresh", `{}`), Status: 401, Reason: wire.ReasonNoRefresh},
	{Name: "Lexik: a refresh token that is none", Dialect: lexik, Request: Form("POST /refresh", "refresh_token=x"), Status: 401, Reason: wire.ReasonRefresh},
	{Name: "Lexik: a spent refresh token", Dialect: lexikRefresh, Given: []Step{Login, Refresh}, Request: Form("POST /refresh", "refresh_token={spent}"), Status: 401, Reason: wire.ReasonEnded},
	{Name: "Lexik: a logout", Dialect: lexikRefresh, Given: []Step{Login}, Request: Form("POST /logout", "refresh_token={refresh}"), Status: 200},
	{Name: "Lexik: a second logout", Dialect: lexikRefresh, Given: []Step{Login, logout}, Request: Form("POST /logout", "refresh_token={refresh}"), Status: 200},
	{Name: "Lexik: a logout of nothing", Dialect: lexikRefresh, Request: Bare("POST /logout"), Status: 400, Reason: wire.ReasonNoRefresh},
	{Name: "Lexik: a logout everywhere", Dialect: lexik, Given: []Step{Login}, Request: Bare("POST /everywhere", Bearer), Status: 200},
	{Name: "Lexik: no bearer", Dialect: lexik, Request: Bare("GET /bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "Lexik: an empty bearer", Dialect: lexik, Request: Bare("POST /bearer", "Authorization: Bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "Lexik: a bearer of two words", Dialect: lexik, Request: Bare("GET /bearer", "Authorization: Bearer a b"), Status: 401, Reason: wire.ReasonBearerForm},
	{Name: "Lexik: a bearer that is none", Dialect: lexik, Request: Bare("GET /bearer", "Authorization: Bearer x.y.z"), Status: 401, Reason: wire.ReasonBearer},
	{Name: "Lexik: an expired bearer", Dialect: lexik, Given: []Step{Login, later(time.Hour)}, Request: Bare("GET /bearer", Bearer), Status: 401, Reason: wire.ReasonExpired},
	{Name: "Lexik: an expired bearer, by HEAD", Dialect: lexik, Given: []Step{Login, later(time.Hour)}, Request: Bare("HEAD /bearer", Bearer), Status: 401, Reason: wire.ReasonExpired},
	{Name: "Lexik: an account has spent all", Dialect: lexik, Given: []Step{Login, Spend(4)}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "Lexik: one scope of two", Dialect: lexik, Given: []Step{Login}, Request: Bare("GET /admin", Bearer), Status: 403, Reason: wire.ReasonForbidden},

	// FastAPI.
	{Name: "FastAPI: a login", Dialect: fastAPI, Request: Form("POST /login", "grant_type=password&"+AlicesLogin), Status: 200},
	{Name: "FastAPI: a wrong password", Dialect: fastAPI, Request: Form("POST /login", "username=alice&password=wrong"), Status: 400, Reason: wire.ReasonCredentials},
	{Name: "FastAPI: neither name nor password", Dialect: fastAPI, Request: Form("POST /login", "a=b"), Status: 422, Reason: wire.ReasonMissing},
	{Name: "FastAPI: another grant, with text that HTML would read", Dialect: fastAPI, Request: Form("POST /login", "grant_type=%3Cb%3E%26"), Status: 422, Reason: wire.ReasonGrantType},
	{Name: "FastAPI: JSON has none of the parameters", Dialect: fastAPI, Request: asJSON("POST /login", `{"username":"alice"}`), Status: 422, Reason: wire.ReasonMissing},
	{Name: "FastAPI: a form that is none", Dialect: fastAPI, Request: Form("POST /login", "username=%zz"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "FastAPI: a scope that the user has nothing of", Dialect: fastAPI, Request: Form("POST /login", "scope=admin&"+AlicesLogin), Status: 200},
	{Name: "FastAPI: a body that is too long", Dialect: fastAPI, Request: Form("POST /login", tooLong), Status: 413, Reason: wire.ReasonTooLarge},
	{Name: "FastAPI: a login by GET", Dialect: fastAPI, Request: Bare("GET /login"), Status: 405, Reason: wire.ReasonMethod},
	{Name: "FastAPI: a login while the store fails", Dialect: fastAPI, Given: []Step{StoreFails}, Request: Form("POST /login", AlicesLogin), Status: 503, Reason: wire.ReasonUnavailable},
	{Name: "FastAPI: a refresh", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("POST /refresh", "refresh-token: {refresh}"), Status: 200},
	{Name: "FastAPI: no refresh token", Dialect: fastAPI, Request: Bare("POST /refresh"), Status: 422, Reason: wire.ReasonNoRefresh},
	{Name: "FastAPI: two refresh tokens", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("POST /refresh", "refresh-token: {refresh}", "refresh-token: {refresh}"), Status: 400, Reason: wire.ReasonMalformed},
	{Name: "FastAPI: a spent refresh token", Dialect: fastAPI, Given: []Step{Login, Refresh}, Request: Bare("POST /refresh", "refresh-token: {spent}"), Status: 401, Reason: wire.ReasonEnded},
	{Name: "FastAPI: multipart (B1)", Dialect: fastAPI, Request: Request{Line: "POST /login", Header: []string{boundary}, Body: named(multipart, "username", "password")}, Status: 200},
	{Name: "OAuth2: multipart (B1)", Request: Request{Line: "POST /login", Header: []string{boundary}, Body: named(multipart, "username", "password")}, Status: 200},
	{Name: "FastAPI: JSON beside the refresh token (B3)", Dialect: fastAPI, Given: []Step{Login}, Request: asJSON("POST /refresh", "{}", "refresh-token: {refresh}"), Status: 200},
	{Name: "FastAPI: a scope that is none (B4)", Dialect: fastAPI, Request: Form("POST /login", "scope=a++%22&"+AlicesLogin), Status: 200},
	{Name: "FastAPI: a logout with an expired bearer and a refresh token (B4)", Dialect: fastAPI, Given: []Step{Login, later(2 * time.Hour)}, Request: Bare("POST /logout", Bearer, "refresh-token: {refresh}"), Status: 204},
	{Name: "postman-refresh: a refresh (B2)", Dialect: wire.PostmanRefresh{}, Given: []Step{Login}, Request: Form("POST /refresh", "grant_type=refresh_token&refresh_token={refresh}"), Status: 200},
	{Name: "postman-refresh: a token that is none (B2)", Dialect: wire.PostmanRefresh{}, Request: Form("POST /refresh", "grant_type=refresh_token&refresh_token=x"), Status: 400, Reason: wire.ReasonRefresh},
	{Name: "FastAPI: a logout", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("POST /logout", Bearer), Status: 204},
	{Name: "FastAPI: a logout without a token", Dialect: fastAPI, Request: Bare("POST /logout"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "FastAPI: a logout everywhere", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("POST /everywhere", Bearer), Status: 204},
	{Name: "FastAPI: no bearer", Dialect: fastAPI, Request: Bare("GET /bearer"), Status: 401, Reason: wire.ReasonNoBearer},
	{Name: "FastAPI: two bearers", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("GET /bearer", Bearer, Bearer), Status: 400, Reason: wire.ReasonTwoBearers},
	{Name: "FastAPI: an expired bearer", Dialect: fastAPI, Given: []Step{Login, later(time.Hour)}, Request: Bare("GET /bearer", Bearer), Status: 401, Reason: wire.ReasonExpired},
	{Name: "FastAPI: an account has spent all", Dialect: fastAPI, Given: []Step{Login, Spend(4)}, Request: Bare("GET /protected", Bearer), Status: 429, Reason: wire.ReasonLimited},
	{Name: "FastAPI: one scope of two", Dialect: fastAPI, Given: []Step{Login}, Request: Bare("GET /admin", Bearer), Status: 403, Reason: wire.ReasonForbidden},
}
