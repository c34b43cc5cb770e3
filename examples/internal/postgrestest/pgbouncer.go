package postgrestest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// PgBouncer starts a PgBouncer in front of the database of a DSN, with this pool_mode,
// and stops it when the test ends. One that ends before is started again, as what
// supervises it does: 1.18 was seen to end ("bad client state") where clients were killed
// while it cancelled their statements. It returns the DSN to use instead, for pgx and for
// lib/pq. On a machine that has no pgbouncer the test is skipped, or fails if
// SALLYPORT_REQUIRE_SERVICES is set.
func PgBouncer(t testing.TB, dsn, mode string) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		skip.Skip(t, "no pgbouncer on this machine")
	}
	server, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is no URL") // which may have a password in it
	}
	host, port, err := net.SplitHostPort(server.Host)
	if err != nil {
		host, port = server.Host, "5432"
	}
	password, _ := server.User.Password()
	if password != "" {
		password = "password='" + password + "'"
	}
	own := ReservedPort(t)
	dir, err := os.MkdirTemp("", "sallyport-pgbouncer-") //nolint:usetesting // only the user who runs the test can read t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := server.Path[1:]
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]s dbname=%[1]s user=%[4]s %[5]s connect_query='SET search_path TO %[6]s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[7]s
unix_socket_dir =
auth_type = any
pool_mode = %[8]s
default_pool_size = 8
server_reset_query = DEALLOCATE ALL
server_login_retry = 0.2
so_reuseport = 0
logfile = %[9]s
`, name, host, port, server.User.Username(), password, server.Query().Get("search_path"), own, mode, filepath.Join(dir, "log"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	who := owner(t)
	for _, file := range []string{dir, config} {
		if who == nil {
			break
		}
		if err := os.Chown(file, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, path, "-q", config) //nolint:gosec // it is pgbouncer
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
			cmd.Dir = dir
			err := cmd.Run()
			if ctx.Err() != nil {
				return
			}
			t.Logf("pgbouncer has ended by itself (%v) and is started again: %s", err, lastLine(filepath.Join(dir, "log")))
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	address := net.JoinHostPort("127.0.0.1", own)
	if !redistest.Eventually(t, func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		said, _ := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // it is PgBouncer's
		t.Fatalf("pgbouncer does not start: %s", said)
	}
	return (&url.URL{Scheme: "postgres", User: server.User, Host: address, Path: server.Path, RawQuery: "sslmode=disable"}).String()
}

// lastLine is the end of a log.
func lastLine(path string) string {
	said, _ := os.ReadFile(path) //nolint:gosec // it is PgBouncer's
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return lines[len(lines)-1]
}
