package adaptertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Request is a request in which {access} and the like are not replaced yet.
type Request struct {
	Line    string   // "POST /login"
	Header  []string // "Name: value"
	Body    string
	Chunked bool // sent without a Content-Length
}

// Form is a request with a form.
func Form(line, body string, header ...string) Request {
	return Request{Line: line, Header: append(header, "Content-Type: application/x-www-form-urlencoded"), Body: body}
}

func asJSON(line, body string, header ...string) Request {
	return Request{Line: line, Header: append(header, "Content-Type: application/json"), Body: body}
}

// Bare is a request without a body.
func Bare(line string, header ...string) Request { return Request{Line: line, Header: header} }

// chunks sends the body without a Content-Length.
func chunks(r Request) Request {
	r.Chunked = true
	return r
}

// To returns the request: for a server at base, or for a handler if base is empty.
func (r Request) To(t *testing.T, h *Fixture, base string) *http.Request {
	t.Helper()
	method, target, _ := strings.Cut(h.Fill(r.Line), " ")
	var body io.Reader
	if r.Body != "" {
		body = strings.NewReader(h.Fill(r.Body))
	}
	if r.Chunked {
		body = io.MultiReader(body)
	}
	made := httptest.NewRequestWithContext(t.Context(), method, target, body)
	if base != "" {
		var err error
		if made, err = http.NewRequestWithContext(t.Context(), method, base+target, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range r.Header {
		name, value, _ := strings.Cut(h.Fill(line), ": ")
		made.Header.Add(name, value)
	}
	return made
}

// Serve passes the request to a handler and returns the answer.
func (r Request) Serve(t *testing.T, h *Fixture, handler http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.To(t, h, ""))
	return w
}
