package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// nodeCommand is the argument that makes a process a node.
const nodeCommand = "node"

// serveNode is one node. It reads its secrets from stdin, where no other user of
// the machine sees them, and serves until stdin ends: a node does not outlive
// the process that started it. It writes its address and that of its metrics to stdout, and then a line
// for each thing that happens.
func serveNode(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var s secrets
	input := json.NewDecoder(stdin)
	if err := input.Decode(&s); err != nil {
		return err
	}
	m, err := serveMetrics(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = m.close() }()
	h, err := newHost(ctx, s, m.Telemetry, func(_ context.Context, e events.Event) { fmt.Fprintf(stdout, "%s\n", e.Kind) })
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, h.close())
	}
	server := &http.Server{Handler: h, ReadTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintln(stdout, listener.Addr(), m.addr)

	_, _ = io.Copy(io.Discard, input.Buffered())
	_, _ = io.Copy(io.Discard, stdin)
	quick, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = server.Shutdown(quick)
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, h.close())
}
