// Package starters_test builds each of the programs below this folder outside of
// the repository, as a new user would, and uses it: they log in, refresh and are
// limited.
package starters_test

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/internal/skip"

	// What the programs link, so that go test does not take an old result from its
	// cache when it has changed.
	_ "github.com/sallyport-go/sallyport/middleware"
	_ "github.com/sallyport-go/sallyport/middleware/clientip"
	_ "github.com/sallyport-go/sallyport/middleware/echov4"
	_ "github.com/sallyport-go/sallyport/middleware/echov5"
	_ "github.com/sallyport-go/sallyport/store/memstore"
)

const (
	maxLines   = 60 // of a program
	maxWrapper = 15 // of the function in use.go that converts middleware, if there is one
)

// starters are the programs, each with the module of its framework. One with a wrapper
// has use.go, and routes for the sessions of its user.
var starters = []struct {
	name, framework string
	wrapper         bool
}{
	{name: "nethttp"},
	{name: "echo", framework: "github.com/labstack/echo/v4"},
	{name: "echov5", framework: "github.com/labstack/echo/v5"},
	{name: "chi", framework: "github.com/go-chi/chi/v5"},
	{name: "gin", framework: "github.com/gin-gonic/gin", wrapper: true},
	{name: "fiber", framework: "github.com/gofiber/fiber/v3", wrapper: true},
}

// unwanted are modules that a program must not link unless they are its framework's:
// frameworks, Redis clients and SQL drivers.
var unwanted = []string{
	"github.com/labstack/", "github.com/go-chi/", "github.com/gin-gonic/", "github.com/gofiber/",
	"github.com/redis/", "github.com/jackc/", "github.com/lib/pq", "github.com/go-sql-driver/",
	"github.com/mattn/go-sqlite3", "modernc.org/",
}

func TestStarters(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	for _, s := range starters {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			binary := build(t, s.name, addr)
			links(t, binary, s.framework)
			start(t, binary, addr)
			host := hosttest.At(t, "http://"+addr)
			use(t, host)
			if s.wrapper {
				endSession(t, host)
			}
		})
	}
}

// use logs in, refreshes and spends the limit.
func use(t *testing.T, host *hosttest.Host) {
	t.Helper()
	host.Get(t, "/hello", "").Is(t, http.StatusUnauthorized, "")
	host.Post(t, "/login", "username", "ada", "password", "wrong horse").Is(t, http.StatusBadRequest, "invalid_grant")
	first := host.Post(t, "/login", "username", "ada", "password", "correct horse").Pair(t)
	host.Get(t, "/hello", first.Access).Is(t, http.StatusOK, "hello, 1\n")

	second := host.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	host.Get(t, "/hello", second.Access).Is(t, http.StatusOK, "hello, 1\n")
	// The second use is refused, and ends the session.
	host.Post(t, "/refresh", "refresh_token", first.Refresh).Is(t, http.StatusBadRequest, "invalid_grant")
	host.Post(t, "/refresh", "refresh_token", second.Refresh).Is(t, http.StatusBadRequest, "invalid_grant")

	const limit = 10 // of which two are spent
	for range limit - 2 {
		host.Get(t, "/hello", second.Access).Is(t, http.StatusOK, "hello, 1\n")
	}
	refused := host.Get(t, "/hello", second.Access)
	refused.Is(t, http.StatusTooManyRequests, "")
	if strings.Contains(refused.Body, "hello") {
		t.Errorf("the handler has answered a request that was refused: %s", refused.Body)
	}
	if got := refused.Header.Get("X-RateLimit-Limit"); got != strconv.Itoa(limit) {
		t.Errorf("X-RateLimit-Limit: %s, want %d", got, limit)
	}
	if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 1 || after > 3600/limit {
		t.Errorf("Retry-After: %q, want 1 to %d seconds, the time of one request", refused.Header.Get("Retry-After"), 3600/limit)
	}
}

