package adapter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// servers returns an app of each version with Echo's own error handler.
func servers() []adaptertest.Server {
	return []adaptertest.Server{v4.server("Echo v4"), v5.server("Echo v5")}
}

// TestTwin sends each request of the table to a net/http ServeMux and to an app of
// each version of Echo with Echo's own error handler, over real connections. Each has
// a fixture of its own, prepared by the same steps. The answers must be equal: status,
// all headers and body, byte by byte. Differences lists what is not compared.
func TestTwin(t *testing.T) { //nolint:paralleltest // crypto/rand is seeded for the whole process
	for _, tw := range adaptertest.Twins { //nolint:paralleltest // the same
		t.Run(tw.Name, func(t *testing.T) {
			std, _ := tw.Answer(t, adaptertest.OverHTTP)
			if std.Status != tw.Status {
				t.Errorf("net/http: status = %d, want %d", std.Status, tw.Status)
			}
			for _, s := range servers() {
				twin, reason := tw.Answer(t, s)
				for _, d := range adaptertest.Differences(tw.Method(), std, twin) {
					t.Errorf("%s: %s", s.Name, d)
				}
				if reason != tw.Reason {
					t.Errorf("%s: reason = %q, want %q", s.Name, reason, tw.Reason)
				}
				for _, inside := range []string{"10.0.0.7", "store:", "tokens:", "middleware:", "memstore", "issuer"} {
					if tw.Status >= 400 && strings.Contains(std.Text()+twin.Text(), inside) {
						t.Errorf("%s: an answer has %q in it", s.Name, inside)
					}
				}
			}
		})
	}
}

// TestTwinDetectsDifferentConfigs sends requests to fixtures with different
// configurations. It fails if the handlers are not called or the answers are not
// compared.
func TestTwinDetectsDifferentConfigs(t *testing.T) { //nolint:paralleltest // crypto/rand is seeded for the whole process
	login := adaptertest.Form("POST /login", adaptertest.AlicesLogin)
	for name, tt := range map[string]struct { //nolint:paralleltest // as above
		request adaptertest.Request
		twin    func(*adaptertest.Config)
		want    string
	}{
		"another realm":    {adaptertest.Bare("GET /bearer"), func(c *adaptertest.Config) { c.Auth.Realm = "other" }, "Www-Authenticate"},
		"another dialect":  {adaptertest.Bare("GET /bearer"), func(c *adaptertest.Config) { c.Auth.Dialect = wire.FastAPI{} }, "body"},
		"another lifetime": {login, func(c *adaptertest.Config) { c.Tokens.AccessTTL = time.Minute }, "body"},
		"another limit": {adaptertest.Bare("GET /limited"), func(c *adaptertest.Config) {
			c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 2, Period: time.Hour}}
		}, "status"},
		"another token": {login, func(c *adaptertest.Config) { c.Tokens.Issuer = "https://other.example" }, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			tw := adaptertest.Twin{Request: tt.request}
			std, _ := tw.Answer(t, adaptertest.OverHTTP)
			tw.Config = tt.twin
			for _, s := range servers() {
				other, _ := tw.Answer(t, s)
				if got := strings.Join(adaptertest.Differences(tw.Method(), std, other), "\n"); !strings.Contains(got, tt.want) {
					t.Errorf("%s: differences = %q, want one in %q", s.Name, got, tt.want)
				}
			}
		})
	}
}
