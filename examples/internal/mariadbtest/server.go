package mariadbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/mariadb"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// Server is a MariaDB server of the test's own, which may kill it.
type Server struct {
	dir      string // of its data and its log
	address  string
	password string // for anybody on this machine may knock
	program  string

	cmd  *exec.Cmd
	gone chan struct{}
}

// Start starts a server that confirms nothing before it is on the disk, and takes it away
// when the test ends. On a machine that has no MariaDB the test is skipped, or fails if
// SALLYPORT_REQUIRE_SERVICES is set.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{program: program(t, "mariadbd"), password: rand.Text()}
	var err error
	s.dir, err = os.MkdirTemp("", "sallyport-mariadb-") //nolint:usetesting // its path must be short, for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(s.dir); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	made := exec.CommandContext(t.Context(), program(t, "mariadb-install-db"), append(s.settings(), "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")...) //nolint:gosec // it is MariaDB's
	if said, err := made.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v: %s", err, said)
	}
	s.address = net.JoinHostPort("127.0.0.1", postgrestest.ReservedPort(t))
	t.Cleanup(s.stop)
	if !s.Run(t) {
		t.Fatal("mariadbd does not start")
	}
	for _, statement := range []string{"SET PASSWORD = PASSWORD('" + s.password + "')", "CREATE DATABASE shop"} {
		if err := s.do(t.Context(), "", statement); err != nil {
			if err = s.do(t.Context(), s.password, statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// settings are those of both programs. The file of the log is small, since it is written
// before the server starts. Temporary tables have a folder of their own: a server that
// starts removes those of every server that shares it.
func (s *Server) settings() []string {
	return []string{"--no-defaults", "--user=" + userOfServer(), "--datadir=" + filepath.Join(s.dir, "data"), "--tmpdir=" + s.dir, "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M"}
}

// userOfServer is root for root: otherwise MariaDB refuses to run.
func userOfServer() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

func program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	skip.Skip(t, "no "+name+" on this machine, and this test needs a MariaDB of its own")
	return ""
}

// URL is the server's address as a client reads it.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "mysql", User: url.UserPassword("root", s.password), Host: s.address, Path: "/shop"}).String()
}

// DSN is URL for the driver.
func (s *Server) DSN(t testing.TB) string {
	t.Helper()
	c, err := mariadb.Config(s.URL())
	if err != nil {
		t.Fatal("the address is no URL") // it has a password
	}
	return c.FormatDSN()
}

// Run starts the server, again after Kill, and reports whether it lets people in. It waits
// for as long as the server reads what it had written.
func (s *Server) Run(t testing.TB) bool {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // what is in it has been read
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), s.program, append(s.settings(), //nolint:gosec // it is MariaDB's
		"--port="+port, "--bind-address=127.0.0.1", "--socket="+filepath.Join(s.dir, "s"), "--pid-file="+filepath.Join(s.dir, "pid"),
		"--innodb-flush-log-at-trx-commit=1", "--performance-schema=off", "--max-connections=200", "--skip-name-resolve")...)
	cmd.Stdout, cmd.Stderr = log, log
	gone := make(chan struct{})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
	for t.Context().Err() == nil && !redistest.Eventually(t, func() bool { return s.over() || s.ready(t.Context()) }) {
		t.Log("mariadbd is not ready yet")
	}
	if s.over() {
		said, _ := os.ReadFile(log.Name())
		t.Logf("mariadbd has ended: %s", said)
		return false
	}
	return s.ready(t.Context())
}

// ready reports whether the server lets people in: by its password, or by none before it
// has one.
func (s *Server) ready(ctx context.Context) bool {
	within, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.do(within, s.password, "DO 1") == nil || s.do(within, "", "DO 1") == nil
}

func (s *Server) do(ctx context.Context, password, statement string) error {
	db, err := sql.Open("mysql", "root:"+password+"@tcp("+s.address+")/")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
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

// Kill ends the server in the middle of whatever it does.
func (s *Server) Kill() {
	if s.over() {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
}

// Pause stops the server in the middle of whatever it does; its connections stay.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// stop ends the server for good: what it leaves goes with its folder.
func (s *Server) stop() { s.Kill() }