// endSession logs in and ends the session by its ID, which the router of the framework
// has in a place of its own.
func endSession(t *testing.T, host *hosttest.Host) {
	t.Helper()
	pair := host.Post(t, "/login", "username", "ada", "password", "correct horse").Pair(t)
	var list struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	sessions := host.Get(t, "/sessions", pair.Access)
	if err := json.Unmarshal([]byte(sessions.Body), &list); err != nil {
		t.Fatalf("sessions = %d %s: %v", sessions.Status, sessions.Body, err)
	}
	end := hosttest.Request{Method: http.MethodDelete, Bearer: pair.Access}
	for _, s := range list.Sessions {
		if s.Current {
			end.Path = "/sessions/" + s.ID
		}
	}
	host.Do(t, end).Is(t, http.StatusNoContent, "")
	host.Post(t, "/refresh", "refresh_token", pair.Refresh).Is(t, http.StatusBadRequest, "invalid_grant")
	host.Do(t, end).Is(t, http.StatusNotFound, "")
}

// build copies a program and its go.mod to a temporary folder, lets it listen on
// addr, builds it there and returns the path of the binary.
func build(t *testing.T, name, addr string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, c := range []struct{ file, old, new string }{
		{"main.go", `"127.0.0.1:8080"`, strconv.Quote(addr)},
		{"go.mod", "=> ../../..\n", "=> " + strconv.Quote(root) + "\n"},
		{"go.sum", "", ""},
		{"use.go", "", ""},
	} {
		text, err := os.ReadFile(filepath.Join(name, c.file))
		if c.file == "use.go" {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			_, function, _ := bytes.Cut(text, []byte("\nfunc "))
			if lines := bytes.Count(function, []byte("\n")); lines < 2 || lines > maxWrapper {
				t.Errorf("the function in %s/use.go has %d lines, want %d or fewer", name, lines, maxWrapper)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.old != "" && bytes.Count(text, []byte(c.old)) != 1 {
			t.Fatalf("%s/%s: want %q once", name, c.file, c.old)
		}
		if lines := bytes.Count(text, []byte("\n")); c.file == "main.go" && lines > maxLines {
			t.Errorf("%s/main.go has %d lines, want %d or fewer", name, lines, maxLines)
		}
		text = bytes.Replace(text, []byte(c.old), []byte(c.new), 1)
		if err := os.WriteFile(filepath.Join(folder, c.file), text, 0o600); err != nil { //nolint:gosec // a folder of the test, and one of four names
			t.Fatal(err)
		}
	}

	binary := filepath.Join(folder, "starter.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", binary, ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		if offline(string(out)) {
			skip.Skip(t, "the module proxy cannot be reached")
		}
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// offline reports whether go build failed because it could not download a module.
func offline(out string) bool {
	for _, sign := range []string{
		"dial tcp", "no such host", "i/o timeout", "TLS handshake timeout", "connection reset",
		"proxyconnect", "module lookup disabled by GOPROXY=off", "502 Bad Gateway", "503 Service Unavailable",
	} {
		if strings.Contains(out, sign) {
			return true
		}
	}
	return false
}

// links fails the test if the binary links a module that only other hosts need.
func links(t *testing.T, binary, framework string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range info.Deps {
		modules = append(modules, m.Path)
		ofFramework := framework != "" && strings.HasPrefix(framework, organisation(m.Path))
		if !ofFramework && slices.ContainsFunc(unwanted, func(u string) bool { return strings.HasPrefix(m.Path, u) }) {
			t.Errorf("the binary links %s", m.Path)
		}
		if strings.HasPrefix(m.Path, "github.com/labstack/echo/") && m.Path != framework {
			t.Errorf("the binary links another version of Echo: %s", m.Path)
		}
	}
	// Without these the list is not what it is taken for.
	want := []string{"github.com/sallyport-go/sallyport", "github.com/golang-jwt/jwt/v5"}
	if framework != "" {
		want = append(want, framework)
	}
	for _, w := range want {
		if !slices.Contains(modules, w) {
			t.Errorf("the binary does not link %s: %q", w, modules)
		}
	}
}

// organisation returns the beginning of a module's path, up to the second slash.
func organisation(module string) string {
	parts := strings.SplitAfterN(module, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "")
}

// freeAddr returns an address of this machine on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// start runs the binary until the test ends, and returns when it listens on addr.
func start(t *testing.T, binary, addr string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, binary)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("the program ended:\n%s", out.Bytes())
		case <-deadline:
			t.Fatalf("the program does not listen on %s", addr)
		}
	}
}
