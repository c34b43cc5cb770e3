package middleware

import (
	"cmp"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// Cookies keep the tokens of browsers in cookies that scripts cannot read.
//
// Login and Refresh answer 204 with two cookies and no token in the body. Refresh
// and Logout read the refresh cookie. Bearer, OptionalBearer and Protect read the
// access cookie of requests without an Authorization header. The Token endpoint
// does not use cookies; see also [Auth.WithoutCookies].
//
// Each handler that ends the caller's own session clears both cookies: Logout,
// LogoutEverywhere, EndSession and Revoke (see [Auth.ClearCookies] for the host's
// own handlers). So does a refresh whose cookie has an invalid token. If the
// token of the access cookie is revoked or not genuine, its rejection clears that
// cookie: on routes that allow anonymous callers the browser becomes anonymous.
//
// The cookies are Secure, HttpOnly and SameSite, and are sent to one host only.
// They expire with their token, unless Remember is set. Each request that a
// cookie authenticates, and each login, refresh and logout, is checked by
// [http.CrossOriginProtection] first: unsafe methods, and upgrades to WebSocket,
// from pages of other origins get 403. Set RetryGrace in the Authority's Config,
// because the tabs of one browser refresh concurrently.
type Cookies struct {
	// RefreshPath is required, unless there is only a Verifier: the path below which
	// Refresh and Logout are mounted, for example "/auth". Browsers send the refresh
	// cookie only there, and its name begins with __Secure-. With "/" they send it
	// with every request, and its name begins with __Host-, so that other hosts of
	// the same domain cannot set it. At most 1024 characters, without a slash at the
	// end.
	RefreshPath string

	// Access and Refresh name the cookies, without the prefix: 1 to 64 letters,
	// digits, "_" and "-", without "__" at the beginning. They must differ. The
	// access cookie's name begins with __Host-. Empty: "access_token" and
	// "refresh_token".
	Access, Refresh string

	// SameSite is http.SameSiteStrictMode or http.SameSiteLaxMode. With the latter a
	// browser also sends the access cookie when a user follows a link from another
	// site. Zero: strict.
	SameSite http.SameSite

	// TrustedOrigins are the other origins whose pages may make requests, for
	// example "https://app.example.com". They do not configure CORS, which decides
	// whether the scripts of these pages may read the responses. Empty: only pages
	// of the same origin may.
	TrustedOrigins []string

	// InsecureCrossSite makes browsers send the cookies with requests from pages of
	// any site (SameSite=None), for a web page on another site than the API. It is
	// insecure because pages of any site can then send authenticated GET requests,
	// and only CrossOriginProtection rejects the others. It requires TrustedOrigins,
	// and SameSite must be zero. False: the cookies are sent as SameSite says.
	InsecureCrossSite bool

	// Partitioned makes browsers keep the cookies separately for each site in whose
	// pages they are set (CHIPS). Browsers that block third-party cookies, as
	// Chromium can, send those of InsecureCrossSite only with it. It requires
	// InsecureCrossSite. False: the cookies are not partitioned.
	Partitioned bool

	// Remember names the parameter of a login with which users choose to stay logged
	// in, for example "remember_me": its value is "1", "true", "on" or "yes", or
	// true in JSON. The cookies of other logins have no Max-Age, so that the browser
	// deletes them when it is closed, also after refreshes. The session itself lasts
	// as long as any other. At most 64 bytes of printable ASCII. Empty: all cookies
	// last as long as their tokens.
	Remember string

	// ReplaceSession makes a login end the session whose refresh cookie is sent with
	// it, so that a browser has one session. Login must be mounted below
	// RefreshPath, because browsers send the refresh cookie only there. A cookie
	// whose token is invalid is ignored. False: the earlier session lasts until it
	// expires.
	ReplaceSession bool

	// MaxHeader is the size, in bytes, up to which the header of a response to a
	// login or a refresh is expected to reach the browser: 1024 to 65536. A larger
	// one is sent, and reported as an events.Fault, because a proxy may answer 502
	// instead. 512 bytes are counted for the headers of others. Zero: 4096, which is
	// the default of nginx (proxy_buffer_size).
	MaxHeader int
}

// maxCookie is the maximum length of a Set-Cookie with its attributes: every
// browser accepts 4096 bytes.
const maxCookie = 4096

// cookies are compiled Cookies.
type cookies struct {
	access, refresh http.Cookie // without a value
	maxAccess       int         // maximum length of an access token in its cookie, in bytes
	origins         *http.CrossOriginProtection
	remember        string
	replaces        bool
	maxHeader       int
}

// compiled is nil where cookies are off.
func (c *Cookies) compiled(refreshes bool, complain complaint) *cookies {
	if c == nil {
		return nil
	}
	k := &cookies{
		origins: http.NewCrossOriginProtection(), remember: c.Remember, replaces: c.ReplaceSession, maxHeader: cmp.Or(c.MaxHeader, defaultMaxHeader),
	}
	c.checkChoices(complain)
	access, refresh := cmp.Or(c.Access, "access_token"), cmp.Or(c.Refresh, "refresh_token")
	for _, name := range []struct{ field, value string }{{"Access", access}, {"Refresh", refresh}} {
		if !isCookieName(name.value) {
			complain("Cookies."+name.field, "must be 1 to 64 letters, digits, \"_\" and \"-\", without \"__\" at the beginning, got %q", name.value)
		}
	}
	if access == refresh {
		complain("Cookies.Refresh", "must differ from Access, got %q", refresh)
	}
	where := c.RefreshPath
	switch {
	case where == "" && refreshes:
		complain("Cookies.RefreshPath", "is required: the path below which Refresh and Logout are mounted")
	case where != "" && !isCookiePath(where):
		complain("Cookies.RefreshPath", "must be a path such as \"/auth\", without \";\" and without \"/\" at its end, got %q", where)
	}
	mode := c.sameSite(complain)
	for i, origin := range c.TrustedOrigins {
		if err := k.origins.AddTrustedOrigin(origin); err != nil {
			complain("Cookies.TrustedOrigins["+strconv.Itoa(i)+"]", "must be a scheme and a host, got %q", origin)
		}
	}
	k.access = http.Cookie{Name: "__Host-" + access, Path: "/", Secure: true, HttpOnly: true, SameSite: mode, Partitioned: c.Partitioned}       //nolint:gosec // mode is one of the three
	k.refresh = http.Cookie{Name: "__Secure-" + refresh, Path: where, Secure: true, HttpOnly: true, SameSite: mode, Partitioned: c.Partitioned} //nolint:gosec // mode is one of the three
	if where == "/" {
		k.refresh.Name = "__Host-" + refresh //nolint:gosec // as above
	}
	k.maxAccess = maxCookie - len(setCookie(k.access, "", time.Duration(1<<63-1)))
	return k
}

// checkChoices checks the optional fields.
func (c *Cookies) checkChoices(complain complaint) {
	if c.Partitioned && !c.InsecureCrossSite {
		complain("Cookies.Partitioned", "must be false unless InsecureCrossSite is set")
	}
	if len(c.Remember) > 64 || !fieldvalue.IsQuotable(c.Remember) {
		complain("Cookies.Remember", "must be 64 bytes or less of printable ASCII without quotes and backslashes, got %q", c.Remember)
	}
	if c.MaxHeader != 0 && (c.MaxHeader < 1<<10 || c.MaxHeader > 1<<16) {
		complain("Cookies.MaxHeader", "must be 1024 to 65536, got %d", c.MaxHeader)
	}
}

func (c *Cookies) sameSite(complain complaint) http.SameSite {
	switch {
	case c.InsecureCrossSite && c.SameSite != 0:
		complain("Cookies.SameSite", "must be zero if InsecureCrossSite is set")
	case c.InsecureCrossSite && len(c.TrustedOrigins) == 0:
		complain("Cookies.TrustedOrigins", "is required with InsecureCrossSite")
	case c.InsecureCrossSite:
		return http.SameSiteNoneMode
	case c.SameSite != 0 && c.SameSite != http.SameSiteStrictMode && c.SameSite != http.SameSiteLaxMode:
		complain("Cookies.SameSite", "must be http.SameSiteStrictMode or http.SameSiteLaxMode, got %d", c.SameSite)
	case c.SameSite == http.SameSiteLaxMode:
		return http.SameSiteLaxMode
	}
	return http.SameSiteStrictMode
}

func isCookieName(s string) bool {
	for i := range len(s) {
		b := s[i]
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '_' && b != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64 && !strings.HasPrefix(s, "__")
}

func isCookiePath(s string) bool {
	return s[0] == '/' && path.Clean(s) == s && len(s) <= 1024 && fieldvalue.IsQuotable(s) && !strings.ContainsAny(s, "; ")
}
