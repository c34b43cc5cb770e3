package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogin reads a login in the Auth's dialect, authenticates the user and returns a
// new pair of tokens. It reads no credentials from the URL, and ignores an
// Authorization: Bearer.
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
	login.MaxAccess = a.cookies.maxAccess()
	return a.login(r, login)
}

// loginAttempt is one login while it is decided and made.
//
// What a caller is told depends on the open budgets alone: those of the address, of
// the client, of the login and of the pair. They are the same for all names. Where
// they are spent, a user who is known at the address has budgets of their own: the
// right password gets in, and any other outcome looks like the refusal that every
// name gets there.
type loginAttempt struct {
	attempt

	from      peer
	name      string
	user      known
	knownHere bool // the user has logged in from this address

	behind       *throttle // the open budgets are spent, and those of the known user are paid
	behindClient *throttle // the open budget of the client is spent, and that of the known client is paid
}

// login lets a user in, unless too many attempts have failed.
func (a *Auth) login(r *http.Request, login tokens.LoginRequest) (tokens.Pair, error) {
	if a.guard.off || login.Check() != nil { // what is malformed is refused before anything is counted
		return a.tokens.Login(a.located(r), login)
	}
	from, err := a.peerOf(r)
	if err != nil {
		return tokens.Pair{}, err
	}
	name := a.guard.sameLogin(login.Login)
	t := &loginAttempt{attempt: attempt{auth: a, request: r}, from: from, name: name, user: a.known("user", name, from.net)}
	client, err := t.begin(login.ClientID, login.ClientSecret)
	if err != nil {
		t.settle(err)
		return tokens.Pair{}, err
	}
	if t.behind == nil {
		login.BeforePassword = func(context.Context) error { return t.payPassword() }
	}
	p, err := try(&t.attempt, func() (tokens.Pair, error) { return a.tokens.Login(a.located(r), login) })
	switch {
	case err == nil:
		t.remember(client)
	case t.behind != nil:
		return tokens.Pair{}, t.refuse(t.behind, nil)
	case t.behindClient != nil && errors.Is(err, tokens.ErrInvalidClient):
		return tokens.Pair{}, t.refuse(t.behindClient, nil)
	}
	return p, err
}

// begin pays what an attempt costs before the client is authenticated. It returns
// what is known of the client, nil if it cannot be known.
func (t *loginAttempt) begin(clientID string, clientSecret tokens.Secret) (client *known, err error) {
	a := t.auth
	over, err := t.pay(a.networkStakes(ofAddress, t.from, tokens.ErrBadCredentials, tokens.ErrInvalidClient)...)
	if err != nil {
		return nil, err
	}
	if t.knownHere, err = t.isKnown(&t.user); err != nil {
		return nil, err
	}
	if over != nil {
		if err := t.payKnown(over); err != nil {
			return nil, err
		}
	}
	if clientSecret == "" || !a.tokens.RegistersClients() {
		return nil, nil //nolint:nilnil // no client that shows a secret
	}
	g := a.clientGate(t.from, clientID, nil)
	if t.behind != nil { // nothing that the caller has chosen is counted any more
		return g.known, t.enterKnown(&g, t.behind)
	}
	t.behindClient, err = t.enter(&g)
	return g.known, err
}

// payPassword pays what it costs to have a password looked at. The client was
// authenticated.
func (t *loginAttempt) payPassword() error {
	lost := []error{tokens.ErrBadCredentials}
	stakes := []stake{
		t.auth.stake(ofLogin, t.from.source, lost, t.name),
		t.auth.stake(ofPair, t.from.source, lost, t.from.net, t.name),
	}
	if t.knownHere {
		stakes = append(stakes, t.success())
	}
	over, err := t.pay(stakes...)
	if err != nil || over == nil {
		return err
	}
	if open := over.first(2); open != nil {
		return t.payKnown(open)
	}
	return t.refuse(over, nil) // too many successes
}

// payKnown pays what the attempt of a known user costs where the open budgets are
// spent, and refuses everybody else.
func (t *loginAttempt) payKnown(open *throttle) error {
	if !t.knownHere {
		return t.refuse(open, nil)
	}
	over, err := t.pay(t.knownPair(), t.allKnown(), t.success())
	switch {
	case err != nil:
		return err
	case over != nil:
		return t.refuse(open, over)
	}
	t.behind = open
	return nil
}

func (t *loginAttempt) knownPair() stake {
	return t.auth.stake(ofKnown, t.user.source(t.auth), lostByKnown, t.from.net, t.name)
}

func (t *loginAttempt) allKnown() stake {
	return t.auth.stake(ofAllKnown, t.user.source(t.auth), lostByKnown, t.name)
}

var lostByKnown = []error{tokens.ErrBadCredentials, tokens.ErrInvalidClient}

// success is what a login costs that succeeds.
func (t *loginAttempt) success() stake {
	s := t.auth.stake(ofSuccess, t.user.source(t.auth), nil, t.from.net, t.name)
	s.success = true
	return s
}

// remember makes the address a known one of the user, has the budgets of the two
// start afresh, and counts the success of a user who was not known before.
func (t *loginAttempt) remember(client *known) {
	a := t.auth
	ctx, cancel := a.counting(t.request)
	defer cancel()
	pair := a.stake(ofPair, t.from.source, nil, t.from.net, t.name)
	err := a.counters.Reset(ctx, []ratelimit.Charge{pair.Charge, t.knownPair().Charge, t.allKnown().Charge})
	if err == nil && !t.knownHere {
		c := t.success().Charge
		c.Done = true
		_, err = a.counters.Take(ctx, []ratelimit.Charge{c}, nil)
	}
	if err != nil {
		_ = a.uncounted(t.request, err)
	}
	t.makeKnown(&t.user)
	if client != nil {
		t.makeKnown(client)
	}
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
