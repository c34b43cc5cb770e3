// Package hosttest runs an example's host for its test, and talks to it as a
// client would.
package hosttest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Host is a host that runs.
type Host struct {
	base   string
	client *http.Client
}

var address = regexp.MustCompile(`http://[0-9.:]+`)

// Start calls run, with a free port for its -addr, and returns when it has
// printed where it listens. It stops the host when the test ends; a host that
// does not stop, or stops with an error, fails the test.
func Start(t *testing.T, run func(ctx context.Context, args []string, stdout io.Writer) error) *Host {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	h := &Host{client: &http.Client{Transport: new(http.Transport)}}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the host ended with: %v", err)
		}
	})
	for lines := bufio.NewScanner(out); h.base == ""; {
		if !lines.Scan() {
			t.Fatalf("the host has not said where it listens: %v", lines.Err())
		}
		h.base = address.FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return h
}

// At returns a client of a host that runs already, at a URL such as
// http://127.0.0.1:8080.
func At(t *testing.T, base string) *Host {
	h := &Host{base: base, client: &http.Client{Transport: new(http.Transport)}}
	t.Cleanup(h.client.CloseIdleConnections)
	return h
}

// Request is a request in a line of a table.
type Request struct {
	Method, Path string
	Bearer       string     // an access token; "" sends no Authorization
	Form         url.Values // the body; nil sends none
	JSON         string     // the body, instead of a form
	Origin       string     // of the page whose script or form sends the request; "" sends no Origin
	Cookie       string     // a name and a value, besides those of a Browser
	Header       http.Header
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request.
func (h *Host) Do(t *testing.T, q Request) Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), q.Method, h.base+q.Path, strings.NewReader(cmp.Or(q.JSON, q.Form.Encode())))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, q.Header)
	if q.Form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.JSON != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.Origin != "" {
		r.Header.Set("Origin", q.Origin)
	}
	if q.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+q.Bearer)
	}
	if q.Cookie != "" {
		r.Header.Set("Cookie", q.Cookie)
	}
	response, err := h.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{response.StatusCode, response.Header, string(body)}
}

// Get sends a GET.
func (h *Host) Get(t *testing.T, path, bearer string) Answer {
	t.Helper()
	return h.Do(t, Request{Method: http.MethodGet, Path: path, Bearer: bearer})
}

// Post sends a form of names and values, in turns.
func (h *Host) Post(t *testing.T, path string, form ...string) Answer {
	t.Helper()
	return h.Do(t, Request{Method: http.MethodPost, Path: path, Form: Form(form...)})
}

// Form is a form of names and values, in turns.
func Form(form ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return values
}

// Pair is the tokens of an answer.
type Pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// Pair fails the test unless the answer is a pair of tokens.
func (a Answer) Pair(t *testing.T) Pair {
	t.Helper()
	var p Pair
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil || a.Status != http.StatusOK || p.Access == "" || p.Refresh == "" {
		t.Fatalf("got %d %s, want a pair of tokens", a.Status, a.Body)
	}
	return p
}

// Is fails the test unless the answer has this status and, somewhere in its
// body, this text.
func (a Answer) Is(t *testing.T, status int, text string) {
	t.Helper()
	if a.Status != status || !strings.Contains(a.Body, text) {
		t.Errorf("got %d %s, want %d with %s", a.Status, a.Body, status, text)
	}
}
