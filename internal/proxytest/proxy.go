// Package proxytest gives tests a TCP proxy on loopback that simulates network
// failures: it refuses connections, does not answer, or closes a connection in the
// middle of a reply. Only tests import it.
package proxytest

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy forwards TCP connections between a client and a server. It works for any
// protocol in which the client sends a request and waits for the reply. Its methods
// are safe for concurrent use.
type Proxy struct {
	Addr string

	server string
	served sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while it is down
	marks    [][]byte     // a request that contains all of these has its reply cut
	keep     int          // how many bytes of such a reply are forwarded
	hits     int
	requests int
	silent   bool
	delay    time.Duration
	conns    map[net.Conn]struct{}
}

// Start starts a Proxy in front of the server at this address, and stops it when
// the test ends. It forwards everything until a method changes that.
func Start(t testing.TB, server string) *Proxy {
	t.Helper()
	p := &Proxy{Addr: "127.0.0.1:0", server: server, conns: map[net.Conn]struct{}{}}
	if err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Down()
		p.served.Wait()
	})
	return p
}

// Up listens again after Down, at the same address. It returns an error if another
// process has taken the address in between.
func (p *Proxy) Up(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.Addr, p.listener = listener.Addr().String(), listener
	p.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	p.served.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.served.Go(func() { p.serve(ctx, client) })
		}
	})
	return nil
}

// Down refuses new connections and closes the open ones, as a server does that is
// stopped.
func (p *Proxy) Down() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Cut()
}

// CutReply forwards requests, but closes the connection of each request that
// contains all of these texts after keep bytes of its reply. Without texts it closes
// none. It sets Hits to 0.
func (p *Proxy) CutReply(keep int, texts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks, p.keep, p.hits = nil, keep, 0
	for _, text := range texts {
		p.marks = append(p.marks, []byte(text))
	}
}

// Hits returns the number of requests that contained the texts of CutReply.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// Requests returns the number of all requests. While the proxy is silent it counts
// the first request of each connection only.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Silence makes the proxy accept connections and requests and answer none, or, with
// false, forward again.
func (p *Proxy) Silence(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
}

// Delay makes each request take this much longer.
func (p *Proxy) Delay(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// Silent reports whether the proxy is silent.
func (p *Proxy) Silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.silent
}

// Conns returns the number of connections that the proxy has not done with, to either
// side. Without one, it has counted every request that it was sent.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Cut closes all open connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// open records a connection, and reports whether the proxy is up.
func (p *Proxy) open(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return p.listener != nil
}

func (p *Proxy) close(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// seen records a request. It returns how many bytes of the reply to forward, or -1
// for all of it, how long to wait before, and whether the proxy is silent.
func (p *Proxy) seen(request []byte) (keep int, delay time.Duration, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if len(p.marks) == 0 {
		return -1, p.delay, p.silent
	}
	for _, mark := range p.marks {
		if !bytes.Contains(request, mark) {
			return -1, p.delay, p.silent
		}
	}
	p.hits++
	return p.keep, p.delay, p.silent
}

func (p *Proxy) serve(ctx context.Context, client net.Conn) {
	defer p.close(client)
	if !p.open(client) {
		return
	}
	server, err := new(net.Dialer).DialContext(ctx, "tcp", p.server)
	if err != nil {
		return
	}
	defer p.close(server)
	if !p.open(server) {
		return
	}
	var keep atomic.Int64 // of the next reply; -1: all
	keep.Store(-1)
	var done sync.WaitGroup
	defer done.Wait()
	done.Go(func() {
		defer p.close(client)
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			if cut := int(keep.Load()); cut >= 0 {
				_, _ = client.Write(buffer[:min(n, cut)])
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	defer p.close(server)
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		cut, delay, silent := p.seen(buffer[:n])
		if silent {
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if cut >= 0 {
			keep.Store(int64(cut))
		}
		if delay > 0 {
			<-time.After(delay)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
