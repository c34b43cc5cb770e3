package adapter_test

import (
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
)

func TestFaultD6SessionsEndByThePathParameterOfAnyName(t *testing.T) {
	t.Parallel()
	both(t, v4.testPathParameter, v5.testPathParameter)
}

func (v version[C, H, M]) testPathParameter(t *testing.T) {
	for route, line := range map[string]string{
		"/own/:id":      "DELETE /own/{sid}",
		"/own/:session": "DELETE /own/{sid}",
		"/own/*":        "DELETE /own/{sid}",
		"/own/:id/now":  "DELETE /own/{sid}/now",
	} {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			adaptertest.Login(t, h)
			app := v.newApp()
			app.any(route, v.newAuth(h.Auth).EndSession)
			if w := adaptertest.Bare(line, adaptertest.Bearer).Serve(t, h, app); w.Code != http.StatusNoContent {
				t.Errorf("answer = %d %s, want 204", w.Code, w.Body)
			}
		})
	}
}
