package postgrestest

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// Server is a PostgreSQL server of the test's own, which may kill it.
type Server struct {
	dir      string // of its data and its log
	port     string
	password string // for anybody on this machine may knock

	programs string // the folder of initdb and postgres
	owner    *syscall.Credential

	cmd  *exec.Cmd // the postmaster
	gone chan struct{}
}

// Start starts a server that confirms nothing before it is on the disk, and takes
// it away when the test ends. On a machine that has no PostgreSQL the test is
// skipped, or fails if SALLYPORT_REQUIRE_SERVICES is set.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{programs: programs(t), owner: owner(t), password: rand.Text()}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		skip.Skip(t, "no /proc on this machine, by which all of a server is killed")
	}
	s.initialize(t)
	s.port = ReservedPort(t)
	t.Cleanup(s.stop)
	if !s.Run(t) {
		t.Fatal("postgres does not start")
	}
	return s
}

// initialize makes the data of a server that has never run.
func (s *Server) initialize(t testing.TB) {
	t.Helper()
	var err error
	s.dir, err = os.MkdirTemp("", "sallyport-postgres-") //nolint:usetesting // only the user who runs the test can read t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(s.dir); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.dir, secret} {
		if s.owner == nil {
			break
		}
		if err := os.Chown(name, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	said, err := s.command(t, "initdb", "--username", "postgres", "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v: %s", err, said)
	}
}

// URL is the server's address as a client reads it.
func (s *Server) URL() string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: net.JoinHostPort("127.0.0.1", s.port), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return address.String()
}

// Run starts the server, again after Kill, and reports whether it lets people in.
// It waits for as long as the server reads what it had written.
func (s *Server) Run(t testing.TB) bool {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // what is in it has been read
	cmd, gone := s.command(t, "postgres", "-p", s.port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=16MB",
		"-c", "max_connections=200", // on a busy machine those of clients that were killed stay for a while
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on",
		"-c", "dynamic_shared_memory_type=mmap", // which lies with the data, and not where a killed server would leave it
	), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log // a file: the children inherit it, and Wait does not wait for them
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
	for t.Context().Err() == nil && !redistest.Eventually(t, func() bool { return s.over() || s.ready() }) {
		t.Log("postgres is not ready yet")
	}
	if s.over() {
		said, _ := os.ReadFile(log.Name())
		t.Logf("postgres has ended: %s", said)
		return false
	}
	return s.ready()
}

// command is one of the server's programs, on its data.
func (s *Server) command(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	args = append(args, "-D", s.data())
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(s.programs, program), args...) //nolint:gosec // it is PostgreSQL's
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	cmd.Dir = s.dir // for the test's may be closed to the owner
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// ready reports whether the server says so, in the place where pg_ctl looks. It is
// not taken for one that was faster to take the port.
func (s *Server) ready() bool {
	text, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return len(lines) > 7 && lines[0] == strconv.Itoa(s.cmd.Process.Pid) && slices.Contains([]string{"ready", "standby"}, strings.TrimSpace(lines[7]))
}

// over reports whether the server does not run.
func (s *Server) over() bool {
	if s.cmd == nil {
		return true
	}
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// Kill ends the server in the middle of whatever it does, all of it at one moment:
// no process sees another one end. None is left when Kill returns, but what
// they cannot take with them is, for the next Run to cope with.
func (s *Server) Kill() {
	if s.over() {
		return
	}
	s.Pause()
	s.tell(syscall.SIGKILL, ended)
	_ = s.cmd.Process.Kill()
	<-s.gone
}

// Pause stops the server in the middle of whatever it does; its connections stay.
func (s *Server) Pause() { s.tell(syscall.SIGSTOP, halted) }

// Resume lets it go on.
func (s *Server) Resume() {
	for _, p := range family(s.cmd.Process.Pid) {
		_ = syscall.Kill(p.pid, syscall.SIGCONT)
	}
}

// tell stops the postmaster, and signals its children until each is in one of
// these states. They are no group that could be signalled at once: each makes one
// of its own. A postmaster that has stopped has no more of them, and as it does
// not see them end, no other process gets their IDs.
func (s *Server) tell(signal syscall.Signal, states string) {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !s.over() && !s.told(signal, states) {
		<-again.C
	}
}

// told signals each process that is in none of these states, and reports whether
// there was no such process.
func (s *Server) told(signal syscall.Signal, states string) bool {
	all := true
	for _, p := range family(s.cmd.Process.Pid) {
		switch {
		case p.pid == s.cmd.Process.Pid:
			all = all && p.in(halted)
		case !p.in(states):
			all = false
			_ = syscall.Kill(p.pid, signal)
		}
	}
	return all
}

// stop ends the server so that nothing of it is left outside of its folder.
func (s *Server) stop() {
	if s.over() {
		return
	}
	s.Resume()
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.gone
}
