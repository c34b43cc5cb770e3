package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
)

// asService makes this test program the service.
const asService = "SALLYPORT_RECIPE_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(asService) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// process is the service, as systemd would run it: with a socket that stays open, and with
// another that it tells of its state.
type process struct {
	*exec.Cmd

	states *net.UnixConn
	ended  chan error
}

// start runs the service on a socket, and returns when it says that it is ready.
func start(t *testing.T, socket *os.File, folder string) process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	states, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = states.Close() })
	// The shell becomes the service, whose process ID is known before then.
	p := process{exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", `LISTEN_PID=$$ exec "$0" -drain 100ms`, os.Args[0]), states, make(chan error, 1)} //nolint:gosec // this program
	p.Env = append(os.Environ(), asService+"=1", "LISTEN_FDS=1", "NOTIFY_SOCKET="+path, "CREDENTIALS_DIRECTORY="+folder)
	p.ExtraFiles = []*os.File{socket}
	var log strings.Builder
	p.Stderr = &log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.ended <- p.Wait()
		_ = states.Close()
	}()
	t.Cleanup(func() { _ = p.Process.Kill() })
	p.says(t, "READY=1")
	return p
}

func (p process) says(t *testing.T, want string) {
	t.Helper()
	state := make([]byte, 64)
	n, err := p.states.Read(state)
	if err != nil || string(state[:n]) != want {
		t.Fatalf("the service says %q, %v, want %s", state[:n], err, want)
	}
}

// login is a login whose request has arrived, and has a body that ends later.
type login struct {
	conn net.Conn
	in   *bufio.Reader
	form string
}

func beginLogin(t *testing.T, address string) login {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := login{conn, bufio.NewReader(conn), hosttest.Form("username", "ada", "password", password).Encode()}
	_, _ = fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: notes\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(l.form))
	// The handler reads the body.
	if line, err := l.in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}
	_, _ = l.in.ReadString('\n')
	return l
}

func (l login) end(t *testing.T) hosttest.Answer {
	t.Helper()
	_, _ = io.WriteString(l.conn, l.form)
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return hosttest.Answer{Status: answer.StatusCode, Header: answer.Header, Body: string(body)}
}

func TestARestartLosesNoRequest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := newFolder(folder); err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close() // the file is open still
	t.Cleanup(func() { _ = socket.Close() })
	h := hosttest.At(t, "http://"+address)

	one := start(t, socket, folder)
	token := h.Post(t, "/login", "username", "ada", "password", password).Pair(t).Access
	begun := beginLogin(t, address)
	balancer := hosttest.At(t, "http://"+address) // keeps one connection
	balancer.Get(t, "/ready", "").Is(t, http.StatusOK, "")
	// Clients that send all the time, on connections that they keep.
	ctx, stop := context.WithCancel(t.Context())
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 2 * time.Minute}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				sent.Add(1)
				if err := get(t, client, "http://"+address+"/me", token); err != nil {
					failed.Add(1)
					t.Error(err)
				}
			}
		})
	}
	if err := one.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	one.says(t, "STOPPING=1")
	balancer.Get(t, "/ready", "").Is(t, http.StatusServiceUnavailable, "")
	begun.end(t).Pair(t)
	if err := <-one.ended; err != nil {
		t.Errorf("the service ended with %v", err)
	}
	before := sent.Load()
	two := start(t, socket, folder)
	h.Get(t, "/ready", "").Is(t, http.StatusOK, "")
	for sent.Load() < before+20 { // each of the clients has been answered by the second
		h.Get(t, "/me", token).Is(t, http.StatusOK, "u-1")
	}
	stop()
	clients.Wait()
	t.Logf("%d requests, %d of them without an answer", sent.Load(), failed.Load())

	// The second one reads its keys on a signal.
	if err := rotate(folder, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := two.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for strings.Count(h.Get(t, "/jwks.json", "").Body, `"kid"`) < 2 {
		if t.Context().Err() != nil {
			t.Fatal("the keys were not read")
		}
	}
	if err := probe(t.Context(), "http://"+address+"/live"); err != nil {
		t.Error(err)
	}
	if err := probe(t.Context(), "http://"+address+"/other"); err == nil {
		t.Error("a service that answers 404 is well")
	}
	h.Client().CloseIdleConnections()
	if err := two.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-two.ended; err != nil {
		t.Errorf("the second service ended with %v", err)
	}
}

// memory is a listener whose connections are made in this process.
type memory struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.accepted:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (*memory) Addr() net.Addr { return &net.TCPAddr{} }

func TestAServiceThatDrainsAnswersAndSaysThatItsConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := twoNodes(t)
		l := &memory{accepted: make(chan net.Conn), closed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.nodes[0].serve(ctx, l, 10*time.Second) }()
		dial := func() net.Conn {
			here, there := net.Pipe()
			l.accepted <- there
			return here
		}
		want := func(conn net.Conn, path string, status int, ends bool) {
			t.Helper()
			_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: notes\r\n\r\n", path)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			if answer.StatusCode != status || answer.Close != ends {
				t.Errorf("%s: %d, and the connection ends: %t", path, answer.StatusCode, answer.Close)
			}
			_ = answer.Body.Close()
		}
		kept := dial()
		want(kept, "/ready", http.StatusOK, false)
		stop()
		time.Sleep(9 * time.Second)
		want(kept, "/ready", http.StatusServiceUnavailable, true)
		want(dial(), "/live", http.StatusOK, true)
		late := dial()
		time.Sleep(2 * time.Second)
		select {
		case <-l.closed:
		default:
			t.Error("connections are accepted for longer than asked for")
		}
		want(late, "/live", http.StatusOK, true)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionsAreWaitedForUntilTheyAreIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, other := net.Pipe()
		var open connections
		open.track(one, http.StateNew)
		open.track(other, http.StateActive)
		ended := make(chan struct{})
		go func() {
			open.wait(t.Context())
			close(ended)
		}()
		for i, step := range []func(){
			func() {},
			func() { open.track(other, http.StateIdle) },
			func() { open.track(one, http.StateActive) },
			func() { open.track(one, http.StateClosed) },
		} {
			step()
			time.Sleep(time.Second)
			select {
			case <-ended:
				if i < 3 {
					t.Errorf("the wait has ended after step %d", i)
				}
			default:
				if i == 3 {
					t.Error("the wait has not ended")
				}
			}
		}
	})
}

func get(t *testing.T, client *http.Client, url, bearer string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusTooManyRequests {
		return errors.New(answer.Status)
	}
	return nil
}
