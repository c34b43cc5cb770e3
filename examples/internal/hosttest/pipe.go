package hosttest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Pipe serves an app over connections in memory until the test ends, and returns a client
// of it. It works in a bubble of testing/synctest. A nil protocols is HTTP/1.1. The
// server's ReadTimeout is 10 s.
func Pipe(t *testing.T, app http.Handler, protocols *http.Protocols) *Host {
	t.Helper()
	l := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: app, ReadTimeout: 10 * time.Second, Protocols: protocols}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	transport := &http.Transport{DialContext: l.dial, Protocols: protocols}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-ended
	})
	return &Host{base: "http://host", client: &http.Client{Transport: transport}}
}

// pipes is a listener whose connections are made in this process.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.accepted <- addressed{there}:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return here }

// addressed is a connection with an address, as the rate limits ask for one.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return here }

var here = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
