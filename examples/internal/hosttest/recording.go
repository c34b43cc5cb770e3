package hosttest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// Recording reads what was recorded in a file.
func Recording[T any](t *testing.T, file string) (recorded T) {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // the test names it
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	return recorded
}

// SendJSON sends a request with a token and a body in JSON, unless these are "" and nil,
// and returns the answer, which must be a JSON object.
func SendJSON(t *testing.T, h http.Handler, method, path, token string, in any) (int, map[string]any, http.Header) {
	t.Helper()
	text := ""
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(text))
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Code, answer, w.Header()
}
