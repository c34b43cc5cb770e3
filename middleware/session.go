package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// SessionList is a page of the active sessions of one user.
type SessionList struct {
	// Sessions are the sessions, the newest first.
	Sessions []tokens.OpenSession

	// Next is the parameter after of the page behind this one. Empty: this is the
	// last.
	Next string

	// Current is the ID of the session of the request's access token.
	Current string
}

// signedIn returns the principal of a request with one of these methods: the one
// that Bearer or Protect put into its context, or else that of its access token.
// A token that may not manage its user's account is rejected.
func (a *Auth) signedIn(r *http.Request, methods ...string) (tokens.Principal, error) {
	if a.tokens == nil {
		return tokens.Principal{}, a.unworkable(r, errNoTokens)
	}
	if !slices.Contains(methods, r.Method) {
		e := wire.NewError(wire.ReasonMethod, nil)
		e.Allow = strings.Join(methods, ", ")
		e.Description = "Use " + e.Allow
		return tokens.Principal{}, e
	}
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		var err error
		if p, err = a.bearer(r); err != nil {
			return tokens.Principal{}, err
		}
	}
	return p, a.mayManage(p)
}

var errForeign = errors.New("the access token is another issuer's")

var errRestricted = errors.New("the access token is an API key's, or has not all the scopes of its user, or is of no user")

// mayManage rejects a principal that may not manage its user's sessions and keys, or
// that is no user:
// a token with few scopes must not be enough to create one with more, or to log
// its user out. Nor may another issuer, whatever scopes it grants.
func (a *Auth) mayManage(p tokens.Principal) error {
	if p.Issuer != "" && a.tokens != nil && p.Issuer != a.tokens.Issuer() {
		return wire.NewError(wire.ReasonForbidden, errForeign)
	}
	if p.Kind() == store.OwnerUser && (a.accountScope == "" && !p.Restricted || p.HasScope(a.accountScope)) {
		return nil
	}
	e := wire.NewError(wire.ReasonForbidden, errRestricted)
	e.Scope = a.accountScope
	return e
}

// CheckSessions returns a page of the sessions of the user who is signed in: the user of
// the principal in the request's context, or else of its access token. The method
// must be GET or HEAD. The access token must satisfy Config.AccountScope.
//
// The parameters limit and after of the URL select the page: limit is its maximum
// length, from 1 to 1000 and 100 by default, and after is the Next of the page
// before. A parameter that is invalid, or that is there twice, is ReasonMalformed.
func (a *Auth) CheckSessions(r *http.Request) (SessionList, error) {
	list, err := a.checkSessions(r)
	return list, a.told(r, "Sessions", err)
}

func (a *Auth) checkSessions(r *http.Request) (SessionList, error) {
	p, err := a.signedIn(r, http.MethodGet, http.MethodHead)
	if err != nil {
		return SessionList{}, err
	}
	page, err := pageOf(r)
	if err != nil {
		return SessionList{}, err
	}
	all, next, err := a.tokens.Sessions(a.located(r), p.Subject, page)
	return SessionList{Sessions: all, Next: next, Current: p.SessionID}, err
}

// Sessions is a handler that writes the sessions of CheckSessions as JSON: each
// with an ID that is not secret, and with the label, the client and the times
// that tell the user which it is.
func (a *Auth) Sessions(w http.ResponseWriter, r *http.Request) {
	list, err := a.CheckSessions(r)
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.SessionsListed(list).Write(w)
}

// CheckEndSession ends the session with this ID of the user who is signed in. If
// id is empty, the ID is taken from the path, as EndSession describes. The method
// must be DELETE. The access token must satisfy Config.AccountScope. When it
// returns nil, the logout is committed. It completes even if the client
// disconnects. A user without such a session gets ReasonNotFound.
//
// own reports whether that was the caller's own session: with Config.Cookies that of
// one of the request's cookies, which the response then clears, and otherwise that of
// the access token.
func (a *Auth) CheckEndSession(r *http.Request, id string) (own bool, err error) {
	own, err = a.checkEndSession(r, id)
	return own, a.told(r, "EndSession", err)
}

func (a *Auth) checkEndSession(r *http.Request, id string) (own bool, err error) {
	r = undisturbed(r)
	p, err := a.signedIn(r, http.MethodDelete)
	if err != nil {
		return false, err
	}
	id = pathID(r, id)
	if err := found(a.tokens.EndSession(a.located(r), p.Subject, id)); err != nil {
		return false, err
	}
	if a.cookies == nil {
		return id == p.SessionID, nil
	}
	return a.hasCookiesOf(r, id), nil
}

// EndSession is a handler that ends the session of CheckEndSession, and writes
// 204. Its ID is the wildcard {id} of the path. If the router sets no
// r.PathValue, as gin and fiber do not, it is the last segment of the path. If it
// is another segment there, call r.SetPathValue first.
func (a *Auth) EndSession(w http.ResponseWriter, r *http.Request) {
	own, err := a.CheckEndSession(r, "")
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.SessionEnded(own).Write(w)
}

// SessionEnded returns the response to the end of a session: 204. If own is true,
// it clears the cookies of Config.Cookies.
func (a *Auth) SessionEnded(own bool) wire.Answer { return a.forgetting(a.Done(), own) }

// CheckEndOtherSessions ends all sessions of the user who is signed in, except
// that of the request's access token. LogoutEverywhere ends that one too. The
// method must be DELETE. The access token must satisfy Config.AccountScope. It
// completes even if the client disconnects.
func (a *Auth) CheckEndOtherSessions(r *http.Request) error {
	r = undisturbed(r)
	p, err := a.signedIn(r, http.MethodDelete)
	if err == nil {
		err = a.tokens.EndOtherSessions(a.located(r), p)
	}
	return a.told(r, "EndOtherSessions", err)
}

// EndOtherSessions is a handler that ends the sessions of CheckEndOtherSessions,
// and writes 204.
func (a *Auth) EndOtherSessions(w http.ResponseWriter, r *http.Request) {
	a.done(w, r, a.CheckEndOtherSessions(r))
}

// found returns ReasonNotFound for what does not exist.
func found(ok bool, err error) error {
	if err == nil && !ok {
		return wire.NewError(wire.ReasonNotFound, nil)
	}
	return err
}

func (a *Auth) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		a.refused(w, r, wire.RouteAPI, err)
		return
	}
	a.Done().Write(w)
}

// Done returns the response to a success without content: 204.
func (a *Auth) Done() wire.Answer { return a.varying(wire.Empty(http.StatusNoContent)) }

type sessionJSON struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Label      string    `json:"label"`
	ClientID   string    `json:"client_id,omitempty"`
	Scope      string    `json:"scope,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`

	Actor *actorJSON `json:"act,omitempty"` // who acts for the user
}

// SessionsListed returns the response with sessions, in their order.
func (a *Auth) SessionsListed(list SessionList) wire.Answer {
	body := struct {
		Sessions []sessionJSON `json:"sessions"`
		Next     string        `json:"next,omitempty"`
	}{[]sessionJSON{}, list.Next}
	for _, s := range list.Sessions {
		body.Sessions = append(body.Sessions, sessionJSON{
			ID: s.ID, Current: s.ID == list.Current, Label: s.Label, ClientID: s.ClientID,
			Scope:     strings.Join(s.Scopes, " "),
			CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt, Actor: actorOf(s.Actor),
		})
	}
	return a.varying(wire.JSON(http.StatusOK, body))
}
