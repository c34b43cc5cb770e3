// Package redistest gives tests a Redis: the one that SALLYPORT_REDIS names, or
// one of their own that they may kill. Nothing of it is shipped.
package redistest

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// URL returns the address of a server that others may use at the same time: the
// one that SALLYPORT_REDIS names, else one that is started for this test. Tests
// keep to a [Prefix] there. Where neither can be had the test is skipped, or
// fails if SALLYPORT_REQUIRE_SERVICES is set.
func URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("SALLYPORT_REDIS") //nolint:forbidigo // a test has no Config
	if url == "" {
		return Start(t).URL()
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("SALLYPORT_REDIS: %v", err)
	}
	options.MaxRetries, options.DialerRetries = -1, 1 // it is there, or it is not
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.Ping(t.Context()).Err(); err != nil {
		skip.Skip(t, "no Redis at "+options.Addr)
	}
	return url
}

// Server is a redis-server of the test's own.
type Server struct {
	Addr string

	args []string
	dir  string
	cmd  *exec.Cmd
}

// Start starts a server that keeps nothing on disk, with these arguments besides,
// and stops it when the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{args: args, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	for range 5 { // somebody may take the port before the server does
		s.Addr = freeAddr(t)
		if s.Run(t) {
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

// URL is the server's address as a client reads it.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Run starts the server, again after Kill, and reports whether it answers.
func (s *Server) Run(t testing.TB) bool {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		skip.Skip(t, "no redis-server on this machine, and this test wants one of its own")
	}
	host, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{
		"--bind", host, "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "no", "--loglevel", "warning", "--repl-diskless-sync-delay", "0",
	}, s.args...)
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), path, args...) //nolint:gosec // it is redis-server
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return Eventually(t, func() bool { return s.answers(t) })
}

// answers reports whether it is this server that answers at its address, and not
// one that was faster to take the port.
func (s *Server) answers(t testing.TB) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", s.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it was asked, and that is all
	late := time.AfterFunc(time.Second, func() { _ = conn.Close() })
	defer late.Stop()
	if _, err := io.WriteString(conn, "INFO server\r\n"); err != nil {
		return false
	}
	answer := bufio.NewScanner(conn)
	for answer.Scan() {
		if strings.HasPrefix(answer.Text(), "-NOAUTH") {
			return true // it was told to want a password, and no other is
		}
		if id, ok := strings.CutPrefix(answer.Text(), "process_id:"); ok {
			return id == strconv.Itoa(s.cmd.Process.Pid)
		}
	}
	return false
}

// Kill ends the server as a power failure would.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Pause stops the server in the middle of whatever it does; its connections stay.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nobody has used it
	return listener.Addr().String()
}

// Eventually asks until it is so, and reports whether it came to be within some
// seconds.
func Eventually(t testing.TB, so func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
	return true
}
