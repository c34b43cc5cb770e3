package postgrestest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// programs is the folder that has initdb and postgres: one on the PATH, the one
// that pg_config names, or the newest of Debian and its kin.
func programs(t testing.TB) string {
	t.Helper()
	var folders []string
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	if said, err := exec.CommandContext(t.Context(), "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(said)))
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/[1-9][0-9]/bin")
	slices.Reverse(packaged)
	for _, folder := range append(folders, packaged...) {
		_, initdb := exec.LookPath(filepath.Join(folder, "initdb"))
		_, postgres := exec.LookPath(filepath.Join(folder, "postgres"))
		if initdb == nil && postgres == nil {
			return folder
		}
	}
	skip.Skip(t, "no initdb and postgres on this machine, and this test needs a server of its own")
	return ""
}

// owner is whom a server runs as that root has started: PostgreSQL refuses root
// itself. Everybody else's is their own.
func owner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		skip.Skip(t, "no user postgres on this machine, and root may not run a server")
	}
	uid, err := strconv.ParseUint(postgres.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(postgres.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// ReservedPort returns a port that no other process gets until the test ends, even
// while no server listens on it: a socket is bound to it and does not listen.
func ReservedPort(t testing.TB) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	syscall.CloseOnExec(socket)
	// As the server sets it, too, they can both be bound.
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	bound, ok := address.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("an address of another kind: %v", address)
	}
	return strconv.Itoa(bound.Port)
}
