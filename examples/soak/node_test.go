package soak_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// node runs a host, and starts it again. The test keeps the listener open: a client
// that connects in between waits for the next host.
type node struct {
	orders   orders
	url      string
	listener *os.File
	ledger   *ledger

	cmd    *exec.Cmd
	alive  io.Closer // its standard input
	stderr bytes.Buffer
	ready  chan struct{}
	gone   chan struct{} // it has told all that it will
}

func newNode(t *testing.T, o orders, l *ledger) *node {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	n := &node{orders: o, url: "http://" + listener.Addr().String(), listener: file, ledger: l}
	t.Cleanup(func() {
		n.kill()
		_ = file.Close()
	})
	return n
}

// run starts a host, and returns when it serves. It returns an error if the host ends
// instead, as it does where a server is not there.
func (n *node) run() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(n.orders)
	if err != nil {
		return err
	}
	n.stderr.Reset()
	n.cmd = exec.Command(self)
	n.cmd.Env = append(os.Environ(), ordersVariable+"="+string(text))
	n.cmd.ExtraFiles = []*os.File{n.listener}
	n.cmd.Stderr = &n.stderr
	if n.alive, err = n.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	ready, gone := make(chan struct{}), make(chan struct{})
	n.ready, n.gone = ready, gone
	go func() {
		defer close(gone)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var said note
			switch err := json.Unmarshal(lines.Bytes(), &said); {
			case err != nil:
				n.ledger.enter(note{Kind: events.Fault, Err: "a line of a host: " + lines.Text()})
			case said.Kind == "ready":
				close(ready)
			default:
				n.ledger.enter(said)
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case <-gone:
		_ = n.cmd.Wait()
		return fmt.Errorf("a host ends as it starts: %s", n.stderr.String())
	}
}

// failed reports whether the host ended by itself and said why, as one does that cannot
// reach its database.
func (n *node) failed() bool {
	state := n.cmd.ProcessState
	return state != nil && state.ExitCode() == 1
}

// terminate lets the host end what it has begun.
func (n *node) terminate() error {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	<-n.gone
	if err := n.cmd.Wait(); err != nil {
		return fmt.Errorf("a host that got SIGTERM: %w: %s", err, n.stderr.String())
	}
	return nil
}

func (n *node) kill() {
	if n.cmd == nil || n.cmd.ProcessState != nil {
		return
	}
	_ = n.cmd.Process.Kill()
	<-n.gone
	_ = n.cmd.Wait()
}

// change gives the host other keys and tiers, which the next one starts with.
func (n *node) change(ctx context.Context, c *http.Client, o orders) error {
	n.orders.Keys, n.orders.Limit = o.Keys, o.Limit
	text, err := json.Marshal(n.orders)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/change", bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(response.Body)
		return fmt.Errorf("a change was answered %d %s", response.StatusCode, said)
	}
	return nil
}

func (n *node) usage(ctx context.Context, c *http.Client) (u usage, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/usage", http.NoBody)
	if err != nil {
		return u, err
	}
	response, err := c.Do(r)
	if err != nil {
		return u, err
	}
	defer func() { _ = response.Body.Close() }()
	err = json.NewDecoder(response.Body).Decode(&u)
	return u, err
}

// ledger has what all hosts told.
type ledger struct {
	mu       sync.Mutex
	kinds    map[events.Kind]int
	advances map[advance]int
	refusals []note
	causes   map[string]int // of failures
	opened   int64          // failures of counters that fail open
}

// advance is a step that a session can take once.
type advance struct {
	session string
	from    int64
}

func newLedger() *ledger {
	return &ledger{kinds: map[events.Kind]int{}, advances: map[advance]int{}, causes: map[string]int{}}
}

func (l *ledger) enter(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[n.Kind]++
	switch n.Kind {
	case events.Refresh:
		l.advances[advance{n.Session, n.Generation}]++
	case events.StoreFailure, events.StoreBusy, events.CounterFailure, events.CountersBusy:
		l.causes[string(n.Kind)+": "+n.Err]++
		if n.Opened {
			l.opened++
		}
	case events.Reuse, events.LoginRefused, events.Throttled, events.Fault:
		l.refusals = append(l.refusals, n)
	}
}

// broken lists what must not have happened.
func (l *ledger) broken() (all []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for step, times := range l.advances {
		if times != 1 {
			all = append(all, fmt.Errorf("%w: session %s was advanced %d times from generation %d", errBroken, step.session, times, step.from))
		}
	}
	for _, n := range l.refusals {
		all = append(all, fmt.Errorf("%w: a host told %+v", errBroken, n))
	}
	return all
}

func (l *ledger) failedOpen() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened
}

func (l *ledger) count(kind events.Kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kinds[kind]
}

// mentions reports whether the cause of a failure has this text.
func (l *ledger) mentions(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for cause := range l.causes {
		if strings.Contains(cause, text) {
			return true
		}
	}
	return false
}
