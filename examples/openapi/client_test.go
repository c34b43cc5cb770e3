package openapi_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// A client that was generated from the document, and type-checked, knows all that it needs.
func TestAGeneratedClientLogsInRefreshesAndReadsItsQuota(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Abs("testdata/node_modules")
	check(t, err)
	if _, err := exec.LookPath("node"); err != nil {
		skip.Skip(t, "no node")
	}
	if _, err := os.Stat(filepath.Join(modules, "openapi-typescript")); err != nil {
		skip.Skip(t, "no generator: npm ci --ignore-scripts in examples/openapi/testdata")
	}
	h := open(t, wire.FastAPI{}, func(c *config) { c.auth.BruteForce = middleware.BruteForce{} })
	server := httptest.NewServer(h.mux)
	t.Cleanup(server.Close)

	dir := t.TempDir()
	check(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	for _, name := range []string{"client.ts", "tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, "openapi.json"), h.document.JSON(), 0o600))
	node := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "node", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("node %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	node("node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts")
	node("node_modules/typescript/bin/tsc", "-p", ".")
	const want = "400 LOGIN_BAD_CREDENTIALS\n200 bearer 3600\n200 free 500\n"
	if got := node("out/client.js", server.URL); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
