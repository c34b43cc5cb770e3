package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

var errNoFactor = errors.New("middleware: the SecondFactor of the Authority's Config is nil: set it to use this handler")

// CheckCompleteLogin reads a step token and a second factor in the Auth's wire format,
// and returns the tokens of a login that is complete now. The method must be POST. A
// wrong factor is a failed attempt for Config.BruteForce, counted together with wrong
// passwords of the same login. A parameter with which users choose to stay logged in
// (Cookies.Remember) is read here, and not at the first step.
//
// It returns a wire.Error for a malformed request, and the errors of
// [tokens.Authority.CompleteLogin].
func (a *Auth) CheckCompleteLogin(r *http.Request) (tokens.Pair, error) {
	if err := a.sameSite(r); err != nil {
		return tokens.Pair{}, a.told(r, "CompleteLogin", err)
	}
	p, err := a.params(r, a.dialect.Accepts())
	if err != nil {
		return tokens.Pair{}, a.told(r, "CompleteLogin", err)
	}
	if !a.tokens.CompletesLogins() {
		return tokens.Pair{}, a.unworkable(r, errNoFactor)
	}
	step, err := a.dialect.ReadStep(p)
	if err != nil {
		return tokens.Pair{}, a.told(r, "CompleteLogin", p.Explain(err))
	}
	step.MaxAccess = a.maxAccess()
	pair, err := a.completeLogin(r, step)
	if err != nil {
		return tokens.Pair{}, err
	}
	pair.BrowserSession = a.forgetsLogin(p)
	a.replaceSession(r)
	a.checkHeader(r, pair)
	return pair, nil
}

// completeLogin completes a login, unless too many attempts have failed. A token that
// is not genuine is rejected before anything is counted or looked up: it cannot be
// found by trying.
func (a *Auth) completeLogin(r *http.Request, step tokens.StepRequest) (tokens.Pair, error) {
	name, genuine := a.tokens.StepPseudonym(step.Token)
	if a.guard.off || !genuine || step.Check() != nil {
		return a.tokens.CompleteLogin(a.located(r), step)
	}
	t, err := a.newLoginAttempt(r, name)
	if err != nil {
		return tokens.Pair{}, err
	}
	if err := t.payCaller(step.ClientID, step.ClientSecret); err != nil {
		return tokens.Pair{}, err
	}
	step.BeforeFactor = t.beforePassword
	p, err := try(&t.attempt, func() (tokens.Pair, error) { return a.tokens.CompleteLogin(a.located(r), step) })
	if err != nil {
		return tokens.Pair{}, t.refusal(err)
	}
	t.remember()
	return p, nil
}

// CompleteLogin is a handler that writes the tokens of CheckCompleteLogin.
func (a *Auth) CompleteLogin(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckCompleteLogin(r)
	a.grant(w, r, wire.RouteLogin, p, err)
}
