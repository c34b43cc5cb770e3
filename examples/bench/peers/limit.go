package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/httprate"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/sallyport-go/sallyport/middleware/echov4"
)

// limits are middlewares that count in memory, by the client's address.
func limits() []struct {
	name string
	open func(s signer, limit int64) (http.Handler, error)
} {
	return []struct {
		name string
		open func(s signer, limit int64) (http.Handler, error)
	}{
		{"ulule's middleware: 3 headers", func(_ signer, limit int64) (http.Handler, error) {
			return stdlib.NewMiddleware(ulule(limit)).Handler(inside), nil
		}},
		{"**Sallyport**: all 5 headers", func(s signer, limit int64) (http.Handler, error) {
			a, err := s.auth(noCache, limit)
			return a.Limit(inside), err
		}},
		{"**Sallyport**, NoContext: all 5 headers", func(s signer, limit int64) (http.Handler, error) {
			a, err := s.lean(limit)
			return a.Limit(inside), err
		}},
		{"**Sallyport**, Echo: all 5 headers", func(s signer, limit int64) (http.Handler, error) {
			a, err := s.auth(noCache, limit)
			return onEcho(echov4.New(a).Limit), err
		}},
		{"**Sallyport**, Echo, its ErrorHandler: all 5 headers", func(s signer, limit int64) (http.Handler, error) {
			a, err := s.auth(noCache, limit)
			return withErrorHandler(echov4.New(a).Limit), err
		}},
		{"**Sallyport**, Echo, its ErrorHandler, NoContext: all 5 headers", func(s signer, limit int64) (http.Handler, error) {
			a, err := s.lean(limit)
			return withErrorHandler(echov4.New(a).Limit), err
		}},
		{"httprate: 3 headers", func(_ signer, limit int64) (http.Handler, error) {
			return httprate.LimitBy(int(limit), time.Hour, func(r *http.Request) (string, error) {
				host, _, err := net.SplitHostPort(r.RemoteAddr)
				return host, err
			})(inside), nil
		}},
	}
}

func ulule(limit int64) *limiter.Limiter {
	return limiter.New(memory.NewStore(), limiter.Rate{Limit: limit, Period: time.Hour})
}

// echoULULE counts by the user of the token, as one writes it behind echo-jwt. It
// writes the headers of ulule's own middlewares.
func echoULULE(limit int64) echo.MiddlewareFunc {
	l := ulule(limit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			token, ok := c.Get("user").(*jwt.Token)
			if !ok {
				return echo.ErrUnauthorized
			}
			user, err := token.Claims.GetSubject()
			if err != nil {
				return err
			}
			state, err := l.Get(c.Request().Context(), user)
			if err != nil {
				return err
			}
			h := c.Response().Header()
			h.Set("X-RateLimit-Limit", strconv.FormatInt(state.Limit, 10))
			h.Set("X-RateLimit-Remaining", strconv.FormatInt(state.Remaining, 10))
			h.Set("X-RateLimit-Reset", strconv.FormatInt(state.Reset, 10))
			if state.Reached {
				return echo.ErrTooManyRequests
			}
			return next(c)
		}
	}
}

// printLimits prints what a limit adds to a request.
func (m measure) printLimits() error {
	s, err := newSigner("HS256")
	if err != nil {
		return err
	}
	var groups []group
	for _, test := range []struct {
		name  string
		keys  int
		limit int64
		want  int
	}{
		{"let through, 1 address", 1, unlimited, http.StatusOK},
		{"let through, 10 000 addresses", 10_000, unlimited, http.StatusOK},
		{"refused", 1, 0, http.StatusTooManyRequests},
	} {
		g := group{name: test.name, bases: []int{0}}
		for _, l := range limits() {
			h, err := l.open(s, test.limit)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			requests := make([]*http.Request, test.keys)
			for i := range requests {
				requests[i] = request()
				requests[i].RemoteAddr = fmt.Sprintf("10.0.%d.%d:4711", i/256, i%256)
			}
			w, send := repeat(h, requests...)
			for range test.keys { // once around, so that each has its counter
				send()
			}
			if w.status != test.want {
				return fmt.Errorf("%s: %s: status %d", l.name, test.name, w.status)
			}
			g.subjects = append(g.subjects, subject{l.name, send})
		}
		groups = append(groups, g)
	}
	return m.printGroups("the limit of a client", []string{"ulule's middleware"}, groups...)
}
