package crashtest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// node runs a host, and starts it again after it was killed. The test keeps the
// listener open: a client that connects in between waits for the next host.
type node struct {
	ledger *ledger

	orders   []byte
	url      string
	listener *os.File

	cmd    *exec.Cmd
	alive  io.Closer // its standard input
	stderr bytes.Buffer
	gone   chan struct{} // it has told all that it will
	told   chan struct{} // one for each note, as long as anybody counts
}

// newNode prepares a node, and runs no host yet.
func newNode(t *testing.T, p *place) *node {
	t.Helper()
	orders, err := json.Marshal(p)
	must(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	n := &node{ledger: newLedger(), orders: orders, url: "http://" + listener.Addr().String(), listener: file}
	t.Cleanup(func() {
		n.kill()
		_ = file.Close()
	})
	return n
}

// run starts a host, and does not wait for it.
func (n *node) run(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	n.stderr.Reset()
	n.cmd = exec.Command(self)
	n.cmd.Env = append(os.Environ(), ordersVariable+"="+string(n.orders))
	n.cmd.ExtraFiles = []*os.File{n.listener}
	n.cmd.Stderr = &n.stderr
	n.alive, err = n.cmd.StdinPipe()
	must(t, err)
	stdout, err := n.cmd.StdoutPipe()
	must(t, err)
	must(t, n.cmd.Start())
	n.gone, n.told = make(chan struct{}), make(chan struct{}, 1<<10)
	go n.listen(t, stdout, n.gone, n.told)
}

func (n *node) listen(t *testing.T, stdout io.Reader, gone, told chan<- struct{}) {
	defer close(gone)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var said note
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			t.Errorf("the host says %q", lines.Text())
			continue
		}
		n.ledger.enter(said)
		select {
		case told <- struct{}{}:
		default:
		}
	}
}

// awaits waits until the host has told of so many things, of which the first is
// that it is ready.
func (n *node) awaits(t *testing.T, notes int) {
	t.Helper()
	for range notes {
		select {
		case <-n.told:
		case <-n.gone:
			n.kill()
			t.Fatalf("the host has ended by itself: %s", n.stderr.String())
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// kill ends the host in the middle of whatever it does. When kill returns the
// ledger has all that it told.
func (n *node) kill() {
	if n.cmd == nil || n.cmd.ProcessState != nil {
		return
	}
	_ = n.cmd.Process.Kill()
	<-n.gone
	_ = n.cmd.Wait()
}

// goroutines is how many the host has, this request's among them.
func (n *node) goroutines(t *testing.T, client *http.Client) int {
	t.Helper()
	response, err := client.Get(n.url + "/goroutines")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	count, err := strconv.Atoi(string(text))
	must(t, err)
	return count
}
