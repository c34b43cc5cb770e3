package resourceservers_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/processtest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/tokens"
)

// module is nginx's own JavaScript module, as Debian packages it.
const module = "/usr/lib/nginx/modules/ngx_http_js_module.so"

// nginx guards static files by asking Introspect (RFC 7662) about each token.
func TestNginxAsksTheIntrospectionEndpoint(t *testing.T) {
	t.Parallel()
	skip.Programs(t)
	if _, err := os.Stat(module); err != nil {
		skip.Skip(t, "no libnginx-mod-http-js")
	}
	h := newHost(t)
	pair, err := h.authority.Login(t.Context(), tokens.LoginRequest{Login: login, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	address := guardedFiles(t, h)
	for _, x := range []struct {
		name, header string
		want         int
	}{
		{"a token", "Bearer " + string(pair.AccessToken), http.StatusOK},
		{"a token of another algorithm", "Bearer " + h.tokens["RS256"], http.StatusOK},
		{"a forged token", "Bearer " + forged(string(pair.AccessToken)), http.StatusUnauthorized},
		{"no token", "", http.StatusUnauthorized},
		{"an empty token", "Bearer ", http.StatusUnauthorized},
		{"a second parameter in the token", "Bearer x&token=" + string(pair.AccessToken), http.StatusUnauthorized},
	} {
		if got := read(t, address, x.header); got != x.want {
			t.Errorf("%s: %d, want %d", x.name, got, x.want)
		}
	}
	if err := h.authority.LogoutEverywhere(t.Context(), "u-ada"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, address, "Bearer "+string(pair.AccessToken)); got != http.StatusUnauthorized {
		t.Errorf("a token of a session that has ended: %d", got)
	}
}

// guardedFiles starts nginx with a file behind it, and returns its address.
func guardedFiles(t *testing.T, h host) (address string) {
	t.Helper()
	dir := processtest.Dir(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("kept from others"), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/introspect.js")
	if err != nil {
		t.Fatal(err)
	}
	processtest.Nginx("testdata/nginx.conf").Start(t, dir, func() (any, []string) {
		address = processtest.FreeAddress(t)
		return map[string]any{
			"Dir": dir, "Files": dir, "Script": script, "Module": module, "Root": os.Geteuid() == 0, "Listen": address,
			"Introspection": h.issuer + "/oauth/introspect", "Credentials": basic(),
		}, []string{address}
	})
	return address
}

func read(t *testing.T, address, header string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/file", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}
