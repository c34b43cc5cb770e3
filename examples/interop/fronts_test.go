package interop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// TestFrontEnds runs the clients of the applications that move here, unchanged, and
// each in the way that its documentation shows.
func TestFrontEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, runs, script string
		clients            []string
	}{
		{"front ends in JavaScript and generated clients", "node", "frontends.mjs", []string{
			"axios", "superagent", "ky", "got", "openapi-typescript-codegen", "@hey-api/openapi-ts",
		}},
		{"clients in Python", python, "frontends.py", []string{"httplib2", "aiohttp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			needs(t, c.runs)
			command := exec.CommandContext(t.Context(), c.runs, append([]string{c.script}, c.clients...)...)
			command.Dir = clients
			command.Env = append(os.Environ(), newMoved(t).told()...)
			var out, complaints bytes.Buffer
			command.Stdout, command.Stderr = &out, &complaints
			err := command.Run()
			var want []string
			for _, client := range c.clients {
				for _, step := range []string{"login", "wrong password", "call", "refresh", "logout"} {
					want = append(want, "ok "+client+" "+step)
				}
			}
			if got := strings.Split(strings.TrimSpace(out.String()), "\n"); err != nil || !slices.Equal(got, want) {
				t.Errorf("ended with %v after %q, want %q\n%s", err, got, want, complaints.String())
			}
		})
	}
}

// TestFastAPIUsersCurl runs the two commands that fastapi-users documents.
func TestFastAPIUsersCurl(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	h := newMoved(t)
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--write-out", "\n%{http_code}"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	in := curl("-H", "Content-Type: multipart/form-data", "-F", "username="+login, "-F", "password="+password, "-X", "POST", h.issuer+"/auth/jwt/login")
	body, status, _ := strings.Cut(in, "\n")
	var pair struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &pair); err != nil || status != "200" || pair.Type != "bearer" {
		t.Fatalf("%v: %s", err, in)
	}
	token := "Authorization: Bearer " + pair.Access
	if got := curl("-H", token, h.issuer+"/users/me"); got != `{"id":"u-ada"}`+"\n\n200" {
		t.Errorf("%q", got)
	}
	if got := curl("-H", "Content-Type: application/json", "-H", token, "-X", "POST", h.issuer+"/auth/jwt/logout"); got != "\n204" {
		t.Errorf("%q", got)
	}
}

// cli sends the requests of debricked/cli, in its order: each process begins with an
// empty Bearer, exchanges its token at a 401, and sends the same request again, once. It
// waits as long as Retry-After says.
type cli struct {
	t     *testing.T
	host  moved
	jwt   string
	seen  []string
	clock *clock
}

// clock stands still, but for what a client waits.
type clock struct{ waited atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Add(time.Duration(c.waited.Load()))
}

func (c *cli) send(method, path, contentType, body string) (status int, header http.Header, text string) {
	c.t.Helper()
	for range 4 {
		r, err := http.NewRequestWithContext(c.t.Context(), method, c.host.issuer+path, strings.NewReader(body))
		if err != nil {
			c.t.Fatal(err)
		}
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if path != "/api/login_refresh" {
			r.Header.Set("Authorization", "Bearer "+c.jwt)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			c.t.Fatal(err)
		}
		all, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		c.seen = append(c.seen, path+" "+strconv.Itoa(response.StatusCode))
		if response.StatusCode != http.StatusTooManyRequests {
			return response.StatusCode, response.Header, string(all)
		}
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil {
			c.t.Fatalf("Retry-After: %v", err)
		}
		c.clock.waited.Add(int64(seconds) * int64(time.Second))
	}
	c.t.Fatal("it has given up")
	return 0, nil, ""
}

func (c *cli) call(path string) (status int, text string) {
	c.t.Helper()
	status, _, text = c.send(http.MethodGet, path, "", "")
	if status != http.StatusUnauthorized {
		return status, text
	}
	asked, err := json.Marshal(map[string]string{"refresh_token": string(c.host.key)})
	if err != nil {
		c.t.Fatal(err)
	}
	_, _, in := c.send(http.MethodPost, "/api/login_refresh", "application/json", string(asked))
	var answer map[string]string // it takes strings only
	if err := json.Unmarshal([]byte(in), &answer); err != nil {
		c.t.Fatalf("%v: %s", err, in)
	}
	c.jwt = answer["token"]
	status, _, text = c.send(http.MethodGet, path, "", "")
	return status, text
}

func TestDebrickedCLIsSequence(t *testing.T) {
	t.Parallel()
	const path = "/api/1.0/open/files/supported-formats"
	c := &cli{t: t, clock: &clock{}}
	counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: c.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	c.host = newMoved(t, func(config *middleware.Config) {
		config.Tiers = ratelimit.Tiers{"free": {Limit: 2, Period: time.Minute, Algorithm: ratelimit.GCRA}}
		config.Counters, config.Now = counters, c.clock.now
	})
	for range 3 {
		if status, text := c.call(path); status != http.StatusOK || text != `{"id":"u-ada"}`+"\n" {
			t.Fatalf("%d %s", status, text)
		}
	}
	want := []string{path + " 401", "/api/login_refresh 200", path + " 200", path + " 200", path + " 429", path + " 200"}
	if !slices.Equal(c.seen, want) {
		t.Errorf("requests = %q, want %q", c.seen, want)
	}
	if waited := time.Duration(c.clock.waited.Load()); waited != 30*time.Second {
		t.Errorf("it waited for %v", waited)
	}
}
