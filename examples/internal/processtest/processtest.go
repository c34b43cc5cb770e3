// Package processtest runs servers that others wrote, for tests: a proxy, for
// instance, with a configuration of the test's.
package processtest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// Program is a server, by its name on this machine.
type Program struct {
	Name   string
	Config string // the template of its configuration, such as "testdata/nginx.conf"

	// Args are the arguments with which it runs in the foreground and reads this
	// file.
	Args func(config string) []string
}

// Nginx is nginx with a configuration that has "daemon off".
func Nginx(config string) Program {
	return Program{Name: "nginx", Config: config, Args: func(file string) []string { return []string{"-e", "stderr", "-c", file} }}
}

// Dir makes a directory for a server's files, and removes it when the test ends.
// Its path is short enough for Unix domain sockets.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "server") //nolint:usetesting // the path of t.TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Start runs the program until the test ends, and returns when it listens on all of
// the addresses. prepare returns the data of the template, and these addresses:
// fresh ones each time, because another process may take one before the program
// does. The test is skipped without the program, and where no programs of others are run.
func (p Program) Start(t *testing.T, dir string, prepare func() (data any, addresses []string)) {
	t.Helper()
	skip.Programs(t)
	path, err := exec.LookPath(p.Name)
	if err != nil {
		skip.Skip(t, "no "+p.Name)
	}
	text, err := template.ParseFiles(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		data, addresses := prepare()
		var out bytes.Buffer
		file := filepath.Join(dir, filepath.Base(p.Config))
		if err := errors.Join(text.Execute(&out, data), os.WriteFile(file, out.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		if runs(t, path, p.Args(file), dir, addresses) {
			return
		}
	}
	t.Fatalf("%s does not start", p.Name)
}

// runs starts a process that ends with the test, and reports whether it listens.
func runs(t *testing.T, path string, args []string, dir string, addresses []string) bool {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...) //nolint:gosec // the test names the program
	command.Dir = dir
	command.Env = append(os.Environ(), "HOME="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log lockedBuffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if !slices.ContainsFunc(addresses, func(a string) bool { return !listens(t, a) }) {
			return true
		}
		select {
		case <-ended:
			t.Logf("%s ended: %s", path, log.String())
			return false
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
}

func listens(t *testing.T, address string) bool {
	t.Helper()
	var dialer net.Dialer
	c, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// FreeAddress returns an address of this machine at which nothing listens now.
func FreeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// lockedBuffer is what a process prints while it may still print.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
