package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/tokens"
)

const users = 1000 // of each server

// servers are whole Echo apps, each in a process of its own.
var servers = []struct {
	name, algorithm string
	open            func(signer) ([]echo.MiddlewareFunc, error)
}{
	{"Echo alone", "HS256", func(signer) ([]echo.MiddlewareFunc, error) { return nil, nil }},
	{"**Sallyport**, Protect, HS256", "HS256", protecting(noCache)},
	{"echo-jwt and ulule/limiter, HS256", "HS256", echoJWTAndULULE},
	{"**Sallyport**, Protect, ES256, from the cache", "ES256", protecting(cached)},
	{"**Sallyport**, Protect, ES256, without its cache", "ES256", protecting(noCache)},
	{"echo-jwt and ulule/limiter, ES256", "ES256", echoJWTAndULULE},
}

func protecting(cache tokens.CacheConfig) func(signer) ([]echo.MiddlewareFunc, error) {
	return func(s signer) ([]echo.MiddlewareFunc, error) {
		a, err := s.auth(cache, unlimited)
		return []echo.MiddlewareFunc{echov4.New(a).Protect}, err
	}
}

func echoJWTAndULULE(s signer) ([]echo.MiddlewareFunc, error) {
	return []echo.MiddlewareFunc{echoJWT(s), echoULULE(unlimited)}, nil
}

// serveAs serves until stdin ends. It prints its address first. Besides the measured
// route it has one that tells its tokens, and one that tells the CPU time that it
// has used.
func serveAs(ctx context.Context, name string, out io.Writer, in io.Reader) error {
	for _, server := range servers {
		if server.name != name {
			continue
		}
		s, err := newSigner(server.algorithm)
		if err != nil {
			return err
		}
		middlewares, err := server.open(s)
		if err != nil {
			return err
		}
		e := echo.New()
		e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") }, middlewares...)
		e.GET("/cpu", func(c echo.Context) error { return c.String(http.StatusOK, strconv.FormatInt(int64(cpu()), 10)) })
		e.GET("/tokens", func(c echo.Context) error {
			all := make([]string, users)
			for i := range all {
				all[i] = s.token(i, nil)
			}
			return c.String(http.StatusOK, strings.Join(all, "\n"))
		})
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Fprintln(out, listener.Addr())
		h := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
		go func() {
			_, _ = io.Copy(io.Discard, in)
			_ = h.Close()
		}()
		if err := h.Serve(listener); err != http.ErrServerClosed {
			return err
		}
		return nil
	}
	return fmt.Errorf("no server %q", name)
}

// line is a connection to a server.
type line struct {
	conn net.Conn
	in   *bufio.Reader
}

// get sends a GET request and returns the body of its answer, which must be 200.
func (l line) get(path, token string) ([]byte, error) {
	header := ""
	if token != "" {
		header = "Authorization: Bearer " + token + "\r\n"
	}
	if _, err := io.WriteString(l.conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+header+"\r\n"); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, answer.StatusCode)
	}
	return body, err
}
