package redistest

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a client and a server, and does to their connections what
// a network does.
type Proxy struct {
	Addr string

	mu     sync.Mutex
	mark   string // the request that trouble begins with
	keep   int    // how many bytes of the reply get through; -1: all, for ever
	hits   int
	silent bool
	conns  map[net.Conn]struct{}
}

// NewProxy starts a Proxy in front of the server, and stops it when the test
// ends. Until it is told otherwise it lets everything through.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), conns: map[net.Conn]struct{}{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(context.WithoutCancel(t.Context()), client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		all.Wait()
	})
	return p
}

// URL is the proxy's address as a client reads it.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// CutReply lets requests through, but cuts the connection of each that contains
// this text once so many bytes of its reply have passed.
func (p *Proxy) CutReply(request string, keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mark, p.keep, p.hits = request, keep, 0
}

// Hits says how many requests with the text of CutReply there were.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// Silence accepts connections and requests from now on, and answers none.
func (p *Proxy) Silence(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
}

// Cut cuts all connections that there are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) open(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
}

func (p *Proxy) close(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// seen notes a request, and says what is to become of its reply.
func (p *Proxy) seen(request []byte) (keep int, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mark == "" || !bytes.Contains(request, []byte(p.mark)) {
		return -1, p.silent
	}
	p.hits++
	return p.keep, p.silent
}

func (p *Proxy) serve(ctx context.Context, client net.Conn, addr string) {
	p.open(client)
	defer p.close(client)
	server, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	p.open(server)
	defer p.close(server)
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
		cut, silent := p.seen(buffer[:n])
		if silent {
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if cut >= 0 {
			keep.Store(int64(cut))
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
