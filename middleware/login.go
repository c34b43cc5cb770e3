package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogin reads a login in the Auth's dialect and lets the user in.
// Credentials in the URL are not read, and an Authorization: Bearer is of no
// concern here.
func (a *Auth) CheckLogin(r *http.Request) (tokens.Pair, error) {
	p, err := a.params(r, a.dialect.Accepts())
	if err != nil {
		return tokens.Pair{}, err
	}
	login, err := a.dialect.ReadLogin(p)
	if err != nil {
		return tokens.Pair{}, err
	}
	return a.login(r, login)
}

// login lets a user in, unless there were too many guesses.
func (a *Auth) login(r *http.Request, login tokens.LoginRequest) (tokens.Pair, error) {
	attempt, err := a.attemptLogin(r, login.Login)
	if err != nil {
		return tokens.Pair{}, err
	}
	p, err := a.tokens.Login(a.located(r), login)
	switch {
	case err == nil:
		attempt.won()
	case errors.Is(err, tokens.ErrBadCredentials), r.Context().Err() != nil:
		// a guess, or work done for somebody who did not wait for the answer
	default:
		attempt.void()
	}
	return p, err
}

// Login answers what CheckLogin decides.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckLogin(r)
	a.grant(w, RouteLogin, p, err)
}

func (a *Auth) grant(w http.ResponseWriter, route Route, p tokens.Pair, err error) {
	if err != nil {
		a.Refused(route, err).Write(w)
		return
	}
	a.Granted(p).Write(w)
}
