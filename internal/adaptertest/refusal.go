package adaptertest

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Refusals calls f with each refusal of [Twins] that a handler may answer, and with its
// fixture.
func Refusals(t *testing.T, f func(t *testing.T, tw Twin, h *Fixture)) {
	t.Helper()
	for _, tw := range Twins {
		if tw.Reason == "" || tw.From != "" {
			continue
		}
		t.Run(tw.Name, func(t *testing.T) {
			t.Parallel()
			f(t, tw, tw.Open(t))
		})
	}
}

// RunRefusals sends each refusal of [Twins] to an app, in which middleware of the
// framework is in front of the routes. It fails unless the app answers as net/http
// does and the middleware has recorded the status once.
func RunRefusals(t *testing.T, serve func(h *Fixture) (app http.Handler, recorded func() []int)) {
	t.Helper()
	Refusals(t, func(t *testing.T, tw Twin, h *Fixture) {
		app, recorded := serve(h)
		asked := tw.Request
		asked.Header = append([]string{"Accept-Encoding: gzip", "Origin: https://shop.example"}, asked.Header...)
		got := asked.Serve(t, h, app)
		other := tw.Open(t)
		want := tw.Request.Serve(t, other, Mux(other))
		if got.Code != want.Code {
			t.Errorf("status = %d, want %d", got.Code, want.Code)
		}
		if status := recorded(); len(status) != 1 || status[0] != want.Code {
			t.Errorf("recorded = %d, want %d", status, want.Code)
		}
		for name := range want.Header() {
			if tw.Method() == http.MethodHead && name == "Content-Type" {
				continue
			}
			if name == "Vary" && slices.Contains(got.Header()[name], want.Header().Get(name)) {
				continue // added to what the middleware has set
			}
			if got.Header().Get(name) != want.Header().Get(name) {
				t.Errorf("%s = %q, want %q", name, got.Header()[name], want.Header()[name])
			}
		}
		if body := decoded(t, got); tw.Method() != http.MethodHead && WithoutSteps(body) != WithoutSteps(want.Body.String())+"\n" {
			t.Errorf("body = %q, want %q and a newline", body, want.Body)
		}
	})
}

var stepToken = regexp.MustCompile(`sp_st_[\w-]+`)

// WithoutSteps removes step tokens, which are random, from the text of an answer.
func WithoutSteps(text string) string { return stepToken.ReplaceAllString(text, "sp_st_") }

func decoded(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.String()
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// RunHeaders fails unless an app's error handler finds the headers of a refusal set,
// and no Content-Type. The error handler of the app calls check with the headers.
func RunHeaders(t *testing.T, serve func(h *Fixture, check func(http.Header)) (app http.Handler)) {
	t.Helper()
	for name, tt := range map[string]struct {
		request Request
		given   []Step
		header  []string
	}{
		"a challenge":     {Bare("GET /bearer"), nil, []string{"WWW-Authenticate"}},
		"a limit":         {Bare("GET /protected", Bearer), []Step{Login, Spend(4)}, []string{"Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}},
		"a store's fault": {Form("POST /login", AlicesLogin), []Step{StoreFails}, []string{"Retry-After"}},
		"a wrong method":  {Bare("GET /login"), nil, []string{"Allow"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := Open(t)
			for _, happens := range tt.given {
				happens(t, h)
			}
			checked := false
			app := serve(h, func(header http.Header) {
				checked = true
				for _, name := range append(tt.header, "Cache-Control", "X-Content-Type-Options") {
					if header.Get(name) == "" {
						t.Errorf("%s is not set", name)
					}
				}
				if got := header.Get("Content-Type"); got != "" {
					t.Errorf("Content-Type = %q, want the handler's to set", got)
				}
			})
			tt.request.Serve(t, h, app)
			if !checked {
				t.Error("the error handler was not called")
			}
		})
	}
}

// Mute is a wire format whose refusals have this body.
type Mute struct {
	wire.OAuth2

	Body []byte
}

// Refused answers with a body that may not be JSON.
func (m Mute) Refused(_ wire.Route, _ string, e *wire.Error) wire.Answer {
	return wire.Answer{Status: e.Status, Header: http.Header{"X-Refused": {string(e.Reason)}}, Body: m.Body}
}

// MuteBodies are bodies of [Mute] that are not one JSON document.
func MuteBodies() map[string][]byte {
	return map[string][]byte{
		"no body":                 nil,
		"an empty body":           {},
		"a body that is not JSON": []byte("Come in"),
		"two documents":           []byte("{}{}"),
	}
}
