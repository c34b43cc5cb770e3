package adapter_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

func TestFaultB8BodiesBehindEchosOwnMiddleware(t *testing.T) {
	t.Parallel()
	both(t, v4.testBodies, v5.testBodies)
}

func (v version[C, H, M]) testBodies(t *testing.T) {
	csrf := func(next H) H {
		return func(c C) error {
			_ = c.FormValue("csrf_token")
			return next(c)
		}
	}
	for _, x := range []struct {
		name    string
		inFront []M
		body    string
		gzip    bool
		chunked bool
		want    int
		reason  wire.Reason
	}{
		{name: "a form that was parsed", inFront: []M{csrf}, body: adaptertest.AlicesLogin, want: 200},
		{name: "a form that was decompressed", inFront: []M{v.decompress()}, body: adaptertest.AlicesLogin, gzip: true, want: 200},
		{name: "a form that was limited, then decompressed", inFront: []M{v.bodyLimit(1 << 10), v.decompress()}, body: adaptertest.AlicesLogin, gzip: true, want: 200},
		{name: "a form that nothing has decompressed", body: adaptertest.AlicesLogin, gzip: true, want: 400, reason: wire.ReasonMalformed},
		{name: "a body below BodyLimit", inFront: []M{v.bodyLimit(1 << 10)}, body: adaptertest.AlicesLogin, chunked: true, want: 200},
		{name: "a body in chunks over BodyLimit", inFront: []M{v.bodyLimit(1 << 10)}, body: adaptertest.AlicesLogin + strings.Repeat("x", 1<<10), chunked: true, want: 413, reason: wire.ReasonTooLarge},
		{name: "a compressed body over the maximum", inFront: []M{v.decompress()}, body: "username=" + strings.Repeat("a", 17<<10), gzip: true, want: 413, reason: wire.ReasonTooLarge},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			var refusal error
			e := v.newApp()
			e.use(func(next H) H {
				return func(c C) error {
					refusal = next(c)
					return refusal
				}
			})
			e.any("/login", v.newAuth(h.Auth).Login, x.inFront...)
			var body io.Reader = strings.NewReader(x.body)
			if x.gzip {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				_, _ = io.WriteString(z, x.body)
				_ = z.Close()
				body = &b
			}
			if x.chunked {
				body = io.MultiReader(body)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", body)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if x.gzip {
				r.Header.Set("Content-Encoding", "gzip")
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			if w.Code != x.want || adaptertest.Reason(refusal) != x.reason {
				t.Errorf("%d %q: %s", w.Code, adaptertest.Reason(refusal), w.Body)
			}
		})
	}
}
