package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

const password = "correct horse & battery"

// cluster is two nodes, each with a copy of the keys, over one store. The clock of the
// second is 2 s behind.
type cluster struct {
	clock   hosttest.Clock
	nodes   [2]*node
	refresh string   // the newest token of a user who has logged in once
	issued  []issued // access tokens
	logs    *strings.Builder
}

type issued struct {
	token   string
	expires time.Time
}

func twoNodes(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{clock: hosttest.NewClock(), logs: &strings.Builder{}}
	users := hosttest.Users(t, c.clock.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})
	first := t.TempDir()
	if err := newFolder(first); err != nil {
		t.Fatal(err)
	}
	for i, folder := range []string{first, t.TempDir()} {
		if i > 0 {
			deploy(t, first, folder)
			text, err := os.ReadFile(filepath.Join(folder, refreshFile))
			// without the end of the line, as an editor may save it
			if err := errors.Join(err, replaceFile(folder, refreshFile, bytes.TrimSpace(text))); err != nil {
				t.Fatal(err)
			}
		}
		now := func() time.Time { return c.clock.Now().Add(time.Duration(-2*i) * time.Second) }
		n, err := newNode(config{origin: "https://notes.example.com", folder: folder, users: users, log: slog.New(slog.NewTextHandler(c.logs, nil)), now: now})
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[i] = n
	}
	c.ask(t, 0, "/login", url.Values{"username": {"ada"}, "password": {password}})
	return c
}

// deploy copies the keys to another node.
func deploy(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{signingFile, refreshFile} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err := errors.Join(err, replaceFile(to, name, text)); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *cluster) serve(t *testing.T, node int, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	c.nodes[node].ServeHTTP(w, r)
	return w
}

// ask gets tokens of a node.
func (c *cluster) ask(t *testing.T, node int, path string, form url.Values) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := c.serve(t, node, r)
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &pair); err != nil || w.Code != http.StatusOK {
		t.Fatalf("node %d: %s: %d %s", node, path, w.Code, w.Body)
	}
	c.refresh = pair.Refresh
	c.issued = append(c.issued, issued{pair.Access, c.nodes[node].now().Add(time.Duration(pair.Expires) * time.Second)})
}

func (c *cluster) accepts(t *testing.T, node int, token string) bool {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/me", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return c.serve(t, node, r).Code == http.StatusOK
}

// holds refreshes the user's session on each node, and fails the test unless both nodes
// accept every token that has not expired, and sign with the key of this ID.
func (c *cluster) holds(t *testing.T, step, signs string) {
	t.Helper()
	for node := range c.nodes {
		c.ask(t, node, "/refresh", url.Values{"refresh_token": {c.refresh}})
		if id := c.nodes[node].ring.Current().Signer(c.nodes[node].now()).ID(); id != signs {
			t.Errorf("%s: node %d signs with %s, want %s", step, node, id, signs)
		}
	}
	valid := 0
	for i, x := range c.issued {
		for node := range c.nodes {
			if !c.nodes[node].now().Before(x.expires) {
				continue
			}
			valid++
			if !c.accepts(t, node, x.token) {
				t.Errorf("%s: node %d rejects token %d of %d", step, node, i+1, len(c.issued))
			}
		}
	}
	if valid < 4 {
		t.Errorf("%s: only %d tokens were tried", step, valid)
	}
}

