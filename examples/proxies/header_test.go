package proxies_test

import (
	"net/http"
	"strconv"
	"testing"
)

// TestFaultB12ProxiesCarryTheHeaderOfAnAnswer holds the numbers of
// docs/cookies-and-browsers.md against the proxies themselves.
func TestFaultB12ProxiesCarryTheHeaderOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			f := start(t, p, newHost(t))[0]
			c := newClient(t, f, "HTTP/1.1", 2)
			carries := func(path string, bytes int) bool {
				t.Helper()
				got := c.get(path+"?bytes="+strconv.Itoa(bytes), nil)
				if got.status != http.StatusOK && got.status != http.StatusBadGateway {
					t.Fatalf("%d bytes: %d", bytes, got.status)
				}
				return got.status == http.StatusOK
			}
			most := map[string]int{"nginx": 4096, "haproxy": 14 << 10, "caddy": 64 << 10}[p.Name]
			if !carries("/header", most) {
				t.Errorf("it does not carry %d bytes", most)
			}
			if p.Name != "caddy" && carries("/header", most+most/8) {
				t.Errorf("it carries %d bytes: the docs may say more than %d", most+most/8, most)
			}
			if p.Name == "nginx" && !carries("/wide/header", 16<<10) {
				t.Error("with the settings of the docs it does not carry 16384 bytes")
			}
		})
	}
}
