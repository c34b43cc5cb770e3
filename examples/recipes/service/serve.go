package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// serve answers requests until ctx is done, and then those that have begun. drain is how
// long it goes on to accept requests, while ready says 503.
func (n *node) serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	var open connections
	server := &http.Server{
		Handler: n, ConnState: open.track,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	notify("READY=1")
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	n.draining.Store(true)
	n.probes.Drain()
	notify("STOPPING=1")
	time.Sleep(drain) //nolint:forbidigo // a second signal ends the process
	_ = l.Close()
	<-ended //nolint:errcheck // then every connection that was accepted is known
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	// Shutdown closes a connection whose request it reads after it has begun. So first wait
	// for all requests, and for those of connections that have sent none yet.
	open.wait(within)
	return server.Shutdown(within)
}

// connections counts those that have a request, or have not sent their first one.
type connections struct {
	mu   sync.Mutex
	busy map[net.Conn]struct{}
}

func (o *connections) track(c net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state != http.StateNew && state != http.StateActive {
		delete(o.busy, c)
		return
	}
	if o.busy == nil {
		o.busy = map[net.Conn]struct{}{}
	}
	o.busy[c] = struct{}{}
}

func (o *connections) wait(ctx context.Context) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		o.mu.Lock()
		n := len(o.busy)
		o.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// listen returns the socket that systemd has passed on, or opens one. A socket of systemd's
// stays open while the service restarts: connections wait in it.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		var c net.ListenConfig
		return c.Listen(ctx, "tcp", addr)
	}
	file := os.NewFile(3, "socket") // the first one, as sd_listen_fds(3) has it
	l, err := net.FileListener(file)
	return l, errors.Join(err, file.Close())
}

// notify tells systemd that the service is ready, or stops: sd_notify(3).
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	_, _ = c.Write([]byte(state))
	_ = c.Close()
}

// probe is what a container asks whether it is well: there is no curl in it.
func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
