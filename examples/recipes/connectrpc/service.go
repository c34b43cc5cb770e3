package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// The procedures. Generated code has constants for them.
const (
	readNote   = "/notes.v1.Notes/Read"
	writeNote  = "/notes.v1.Notes/Write"
	watchNotes = "/notes.v1.Notes/Watch"
)

// config is what the service needs.
type config struct {
	origin string
	users  *memstore.Store
	log    *slog.Logger
	now    func() time.Time
	change func(*tokens.Config) // of a test; nil changes nothing
}

// newService returns the service's routes: login and refresh over HTTP, and the
// procedures over Connect, gRPC and gRPC-Web.
func newService(c config) (http.Handler, error) {
	issues := tokens.Config{
		Store: c.users, Revocations: c.users, Issuer: c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(c.log), Now: c.now,
	}
	if c.change != nil {
		c.change(&issues)
	}
	authority, err := tokens.New(issues)
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 20, Period: time.Minute, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		return nil, err
	}
	procedures := http.NewServeMux()
	options := connect.WithHandlerOptions(connect.WithInterceptors(endsWithToken{}), connect.WithReadMaxBytes(1<<16))
	procedures.Handle(readNote, connect.NewUnaryHandler(readNote, read, options))
	procedures.Handle(writeNote, connect.NewUnaryHandler(writeNote, write, options))
	procedures.Handle(watchNotes, connect.NewServerStreamHandler(watchNotes, watch, options))
	g := &guard{
		auth: auth, answer: connect.NewErrorWriter(options), now: c.now,
		scopes: map[string][]string{readNote: {"read"}, writeNote: {"read", "write"}, watchNotes: {"read"}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.Handle("/notes.v1.Notes/", g.protect(procedures))
	return mux, nil
}

func read(ctx context.Context, r *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
	p, _ := tokens.PrincipalFrom(ctx)
	return connect.NewResponse(wrapperspb.String(fmt.Sprintf("%s of %s", r.Msg.GetValue(), p.Subject))), nil
}

func write(context.Context, *connect.Request[wrapperspb.StringValue]) (*connect.Response[emptypb.Empty], error) {
	return connect.NewResponse(&emptypb.Empty{}), nil
}

// watch sends a message each second.
func watch(ctx context.Context, _ *connect.Request[emptypb.Empty], stream *connect.ServerStream[wrapperspb.Int64Value]) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		if err := stream.Send(wrapperspb.Int64(n)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
