package interop_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestCurl goes the way of a script with curl, which reads every header that it
// is sent and decodes nothing by itself.
func TestCurl(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	h := newHost(t)
	curl := func(args ...string) (status, body string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--write-out", "\n%{http_code}"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %q: %v: %s", args, err, out)
		}
		i := strings.LastIndex(string(out), "\n")
		return string(out[i+1:]), string(out[:i])
	}
	client := []string{"--data-urlencode", "client_id=" + awkward.id, "--data-urlencode", "client_secret=" + awkward.secret}
	post := func(path string, form ...string) (status, body string) {
		t.Helper()
		args := append([]string{h.issuer + path}, client...)
		for _, f := range form {
			args = append(args, "--data-urlencode", f)
		}
		return curl(args...)
	}
	pair := func(status, body string) (access, refresh string) {
		t.Helper()
		var p struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != "200" || p.Refresh == "" {
			t.Fatalf("%s %s", status, body)
		}
		return p.Access, p.Refresh
	}
	wants := func(want, part string) func(status, body string) {
		return func(status, body string) {
			t.Helper()
			if status != want || !strings.Contains(body, part) {
				t.Errorf("%s %s, want %s with %s", status, body, want, part)
			}
		}
	}

	wants("400", "invalid_grant")(post("/oauth/token", "grant_type=password", "username="+login, "password=wrong"))
	access, refresh := pair(post("/oauth/token", "grant_type=password", "username="+login, "password="+password))
	wants("200", "u-ada "+awkward.id)(curl("--oauth2-bearer", access, h.issuer+"/me"))
	access, next := pair(post("/oauth/token", "grant_type=refresh_token", "refresh_token="+refresh))
	wants("200", `"active":true`)(post("/oauth/introspect", "token="+access))
	wants("200", "")(post("/oauth/revoke", "token="+next))
	wants("200", `{"active":false}`)(post("/oauth/introspect", "token="+access))
	wants("401", "")(curl("--oauth2-bearer", access, h.issuer+"/me"))
	wants("400", "invalid_grant")(post("/oauth/token", "grant_type=refresh_token", "refresh_token="+next))
	wants("200", `"token_endpoint":"`+h.issuer+`/oauth/token"`)(curl(h.issuer + "/.well-known/oauth-authorization-server"))
}
