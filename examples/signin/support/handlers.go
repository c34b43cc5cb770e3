package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the app needs.
type config struct {
	origin string
	users  *memstore.Store
	log    *slog.Logger                // the audit log
	tell   func(customer, text string) // queues a mail
	now    func() time.Time
}

func newApp(c config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.users, APIKeys: c.users,
		Revocations: c.users, // a session that its customer ends is refused at once
		Issuer:      c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      told(events.Log(c.log), c.tell), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}, "staff": {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		return nil, err
	}
	// An agent who opens one account after the other does not do what they are here for.
	limit, err := auth.Limits(ratelimit.LimitConfig{Rules: []ratelimit.Rule{
		{Name: "acting", Limit: 20, Period: time.Hour, Algorithm: ratelimit.GCRA, By: ratelimit.ByUser()},
	}})
	if err != nil {
		return nil, err
	}
	s := &support{auth: auth, users: c.users, now: c.now}

	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.HandleFunc("GET /support", supportPage)
	mux.HandleFunc("GET /support.js", supportScript)
	agent, recent := auth.RequireScope("support"), auth.RequireRecentLogin(5*time.Minute)
	mux.Handle("POST /support/sessions", auth.Bearer(agent(recent(limit.Limit(http.HandlerFunc(s.act))))))

	// What the customers use, and what an agent uses in their place.
	orders := func(scope string, h http.HandlerFunc) http.Handler {
		return auth.Protect(s.stillAgent(auth.RequireScope(scope)(h)))
	}
	mux.Handle("GET /orders", orders("orders:read", listOrders))
	mux.Handle("POST /orders", orders("orders:write", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	mux.Handle("GET /account/sessions", auth.Bearer(http.HandlerFunc(auth.Sessions)))
	mux.Handle("DELETE /account/sessions/{id}", auth.Bearer(http.HandlerFunc(auth.EndSession)))
	mux.Handle("POST /account/keys", auth.Bearer(http.HandlerFunc(auth.CreateAPIKey)))
	return mux, nil
}

// listOrders names who reads them: a host writes both names into its own records.
func listOrders(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"customer": p.Subject, "actor": p.Actor, "orders": []string{"4711"}})
}

// supportPage is the page of an agent. The tokens are in variables of its script, and
// gone with the page.
func supportPage(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = io.WriteString(w, `<!DOCTYPE html><meta charset="utf-8"><title>Support</title>
<form id="login"><input name="username" value="mia" required> <input name="password" type="password" required> <button>Log in</button></form>
<form id="act"><label>Customer <input name="customer" required></label> <label>Reason <input name="reason" minlength="10" required></label> <button>Act for them</button></form>
<p id="says"></p><script src="/support.js"></script>`)
}

func supportScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = io.WriteString(w, `const says = document.querySelector("#says");
const ask = async (path, token, form) => {
  const answer = await fetch(path, {
    method: form ? "POST" : "GET", body: form && new URLSearchParams(new FormData(form)),
    headers: token ? { Authorization: "Bearer " + token } : {},
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const on = (name, act) => document.querySelector(name).addEventListener("submit", async (event) => {
  event.preventDefault();
  try { says.textContent = await act(event.target); } catch (err) { says.textContent = err.message; }
});
let own;
on("#login", async (form) => {
  own = (await ask("/login", "", form)).access_token;
  form.reset();
  return "You are logged in.";
});
on("#act", async (form) => {
  const acting = await ask("/support/sessions", own, form);
  const { customer, orders } = await ask("/orders", acting.access_token);
  return "You act for " + customer + ", for " + acting.expires_in + " s. Their orders: " + orders.join(", ");
});
`)
}
