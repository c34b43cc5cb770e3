package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestAMemberLogsInCallsRefreshesAndEndsASession(t *testing.T) {
	h := hosttest.Start(t, run)
	h.Get(t, "/health", "").Is(t, http.StatusNoContent, "")
	h.Get(t, "/books", "").Is(t, http.StatusOK, `"member":false`)

	first := h.Post(t, "/login", "username", "ada", "password", "correct horse").Pair(t)
	books := h.Get(t, "/books", first.Access)
	books.Is(t, http.StatusOK, `"member":true`)
	if got := books.Header.Get("X-RateLimit-Remaining"); got != "499" {
		t.Errorf("X-RateLimit-Remaining is %q, want 499", got)
	}
	h.Get(t, "/account/loans", first.Access).Is(t, http.StatusOK, `"member":"1"`)

	second := h.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	h.Get(t, "/account/loans", second.Access).Is(t, http.StatusOK, `"member":"1"`)

	var list struct{ Sessions []struct{ ID string } }
	sessions := h.Get(t, "/account/sessions", second.Access)
	sessions.Is(t, http.StatusOK, "")
	if err := json.Unmarshal([]byte(sessions.Body), &list); err != nil || len(list.Sessions) != 1 {
		t.Fatalf("sessions = %s, %v, want one", sessions.Body, err)
	}
	h.Do(t, hosttest.Request{Method: http.MethodDelete, Path: "/account/sessions/" + list.Sessions[0].ID, Bearer: second.Access}).
		Is(t, http.StatusNoContent, "")
	h.Post(t, "/refresh", "refresh_token", second.Refresh).Is(t, http.StatusBadRequest, `"status":400`)
}

//nolint:paralleltest // the same
func TestRefusalsAreInTheAppsFormat(t *testing.T) {
	h := hosttest.Start(t, run)
	ada := h.Post(t, "/login", "username", "ada", "password", "correct horse").Pair(t)
	h.Post(t, "/login", "username", "ada", "password", "wrong horse").
		Is(t, http.StatusBadRequest, `{"message":"Invalid user name or password","status":400}`)
	none := h.Get(t, "/account/loans", "")
	none.Is(t, http.StatusUnauthorized, `{"message":"An access token is required","status":401}`)
	if got := none.Header.Get("WWW-Authenticate"); got != `Bearer realm="api"` {
		t.Errorf("WWW-Authenticate is %q", got)
	}
	h.Get(t, "/books", "x.y.z").Is(t, http.StatusUnauthorized, `{"message":"The access token is invalid or expired","status":401}`)
	h.Get(t, "/account/fines", ada.Access).
		Is(t, http.StatusForbidden, `{"message":"The access token has not the scope that is needed","status":403}`)
	h.Get(t, "/nowhere", "").Is(t, http.StatusNotFound, `{"message":"Not Found","status":404}`)
}
