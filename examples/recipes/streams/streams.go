package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the app needs.
type config struct {
	origin string
	pages  []string // the hosts of pages of other origins that may open a WebSocket
	store  store.Store
	news   func(ctx context.Context, userID string) <-chan string // until ctx is done
	log    *slog.Logger
	now    func() time.Time
}

type app struct {
	config
	auth    *middleware.Auth
	tickets tickets
}

const (
	protocol     = "news.v1"       // of the WebSocket
	ticketPrefix = "ticket."       // of the other protocol that the client offers
	unauthorized = 3000            // the code with which a WebSocket is closed: IANA has it as "Unauthorized"
	writeFor     = 5 * time.Second // what a client may take to read one message
	beatEvery    = 20 * time.Second
)

// newApp returns the app's routes.
func newApp(c config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.store, Issuer: c.origin, Audience: c.origin, MaxSessions: 5,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		return nil, err
	}
	asking, err := auth.Limits(ratelimit.LimitConfig{Rules: []ratelimit.Rule{
		{Name: "tickets", Limit: 10, Period: time.Minute, By: ratelimit.ByUser()},
	}})
	if err != nil {
		return nil, err
	}
	// Each unknown ticket costs a read of the store.
	opening, err := auth.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "opening", Limit: 600, Period: time.Minute, By: ratelimit.ByAddress()},
	}})
	if err != nil {
		return nil, err
	}
	open, err := auth.Limits(ratelimit.LimitConfig{Rules: []ratelimit.Rule{
		{Name: "streams", Concurrent: 3, By: ratelimit.ByUser()},
	}})
	if err != nil {
		return nil, err
	}
	a := &app{config: c, auth: auth, tickets: tickets{c.store, c.now}}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.HandleFunc("/logout-everywhere", auth.LogoutEverywhere)
	mux.Handle("GET /sessions", auth.Bearer(http.HandlerFunc(auth.Sessions)))
	mux.Handle("POST /tickets", auth.Bearer(asking.Limit(http.HandlerFunc(a.issue))))
	mux.Handle("GET /events", opening.Limit(a.redeem(inQuery, open.Limit(http.HandlerFunc(a.events)))))
	mux.Handle("GET /socket", opening.Limit(a.redeem(inProtocol, open.Limit(http.HandlerFunc(a.socket)))))
	mux.Handle("GET /events/header", auth.Bearer(open.Limit(http.HandlerFunc(a.events))))
	return mux, nil
}

// issue answers with a ticket for the path "for".
func (a *app) issue(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1024)
	path := r.PostFormValue("for")
	if !slices.Contains([]string{"/events", "/socket"}, path) {
		http.Error(w, "There is no such stream.", http.StatusBadRequest)
		return
	}
	p, _ := tokens.PrincipalFrom(r.Context())
	ticket, err := a.tickets.issue(r.Context(), p, path)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"ticket": ticket, "expires_in": lifetime / time.Second})
}

// redeem serves requests with a ticket for their path. What comes behind it, such as an
// access log, does not see the ticket.
func (a *app) redeem(find func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.tickets.redeem(r.Context(), find(r), r.URL.Path)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		served := middleware.WithPrincipal(r, p)
		served.Header = r.Header.Clone()
		served.Header.Set("Sec-WebSocket-Protocol", protocol)
		url := *r.URL
		url.RawQuery = ""
		served.URL, served.RequestURI = &url, url.Path
		next.ServeHTTP(w, served)
	})
}

func (a *app) refuse(w http.ResponseWriter, r *http.Request, err error) {
	reason := wire.ReasonBearer
	if !errors.Is(err, errTicket) && !errors.Is(err, errEnded) {
		reason = wire.ReasonUnavailable
		a.log.WarnContext(r.Context(), "a ticket", "err", err)
	}
	a.auth.Refused(wire.RouteAPI, wire.NewError(reason, err)).Write(w)
}

// inQuery finds the ticket of an EventSource, which can send nothing but a URL.
func inQuery(r *http.Request) string { return r.URL.Query().Get("ticket") }

// inProtocol finds the ticket of a WebSocket, which offers two protocols:
//
//	new WebSocket(url, ["news.v1", "ticket." + ticket])
func inProtocol(r *http.Request) string {
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			if ticket, ok := strings.CutPrefix(strings.TrimSpace(name), ticketPrefix); ok {
				return ticket
			}
		}
	}
	return ""
}

// events sends the user's news to an EventSource until their session ends.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	ctx, stop := a.tickets.watch(r.Context(), p.SessionID)
	defer stop()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes each event on at once
	send := func(text string) error {
		_ = out.SetWriteDeadline(time.Now().Add(writeFor))
		_, err := w.Write([]byte(text))
		err = errors.Join(err, out.Flush())
		_ = out.SetWriteDeadline(time.Time{}) // HTTP/2 would end the stream then, though nothing is written
		return err
	}
	news, beat := a.news(ctx, p.Subject), time.NewTicker(beatEvery)
	defer beat.Stop()
	for err := send(":\n\n"); err == nil; {
		select {
		case <-ctx.Done():
			_ = send("event: end\ndata: " + context.Cause(ctx).Error() + "\n\n")
			return
		case text := <-news:
			line, _ := json.Marshal(text) // so that no line break of the text ends the event
			err = send("data: " + string(line) + "\n\n")
		case <-beat.C:
			err = send(":\n\n")
		}
	}
}

// socket sends the user's news to a WebSocket until their session ends.
func (a *app) socket(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}, OriginPatterns: a.pages})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	// What the client sends closes the socket. Where messages are read, limit them.
	ctx, stop := a.tickets.watch(conn.CloseRead(r.Context()), p.SessionID)
	defer stop()
	for news := a.news(ctx, p.Subject); ; {
		select {
		case <-ctx.Done():
			_ = conn.Close(unauthorized, context.Cause(ctx).Error())
			return
		case text := <-news:
			// Not ctx: a write that its end interrupts closes the socket, and does not say why.
			within, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
			err := conn.Write(within, websocket.MessageText, []byte(text))
			cancel()
			if err != nil {
				return
			}
		}
	}
}
