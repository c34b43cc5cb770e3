package middleware

import (
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogin reads a login in the Auth's dialect and lets the user in.
// Credentials in the URL are not read, and an Authorization: Bearer is of no
// concern here.
func (a *Auth) CheckLogin(r *http.Request) (tokens.Pair, error) {
	if err := a.sameSite(r); err != nil {
		return tokens.Pair{}, err
	}
	p, err := a.params(r, a.dialect.Accepts())
	if err != nil {
		return tokens.Pair{}, err
	}
	login, err := a.dialect.ReadLogin(p)
	if err != nil {
		return tokens.Pair{}, err
	}
	login.MaxAccess = a.cookies.room()
	return a.login(r, login)
}

// login lets a user in, unless there were too many guesses.
func (a *Auth) login(r *http.Request, login tokens.LoginRequest) (tokens.Pair, error) {
	enter := func() (tokens.Pair, error) { return a.tokens.Login(a.located(r), login) }
	if a.guard.off {
		return enter()
	}
	net, err := a.networkOf(r)
	if err != nil {
		return tokens.Pair{}, err
	}
	name := a.guard.sameLogin(login.Login)
	k, err := a.know(r, net, name)
	if err != nil {
		return tokens.Pair{}, err
	}
	wrong := tokens.ErrBadCredentials
	pair, known, all := a.stake(ofPair, wrong, net, name), a.stake(ofKnown, wrong, net, name), a.stake(ofAllKnown, wrong, name)
	k.fresh = []ratelimit.Charge{pair.Charge, known.Charge, all.Charge}
	stakes := []stake{a.stake(ofAddress, wrong, net), a.stake(ofLogin, wrong, name), pair}
	if k.known {
		stakes = []stake{known, all}
	}
	stakes = append(stakes, a.clientStake(net, login.ClientID, login.ClientSecret)...)
	p, err := attempt(a, r, stakes, enter)
	if err == nil {
		a.remember(r, k)
	}
	return p, err
}

// Login answers what CheckLogin decides.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckLogin(r)
	a.grant(w, wire.RouteLogin, p, err)
}

func (a *Auth) grant(w http.ResponseWriter, route wire.Route, p tokens.Pair, err error) {
	if err != nil {
		a.Refused(route, err).Write(w)
		return
	}
	a.Granted(p).Write(w)
}