func (c *cluster) published(t *testing.T, node int) string {
	t.Helper()
	return c.serve(t, node, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/jwks.json", nil)).Body.String()
}

// rotates writes a rotation on the first node.
func (c *cluster) rotates(t *testing.T, in time.Duration) (id string) {
	t.Helper()
	from := c.clock.Now().Add(in)
	if err := rotate(c.nodes[0].folder, c.clock.Now(), from); err != nil {
		t.Fatal(err)
	}
	return from.UTC().Format("20060102-150405")
}

func TestKeysAreRotatedWithoutALogout(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	a, b := c.nodes[0], c.nodes[1]
	c.holds(t, "before", "first")
	old := "first"
	for range 3 { // rotations, one after the other
		next := c.rotates(t, time.Hour)
		c.holds(t, "the file is written", old)
		a.reload(t.Context())
		c.holds(t, "one node has the key", old)
		deploy(t, a.folder, b.folder)
		b.reload(t.Context())
		c.holds(t, "both nodes have the key", old)
		for node := range c.nodes {
			if set := c.published(t, node); !strings.Contains(set, old) || !strings.Contains(set, next) {
				t.Errorf("node %d publishes %s", node, set)
			}
		}
		c.clock.Advance(time.Hour - time.Second)
		c.holds(t, "a second before", old)
		c.clock.Advance(4 * time.Second) // the second node is behind
		c.holds(t, "the new key signs", next)
		c.clock.Advance(accessTTL / 2)
		c.holds(t, "tokens of both keys are valid", next)
		c.clock.Advance(accessTTL)
		c.holds(t, "the old key has retired", next)
		for node := range c.nodes {
			if set := c.published(t, node); strings.Contains(set, `"`+old+`"`) {
				t.Errorf("node %d still publishes the old key", node)
			}
		}
		old = next
	}
	if text, err := os.ReadFile(filepath.Join(a.folder, signingFile)); err != nil || strings.Count(string(text), `"kid"`) != 2 {
		t.Errorf("keys that have retired are left in the file: %v %s", err, text)
	}
}

// The way back before the new key has signed is the old file. After it, the old key signs
// again, and the new one verifies what it has signed.
func TestARotationIsTakenBack(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	a, b := c.nodes[0], c.nodes[1]
	everywhere := func() {
		deploy(t, a.folder, b.folder)
		a.reload(t.Context())
		b.reload(t.Context())
	}
	before := t.TempDir()
	deploy(t, a.folder, before)
	c.rotates(t, time.Hour)
	everywhere()
	c.holds(t, "published", "first")
	deploy(t, before, a.folder)
	everywhere()
	c.holds(t, "taken back before it signed", "first")

	c.clock.Advance(time.Minute)
	next := c.rotates(t, time.Hour)
	everywhere()
	c.clock.Advance(time.Hour + 5*time.Second)
	c.holds(t, "the new key signs", next)
	if err := back(a.folder, "first", c.clock.Now(), c.clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	everywhere()
	c.holds(t, "the way back is published", next)
	c.clock.Advance(time.Minute + 5*time.Second)
	c.holds(t, "the old key signs again", "first")
	c.clock.Advance(accessTTL)
	c.holds(t, "the new key has retired", "first")
	if err := back(a.folder, next+"x", c.clock.Now(), c.clock.Now()); err == nil || !strings.Contains(err.Error(), next+"x") {
		t.Errorf("a key that is not there signs again: %v", err)
	}
}

func TestTheFirstKeysReplaceNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{signingFile, refreshFile} {
		folder := t.TempDir()
		if err := replaceFile(folder, name, []byte("mine")); err != nil {
			t.Fatal(err)
		}
		err := newFolder(folder)
		text, _ := os.ReadFile(filepath.Join(folder, name))
		if files, _ := os.ReadDir(folder); !errors.Is(err, os.ErrExist) || string(text) != "mine" || len(files) != 1 {
			t.Errorf("%v, and the file has %q", err, text)
		}
	}
}

// A rotation whose key would sign before that of the last one would leave that one without
// a successor.
func TestARotationThatOvertakesTheLastIsRefused(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	c.rotates(t, time.Hour)
	folder := c.nodes[0].folder
	before, err := os.ReadFile(filepath.Join(folder, signingFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := rotate(folder, c.clock.Now(), c.clock.Now().Add(time.Minute)); err == nil {
		t.Error("it was not refused")
	}
	after, err := os.ReadFile(filepath.Join(folder, signingFile))
	if err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file has changed: %v", err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 2 {
		t.Errorf("there are %d files, %v", len(files), err)
	}
}

// A second rotation in the hour of the first one is as good as one alone.
func TestARotationBeforeTheLastHasSigned(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	next := ""
	for range 2 {
		next = c.rotates(t, time.Hour)
		deploy(t, c.nodes[0].folder, c.nodes[1].folder)
		for _, n := range c.nodes {
			n.reload(t.Context())
		}
		c.holds(t, "published", "first")
		c.clock.Advance(time.Minute)
	}
	for range 13 { // to the end of the last token of the first key, and beyond it
		c.clock.Advance(10 * time.Minute)
		for node := range c.nodes {
			c.ask(t, node, "/refresh", url.Values{"refresh_token": {c.refresh}})
		}
		c.holds(t, "meanwhile", c.nodes[0].ring.Current().Signer(c.clock.Now().Add(-3*time.Second)).ID())
	}
	c.holds(t, "at the end", next)
}

// A rotation that begins while the key before the last still verifies leaves that in.
func TestARotationWhileTheLastKeyVerifies(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	rotated := func() string {
		next := c.rotates(t, time.Hour)
		deploy(t, c.nodes[0].folder, c.nodes[1].folder)
		for _, n := range c.nodes {
			n.reload(t.Context())
		}
		return next
	}
	second := rotated()
	c.clock.Advance(time.Hour - time.Second)
	c.holds(t, "a second before", "first")
	c.clock.Advance(time.Minute)
	c.holds(t, "the second key signs", second)
	third := rotated()
	c.clock.Advance(accessTTL - 2*time.Minute) // the last tokens of the first key
	c.holds(t, "the third key is published", second)
	if set := c.published(t, 1); !strings.Contains(set, `"first"`) || !strings.Contains(set, third) {
		t.Errorf("published are %s", set)
	}
}

// What happens if a key signs before the other node has it.
func TestAKeyThatSignsAtOnceIsRejectedByTheOtherNode_wrong(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	c.rotates(t, 0)
	c.nodes[0].reload(t.Context())
	c.ask(t, 0, "/refresh", url.Values{"refresh_token": {c.refresh}})
	if c.accepts(t, 1, c.issued[len(c.issued)-1].token) {
		t.Error("the other node accepts a token of a key that it has not")
	}
}

func TestKeysThatAreWrongReplaceNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an empty file":        "",
		"half a file":          `{"keys": [{"kty": "EC",`,
		"no keys":              `{"keys": []}`,
		"a key without a half": `{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "x", "x": "AA", "y": "AA"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := twoNodes(t)
			if err := replaceFile(c.nodes[0].folder, signingFile, []byte(text)); err != nil {
				t.Fatal(err)
			}
			c.nodes[0].reload(t.Context())
			c.holds(t, name, "first")
			if !strings.Contains(c.logs.String(), "the keys were not replaced") {
				t.Errorf("the log has only %s", c.logs)
			}
			if err := rotate(c.nodes[0].folder, c.clock.Now(), c.clock.Now()); err == nil && text != `{"keys": []}` {
				t.Error("it was rotated all the same")
			}
		})
	}
}

func TestANodeFollowsItsFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signal bool
		within time.Duration
	}{
		"when it changes":              {false, 30 * time.Second},
		"on a signal, without waiting": {true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := twoNodes(t)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				hup := make(chan os.Signal)
				go c.nodes[0].follow(ctx, hup, 30*time.Second)
				time.Sleep(31 * time.Second)
				next := c.rotates(t, time.Hour)
				if test.signal {
					hup <- os.Interrupt
				}
				time.Sleep(test.within)
				synctest.Wait()
				if set := c.published(t, 0); !strings.Contains(set, next) {
					t.Errorf("it publishes %s", set)
				}
				read := strings.Count(c.logs.String(), "the keys were read")
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if n := strings.Count(c.logs.String(), "the keys were read"); n != read {
					t.Errorf("a file that has not changed was read %d times", n-read)
				}
			})
		})
	}
}

func TestNoKeyIsReadableByOthersOrInALog(t *testing.T) {
	t.Parallel()
	c := twoNodes(t)
	c.rotates(t, time.Hour)
	c.nodes[0].reload(t.Context())
	text, err := os.ReadFile(filepath.Join(c.nodes[0].folder, signingFile))
	var set struct{ Keys []struct{ D string } }
	if err := errors.Join(err, json.Unmarshal(text, &set)); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%d keys, %v", len(set.Keys), err)
	}
	for _, k := range set.Keys {
		if k.D == "" || strings.Contains(c.logs.String()+c.published(t, 0), k.D) {
			t.Error("a private key is published or logged, or is not there")
		}
	}
	for _, name := range []string{signingFile, refreshFile} {
		info, err := os.Stat(filepath.Join(c.nodes[0].folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}
