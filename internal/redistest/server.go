// Package redistest gives tests a Redis server: the one at SALLYPORT_REDIS, or one of
// their own that they may kill. Their own is redis-server, or the program that
// SALLYPORT_REDIS_SERVER names, such as valkey-server. Only tests import it.
package redistest

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// URL returns the URL of a server that other tests may use at the same time: that of
// SALLYPORT_REDIS, or else of a server that the tests of the package share. A test must
// use keys with a [Prefix] only, and leave the server's settings alone. Without a server
// the test is skipped, or fails if SALLYPORT_REQUIRE_SERVICES is set.
func URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("SALLYPORT_REDIS") //nolint:forbidigo // a test has no Config
	if url == "" {
		return one.get(t, func(t testing.TB) string { return Start(t).URL() })
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("SALLYPORT_REDIS: %v", err)
	}
	options.MaxRetries, options.DialerRetries = -1, 1 // no retry: the server is there, or the test is skipped
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.Ping(t.Context()).Err(); err != nil {
		skip.Skip(t, "no Redis at "+options.Addr)
	}
	return url
}

// Server is a process of a server that a test has started.
type Server struct {
	Addr string

	// Says is the name and version by which the server introduces itself, such as
	// "Redis 7.0.15" or "Valkey 8.0.1". Empty: it demands a password first.
	Says string

	args   []string
	dir    string
	config string // of a Sentinel; empty: it is none
	cmd    *exec.Cmd
}

// Start starts a server without persistence, with these additional arguments, and
// stops it when the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{args: args, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	for range 5 { // another process may take the port before the server does
		s.Addr = freeAddr(t)
		if s.Run(t) {
			return s
		}
	}
	t.Fatalf("%s does not start", program())
	return nil
}

// program returns the name of the program that the servers of tests run.
func program() string {
	return cmp.Or(os.Getenv("SALLYPORT_REDIS_SERVER"), "redis-server") //nolint:forbidigo // a test has no Config
}

// URL returns the address of the server in the form of redis.ParseURL.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Run starts the server, again after Kill, and reports whether it answers.
func (s *Server) Run(t testing.TB) bool {
	t.Helper()
	path, err := exec.LookPath(program())
	if err != nil {
		skip.Skip(t, "no "+program()+" on this machine, and this test needs one of its own")
	}
	host, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{
		"--bind", host, "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "no", "--loglevel", "warning", "--repl-diskless-sync-delay", "0",
	}, s.args...)
	if s.config != "" {
		args = []string{s.config, "--sentinel", "--bind", host, "--port", port, "--dir", s.dir}
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), path, args...) //nolint:gosec // it is a Redis
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !Eventually(t, func() bool { return s.answers(t) }) {
		return false
	}
	if valkey := strings.HasPrefix(filepath.Base(path), "valkey"); s.Says != "" && valkey != strings.HasPrefix(s.Says, "Valkey ") {
		t.Fatalf("%s says that it is %s", path, s.Says)
	}
	return true
}

// answers reports whether this server answers at its address, and not another
// process that has taken the port, and has read its data.
func (s *Server) answers(t testing.TB) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", s.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it was only read from
	late := time.AfterFunc(time.Second, func() { _ = conn.Close() })
	defer late.Stop()
	if _, err := io.WriteString(conn, "INFO server\r\nPING\r\n"); err != nil {
		return false
	}
	said := map[string]string{}
	for answer := bufio.NewScanner(conn); answer.Scan(); {
		line := answer.Text()
		switch {
		case strings.HasPrefix(line, "-NOAUTH"):
			return true // only this server was started with a password
		case strings.HasPrefix(line, "+"), strings.HasPrefix(line, "-"): // to PING
			s.Says = introduces(said)
			return said["process_id"] == strconv.Itoa(s.cmd.Process.Pid) && !strings.HasPrefix(line, "-LOADING")
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			said[name] = value
		}
	}
	return false
}

// introduces returns the name and version that the reply to INFO has. Valkey has a version
// of Redis in it too: the one whose commands it knows.
func introduces(said map[string]string) string {
	if version := said["valkey_version"]; version != "" {
		return "Valkey " + version
	}
	return "Redis " + said["redis_version"]
}

// RunAsReplica starts the server after Kill, as a replica of another from its first moment
// on, and reports whether it answers. A master that came back with nothing would offer that.
func (s *Server) RunAsReplica(t testing.TB, host, port string) bool {
	t.Helper()
	s.args = append(s.args, "--replicaof", host+" "+port)
	return s.Run(t)
}

// Kill stops the server with SIGKILL, as a crash would.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Pause suspends the server with SIGSTOP. Its connections stay open.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume continues the server after Pause.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it had no connection
	return listener.Addr().String()
}

// Eventually calls so until it returns true, for 15 seconds at most, and reports
// whether it did.
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
