package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// guard is Protect for the handlers of Connect: it answers refusals in the protocol of the
// client, which is Connect, gRPC or gRPC-Web.
type guard struct {
	auth   *middleware.Auth
	scopes map[string][]string // what a procedure requires; a procedure that is not here is refused
	answer *connect.ErrorWriter
	now    func() time.Time
}

// protect serves the requests of callers with an access token that has the scopes of the
// procedure, and counts them. A stream is one request. It ends with the token.
func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := g.auth.CheckBearer(r)
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		served, pass, err := g.auth.CheckLimitOf(r, p)
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		defer pass.Release()
		pass.SetHeader(w.Header())
		scopes, known := g.scopes[r.URL.Path]
		if !known {
			g.refuse(w, r, wire.NewError(wire.ReasonNotFound, nil))
			return
		}
		if err := g.auth.CheckScope(served, scopes...); err != nil {
			g.refuse(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeoutCause(served.Context(), p.ExpiresAt.Sub(g.now()), errExpired)
		defer cancel()
		next.ServeHTTP(w, served.WithContext(ctx))
	})
}

// refuse writes a refusal in the protocol of the client. The challenge, Retry-After and the
// quota are headers in each of them: gRPC's trailers must not have a WWW-Authenticate (RFC
// 9110 section 6.5.1).
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	_, cause := g.auth.RefusedIn(w.Header(), wire.RouteAPI, err)
	w.Header().Del("Content-Type") // of answer.Body, which is not sent
	w.Header().Del("Content-Length")
	_ = g.answer.Write(w, r, connect.NewError(codeOf(cause), errors.New(cause.Description)))
}

// codeOf is the code of a refusal.
func codeOf(e *wire.Error) connect.Code {
	switch e.Status {
	case http.StatusUnauthorized:
		return connect.CodeUnauthenticated
	case http.StatusForbidden:
		return connect.CodePermissionDenied
	case http.StatusTooManyRequests:
		return connect.CodeResourceExhausted
	case http.StatusServiceUnavailable:
		return connect.CodeUnavailable
	case http.StatusBadRequest:
		return connect.CodeInvalidArgument
	case http.StatusNotFound:
		return connect.CodeUnimplemented
	}
	return connect.CodeInternal
}

var errExpired = errors.New("the access token has expired")

// endsWithToken is an interceptor that says of a stream why it has ended.
type endsWithToken struct{}

func (endsWithToken) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		response, err := next(ctx, r)
		return response, expired(ctx, err)
	}
}

func (endsWithToken) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return expired(ctx, next(ctx, conn))
	}
}

func (endsWithToken) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func expired(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errExpired) {
		return connect.NewError(connect.CodeUnauthenticated, errExpired)
	}
	return err
}
