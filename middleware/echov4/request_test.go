package echov4_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// request is a request in which {access} and the like are not replaced yet.
type request struct {
	line    string   // "POST /login"
	header  []string // "Name: value"
	body    string
	chunked bool // sent without a Content-Length
}

func form(line, body string, header ...string) request {
	return request{line: line, header: append(header, "Content-Type: application/x-www-form-urlencoded"), body: body}
}

func asJSON(line, body string, header ...string) request {
	return request{line: line, header: append(header, "Content-Type: application/json"), body: body}
}

func bare(line string, header ...string) request { return request{line: line, header: header} }

// chunks sends the body without a Content-Length.
func chunks(r request) request {
	r.chunked = true
	return r
}

// to returns the request: for a server at base, or for a handler if base is empty.
func (r request) to(t *testing.T, h *fixture, base string) *http.Request {
	t.Helper()
	method, target, _ := strings.Cut(h.fill(r.line), " ")
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(h.fill(r.body))
	}
	if r.chunked {
		body = io.MultiReader(body)
	}
	made := httptest.NewRequestWithContext(t.Context(), method, target, body)
	if base != "" {
		var err error
		if made, err = http.NewRequestWithContext(t.Context(), method, base+target, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range r.header {
		name, value, _ := strings.Cut(h.fill(line), ": ")
		made.Header.Add(name, value)
	}
	return made
}

// serve passes the request to a handler and returns the answer.
func (r request) serve(t *testing.T, h *fixture, handler http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.to(t, h, ""))
	return w
}
