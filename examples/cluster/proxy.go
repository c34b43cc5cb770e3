package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

const maxBody = 64 << 10

// proxy sends each request to the next node, without sticky sessions. It skips a
// node that refuses the connection, because the request was not sent. It answers a
// request that breaks off in the middle with 502 and does not send it again,
// because the node may have handled it.
type proxy struct {
	transport http.Transport
	server    http.Server

	mu    sync.Mutex
	nodes []string // their addresses
	next  int
}

// startProxy returns a proxy and the URL at which it serves.
func startProxy(ctx context.Context, nodes []string) (*proxy, string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	p := &proxy{nodes: nodes}
	forward := &httputil.ReverseProxy{
		Transport: p,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetXForwarded() },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	p.server = http.Server{ReadTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = p.server.Serve(listener) }() // until stop
	return p, "http://" + listener.Addr().String(), nil
}

// RoundTrip sends a request to the next node that takes the connection.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	var last error
	for _, node := range p.turn() {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = "http", node
		out.Body, _ = r.GetBody()
		response, err := p.transport.RoundTrip(out)
		var refused *net.OpError
		if !errors.As(err, &refused) || refused.Op != "dial" {
			return response, err
		}
		last = err
	}
	return nil, last
}

// turn is the nodes, beginning with the one whose turn it is.
func (p *proxy) turn() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = (p.next + 1) % len(p.nodes)
	return append(append([]string(nil), p.nodes[p.next:]...), p.nodes[:p.next]...)
}

// replace puts a node where another was.
func (p *proxy) replace(i int, node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[i] = node
}

func (p *proxy) stop() {
	_ = p.server.Close()
	p.transport.CloseIdleConnections()
}
