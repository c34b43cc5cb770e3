package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

const (
	actFor    = 15 * time.Minute
	minReason = 10 // characters
)

// mayDo is all that an agent may do in a customer's place.
var mayDo = []string{"orders:read"}

// support lets agents act for customers.
type support struct {
	auth  *middleware.Auth
	users store.Users
	now   func() time.Time
}

// isAgent and isStaff tell a host's own people by their scopes.
func isAgent(u store.User) bool { return slices.Contains(u.Scopes, "support") }

func isStaff(u store.User) bool { return isAgent(u) || slices.Contains(u.Scopes, "admin") }

// act answers with an access token for a customer. It runs behind RequireScope and
// RequireRecentLogin, so its caller is an agent who has just logged in. An agent's token
// for a customer comes from neither a login nor an agent, so acting begins no acting.
func (s *support) act(w http.ResponseWriter, r *http.Request) {
	agent, _ := tokens.PrincipalFrom(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	if len(reason) < minReason {
		http.Error(w, "Please say why, for example with the number of the ticket.", http.StatusBadRequest)
		return
	}
	customer, err := s.users.User(r.Context(), r.PostFormValue("customer"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		http.Error(w, "There is no such customer.", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, "Please try again.", http.StatusServiceUnavailable)
		return
	case isStaff(customer):
		http.Error(w, "This is no customer.", http.StatusForbidden)
		return
	}
	// A host with Config.Cookies calls s.auth.WithoutCookies().SignIn, so that the token goes
	// to the script of the page and the cookies of the agent's own session stay.
	s.auth.SignIn(w, r, tokens.SignInRequest{
		UserID: customer.ID,
		Actor:  agent.Subject,
		Reason: reason,
		Until:  s.now().Add(actFor),
		Scopes: mayDo,
	})
}

// stillAgent refuses the tokens of an agent who is none any more. Those of their own
// sessions are refused already; the sessions that they have begun for customers last
// until their end.
func (s *support) stillAgent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, _ := tokens.PrincipalFrom(r.Context()); p.Actor != "" {
			agent, err := s.users.User(r.Context(), p.Actor)
			switch {
			case err == nil && isAgent(agent):
			case err == nil || errors.Is(err, store.ErrNotFound):
				s.auth.Refused(wire.RouteAPI, tokens.ErrInvalidToken).Write(w)
				return
			default:
				http.Error(w, "Please try again.", http.StatusServiceUnavailable)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// told returns an Events hook that also tells a customer when somebody begins to act for
// them.
func told(hook func(context.Context, events.Event), tell func(customer, text string)) func(context.Context, events.Event) {
	return func(ctx context.Context, e events.Event) {
		hook(ctx, e)
		if e.Kind == events.Login && e.Actor != "" {
			tell(e.UserID, "our support has opened your account: "+e.Reason)
		}
	}
}
