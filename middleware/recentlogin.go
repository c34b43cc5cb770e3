package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

var (
	errNotBehindBearer = errors.New("middleware: RequireRecentLogin found an access token and no principal: mount Bearer or Protect in front of it")
	errRecentLogin     = errors.New("middleware: RequireRecentLogin: maxAge must be whole seconds, at least 1s, or 0 if classes are given; each class must be one word of printable ASCII without quotes and backslashes")
)

// CheckRecentLogin returns nil if the user of the request's principal was
// authenticated at most maxAge ago and, if classes are given, in one of these
// authentication context classes ("acr": see the ContextClass of tokens.Config). It
// must run behind Bearer or Protect: without a principal in the context it returns
// ReasonNoBearer or, for a request with a valid access token, ReasonInternal and reports
// a Fault.
//
// maxAge is whole seconds, at least 1 s; with classes it may be 0, which means at any
// time. Otherwise it returns ReasonInternal, and reports a fault.
//
// It returns ReasonNotRecent if the user has to log in again, and for an access token
// that does not say when its user was authenticated: that of an API key, and that of
// somebody who acts for the user.
func (a *Auth) CheckRecentLogin(r *http.Request, maxAge time.Duration, classes ...string) error {
	if !isRequirement(maxAge, classes) {
		return a.unworkable(r, errRecentLogin)
	}
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		if !a.mayBeAnonymous(r) {
			return a.unworkable(r, errNotBehindBearer)
		}
		return a.told(r, "RequireRecentLogin", wire.NewError(wire.ReasonNoBearer, nil))
	}
	recent := !p.AuthenticatedAt.IsZero() && (maxAge == 0 || a.now().Sub(p.AuthenticatedAt) <= maxAge)
	if recent && (len(classes) == 0 || slices.Contains(classes, p.ContextClass)) {
		return nil
	}
	e := wire.NewError(wire.ReasonNotRecent, nil)
	e.MaxAge, e.ContextClasses = maxAge, strings.Join(classes, " ")
	return a.told(r, "RequireRecentLogin", e)
}

// isRequirement reports whether CheckRecentLogin can require this.
func isRequirement(maxAge time.Duration, classes []string) bool {
	if maxAge < 0 || maxAge%time.Second != 0 || maxAge == 0 && len(classes) == 0 {
		return false
	}
	return !slices.ContainsFunc(classes, func(class string) bool {
		return class == "" || !fieldvalue.IsQuotable(class) || strings.Contains(class, " ")
	})
}

// RequireRecentLogin returns a middleware for routes that need more than a valid
// access token, such as those that change the password: see CheckRecentLogin. It
// rejects the request of a user who has to log in again with 401 and the challenge of
// RFC 9470 (error="insufficient_user_authentication", max_age, acr_values). The client
// then logs the user in again and repeats the request: a refresh does not help. Mount
// it behind Bearer or Protect.
func (a *Auth) RequireRecentLogin(maxAge time.Duration, classes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := a.CheckRecentLogin(r, maxAge, classes...); err != nil {
				a.refused(w, r, wire.RouteAPI, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
