package postgrestest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// Standby starts a server that follows this one by streaming replication and can take
// over, and takes it away when the test ends.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	other := &Server{programs: s.programs, owner: s.owner, password: s.password}
	var err error
	other.dir, err = os.MkdirTemp("", "sallyport-postgres-") //nolint:usetesting // only the user who runs the test can read t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(other.dir) })
	if s.owner != nil {
		if err := os.Chown(other.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	other.programs = backups(t, s.programs)
	copied := other.command(t, "pg_basebackup", "--dbname", s.URL(), "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	if said, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, said)
	}
	other.programs = s.programs
	other.port = ReservedPort(t)
	t.Cleanup(other.stop)
	if !other.Run(t) {
		t.Fatal("the standby does not start")
	}
	return other
}

// backups returns the folder that has pg_basebackup: that of the server's programs, one
// on the PATH, or the newest of Debian and its kin.
func backups(t testing.TB, folder string) string {
	t.Helper()
	folders := []string{folder}
	if path, err := exec.LookPath("pg_basebackup"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/[1-9][0-9]/bin")
	slices.Reverse(packaged)
	for _, folder := range append(folders, packaged...) {
		if _, err := exec.LookPath(filepath.Join(folder, "pg_basebackup")); err == nil {
			return folder
		}
	}
	skip.Skip(t, "no pg_basebackup on this machine, and this test needs a standby")
	return ""
}

// Promote lets a standby take over.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := run(t.Context(), s.URL(), "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
}

// EitherURL returns the address of two servers, of which a client takes the one that
// takes writes.
func (s *Server) EitherURL(t testing.TB, other *Server) string {
	t.Helper()
	address, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal("the address is no URL") // it has a password
	}
	address.Host += ",127.0.0.1:" + other.port
	address.RawQuery += "&connect_timeout=5&target_session_attrs=read-write"
	return address.String()
}
