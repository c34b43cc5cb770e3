package middleware

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/internal/carry"
	"github.com/sallyport-go/sallyport/internal/requestcopy"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckBearer returns the principal of the request's access token (RFC 6750
// §2.1). It reads the token from the single Authorization header or, with
// Config.Cookies and without any such header, from the access cookie, and from no
// other place. It does not read the context.
//
// It returns a wire.Error if there is no token, more than one Authorization
// header, or a malformed one, and the errors of [tokens.Authority.Verify]. A request
// that it rejects is reported as events.BearerRefused.
func (a *Auth) CheckBearer(r *http.Request) (p tokens.Principal, err error) {
	p, err = a.bearer(r)
	a.verified(r, &p, err)
	return p, a.told(r, "Bearer", err)
}

// verified tells the host what was decided about the access token of a request.
func (a *Auth) verified(r *http.Request, p *tokens.Principal, err error) {
	if a.onVerified != nil {
		a.onVerified(r.Context(), *p, err)
	}
}

// bearer is CheckBearer without an event.
func (a *Auth) bearer(r *http.Request) (tokens.Principal, error) {
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
		// some clients send an empty Bearer to get a challenge
		return tokens.Principal{}, wire.NewError(wire.ReasonNoBearer, nil)
	case strings.IndexByte(token, ' ') >= 0:
		return tokens.Principal{}, wire.NewError(wire.ReasonBearerForm, nil)
	}
	return a.verifier.Verify(r.Context(), tokens.Secret(token))
}

// Bearer is a middleware that serves requests with a valid access token, with the
// principal in their context: see [tokens.PrincipalFrom]. It rejects all others,
// most of them with 401 and a challenge (RFC 6750 §3), and with 503 if the token
// cannot be verified now.
func (a *Auth) Bearer(next http.Handler) http.Handler {
	return a.identified(next, a.CheckBearer, false)
}

// CheckOptionalBearer is CheckBearer for routes that anonymous callers may use: a
// request without a token gets the zero Principal and no error. A request with an
// invalid token is rejected, and so is an Authorization: Bearer without a token.
func (a *Auth) CheckOptionalBearer(r *http.Request) (tokens.Principal, error) {
	p, err := a.bearer(r)
	if err != nil && wire.AsError(err).Reason == wire.ReasonNoBearer && !saysBearer(r) {
		a.verified(r, &tokens.Principal{}, nil)
		return tokens.Principal{}, nil
	}
	a.verified(r, &p, err)
	return p, a.told(r, "OptionalBearer", err)
}

func saysBearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// OptionalBearer is a middleware that serves requests with a valid access token
// as Bearer does, and requests without one as anonymous: no principal is in their
// context. It rejects requests with an invalid token.
func (a *Auth) OptionalBearer(next http.Handler) http.Handler {
	return a.identified(next, a.CheckOptionalBearer, true)
}

func (a *Auth) identified(next http.Handler, check func(*http.Request) (tokens.Principal, error), anonymous bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.AddVary(w.Header(), anonymous)
		p, err := check(r)
		if err != nil {
			a.refused(w, r, wire.RouteAPI, err)
			return
		}
		served := r
		if p.Subject != "" {
			served = withPrincipal(r, &p)
			defer requestcopy.Carry(r, served)
		}
		next.ServeHTTP(w, served)
	})
}

// WithPrincipal returns a shallow copy of a request, with the principal in its context
// as Bearer puts it there.
func WithPrincipal(r *http.Request, p tokens.Principal) *http.Request { return withPrincipal(r, &p) }

// withPrincipal is WithPrincipal without another copy of the principal.
func withPrincipal(r *http.Request, p *tokens.Principal) *http.Request {
	k := &struct { // one piece of memory
		context carry.Context[tokens.Principal]
		request http.Request
	}{context: carry.Context[tokens.Principal]{Context: r.Context(), Carried: *p}}
	k.request = *r.WithContext(&k.context)
	return &k.request
}

// CheckScope returns nil if the request's principal has all the scopes. It must
// run behind Bearer or Protect. Without a principal in the context it returns
// ReasonNoBearer or, if the request has a valid access token, ReasonInternal and
// reports a Fault: then neither is mounted in front. Without one of the scopes it
// returns ReasonForbidden, which is reported as events.AccessRefused.
func (a *Auth) CheckScope(r *http.Request, scopes ...string) error {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		if !a.mayBeAnonymous(r) {
			return a.unworkable(r, errNoPrincipal)
		}
		return a.told(r, "RequireScope", wire.NewError(wire.ReasonNoBearer, nil))
	}
	for _, name := range scopes {
		if !p.HasScope(name) {
			e := wire.NewError(wire.ReasonForbidden, nil)
			e.Scope = strings.Join(scopes, " ")
			return a.told(r, "RequireScope", e)
		}
	}
	return nil
}

var errNoPrincipal = errors.New("middleware: RequireScope found an access token and no principal: mount Bearer or Protect in front of it")

// mayBeAnonymous reports whether a request without a principal has no access token
// either, as behind OptionalBearer.
func (a *Auth) mayBeAnonymous(r *http.Request) bool {
	_, err := a.bearer(r)
	return err != nil
}

// RequireScope returns a middleware that serves requests whose principal has all
// the scopes. It rejects others with 403 (RFC 6750 §3.1), and with 401 if there
// is no access token. Mount it behind Bearer or Protect: without either, requests with
// a valid access token get 500.
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
