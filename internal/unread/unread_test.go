package unread_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/unread"
)

func TestDiscard(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	for _, x := range []struct {
		name string
		edit func(*http.Request)
		left int
	}{
		{"of a connection that closes at most 1 MiB is read", func(r *http.Request) { r.Close = true }, size - 1<<20},
		{"nothing is read of a connection that stays open", func(*http.Request) {}, size},
		{"of HTTP/2 nothing is read", func(r *http.Request) { r.Close, r.ProtoMajor = true, 2 }, size},
		{
			"of a client that waits for the answer nothing is read",
			func(r *http.Request) { r.Close = true; r.Header.Set("Expect", "100-Continue") }, size,
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader(strings.Repeat("x", size))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.NopCloser(body))
			x.edit(r)
			unread.Discard(r)
			if body.Len() != x.left {
				t.Errorf("%d bytes are left, want %d", body.Len(), x.left)
			}
		})
	}
}
