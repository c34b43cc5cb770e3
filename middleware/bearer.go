package middleware

import (
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckBearer returns the principal that the request's access token names. The
// token is read from the one Authorization header or, where there are
// Config.Cookies and no such header of any kind, from the access cookie; and
// nowhere else.
func (a *Auth) CheckBearer(r *http.Request) (tokens.Principal, error) {
	all := r.Header["Authorization"]
	if len(all) > 1 {
		return tokens.Principal{}, wire.NewError(wire.ReasonTwoBearers, nil)
	}
	if len(all) == 0 && a.cookies != nil {
		return a.cookieBearer(r)
	}
	if len(all) == 0 {
		return tokens.Principal{}, wire.NewError(wire.ReasonNoBearer, nil)
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"), token == "":
		// an empty Bearer is how some clients ask to be told to log in
		return tokens.Principal{}, wire.NewError(wire.ReasonNoBearer, nil)
	case strings.IndexByte(token, ' ') >= 0:
		return tokens.Principal{}, wire.NewError(wire.ReasonBearerForm, nil)
	}
	return a.verifier.Verify(r.Context(), tokens.Secret(token))
}

// Bearer lets requests with a valid access token through, with the principal in
// their context: see [tokens.PrincipalFrom].
func (a *Auth) Bearer(next http.Handler) http.Handler {
	return a.identified(next, a.CheckBearer)
}

// CheckOptionalBearer is CheckBearer for routes that anonymous callers may use: a
// request that bears no token has the zero Principal. One that bears a bad
// token, or an Authorization: Bearer with nothing behind it, is refused.
func (a *Auth) CheckOptionalBearer(r *http.Request) (tokens.Principal, error) {
	p, err := a.CheckBearer(r)
	if err != nil && wire.AsError(err).Reason == wire.ReasonNoBearer && !saysBearer(r) {
		return tokens.Principal{}, nil
	}
	return p, err
}

func saysBearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// OptionalBearer lets requests with a valid access token through as Bearer does, and
// those with none as anonymous: no principal is in their context.
func (a *Auth) OptionalBearer(next http.Handler) http.Handler {
	return a.identified(next, a.CheckOptionalBearer)
}

func (a *Auth) identified(next http.Handler, check func(*http.Request) (tokens.Principal, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := check(r)
		if err != nil {
			a.refused(w, r, wire.RouteAPI, err)
			return
		}
		if p.Subject != "" {
			r = r.WithContext(tokens.WithPrincipal(r.Context(), p))
		}
		next.ServeHTTP(w, r)
	})
}

// CheckScope returns nil if the request's principal has all the scopes. Without
// a principal in the context the caller is told to log in.
func (a *Auth) CheckScope(r *http.Request, scopes ...string) error {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		return wire.NewError(wire.ReasonNoBearer, nil)
	}
	for _, name := range scopes {
		if !p.HasScope(name) {
			e := wire.NewError(wire.ReasonForbidden, nil)
			e.Scope = strings.Join(scopes, " ")
			return e
		}
	}
	return nil
}

// RequireScope lets requests through whose principal has all the scopes. It
// stands behind Bearer or Protect.
func (a *Auth) RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := a.CheckScope(r, scopes...); err != nil {
				a.refused(w, r, wire.RouteAPI, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
