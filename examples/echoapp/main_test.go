package main

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alices = "correct horse & battery"
	bobs   = "Tr0ub4dor&3"
)

func login(t *testing.T, h *hosttest.Host, email, password string) hosttest.Pair {
	t.Helper()
	return h.Post(t, "/login", "username", email, "password", password).Pair(t)
}

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestACustomerLogsInCallsRefreshesAndLeaves(t *testing.T) {
	h := hosttest.Start(t, run)
	h.Get(t, "/books", "").Is(t, http.StatusOK, `"discount":0`)

	first := login(t, h, "alice@example.com", alices)
	h.Get(t, "/books", first.Access).Is(t, http.StatusOK, `"discount":30`)
	orders := h.Get(t, "/account/orders", first.Access)
	orders.Is(t, http.StatusOK, `"customer":"1001"`)
	if got := orders.Header.Get("X-RateLimit-Remaining"); got != "9998" {
		t.Errorf("X-RateLimit-Remaining is %q, want 9998: two of the 5000 for each of two licences", got)
	}

	second := h.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	h.Get(t, "/account/orders", second.Access).Is(t, http.StatusOK, `"customer":"1001"`)

	h.Post(t, "/logout", "refresh_token", second.Refresh).Is(t, http.StatusNoContent, "")
	h.Post(t, "/refresh", "refresh_token", second.Refresh).Is(t, http.StatusBadRequest, `"status":400`)
}

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestARefreshTokenThatComesTwiceEndsTheSession(t *testing.T) {
	h := hosttest.Start(t, run)
	first := login(t, h, "alice@example.com", alices)
	second := h.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	for _, token := range []string{first.Refresh, second.Refresh} {
		h.Post(t, "/refresh", "refresh_token", token).
			Is(t, http.StatusBadRequest, `{"error":{"message":"The refresh token is invalid, expired or revoked","status":400}}`)
	}
}

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestAClerkAddsABook(t *testing.T) {
	h := hosttest.Start(t, run)
	add := hosttest.Request{
		Method: http.MethodPost, Path: "/books", Form: hosttest.Form("title", "Jabberwocky"),
		Bearer: login(t, h, "bob@example.com", bobs).Access,
	}
	h.Do(t, add).Is(t, http.StatusCreated, "")
	h.Get(t, "/books", "").Is(t, http.StatusOK, "Jabberwocky")
	add.Form = hosttest.Form()
	h.Do(t, add).Is(t, http.StatusUnprocessableEntity, `"message":"a book must have a title"`)
}

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestRefusalsAreInTheShopsEnvelope(t *testing.T) {
	h := hosttest.Start(t, run)
	alice := login(t, h, "alice@example.com", alices)

	post := func(path, bearer string, form ...string) hosttest.Request {
		return hosttest.Request{Method: http.MethodPost, Path: path, Bearer: bearer, Form: hosttest.Form(form...)}
	}
	get := func(path, bearer string) hosttest.Request {
		return hosttest.Request{Method: http.MethodGet, Path: path, Bearer: bearer}
	}
	const badLogin = `{"error":{"message":"Invalid user name or password","status":400}}`
	for _, tt := range []struct {
		name         string
		request      hosttest.Request
		status       int
		body         string
		authenticate string // is in WWW-Authenticate
	}{
		{"a wrong password", post("/login", "", "username", "alice@example.com", "password", bobs), 400, badLogin, ""},
		{"an unknown login", post("/login", "", "username", "eve@example.com", "password", bobs), 400, badLogin, ""},
		{"a customer whose account is closed", post("/login", "", "username", "dan@example.com", "password", "closed for good"), 400, badLogin, ""},
		{
			"no token, where one is wanted", get("/account/orders", ""), 401,
			`{"error":{"message":"An access token is required","status":401}}`, `Bearer realm="api"`,
		},
		{
			"a token that is none, where none is wanted", get("/books", "x.y.z"), 401,
			`{"error":{"message":"The access token is invalid or expired","status":401}}`, `error="invalid_token"`,
		},
		{
			"a token without the scope", post("/books", alice.Access, "title", "Jabberwocky"), 403,
			`{"error":{"message":"The access token has not the scope that is needed","status":403}}`, `scope="books:write"`,
		},
		{"an error that was there before", get("/nowhere", ""), 404, `{"error":{"message":"Not Found","status":404}}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := h.Do(t, tt.request)
			if body := strings.TrimSpace(answer.Body); answer.Status != tt.status || body != tt.body {
				t.Errorf("got %d %s, want %d %s", answer.Status, body, tt.status, tt.body)
			}
			if got := answer.Header.Get("WWW-Authenticate"); !strings.Contains(got, tt.authenticate) {
				t.Errorf("WWW-Authenticate is %q, want %q", got, tt.authenticate)
			}
			if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
				t.Errorf("Content-Type is %q", got)
			}
			if answer.Header.Get("X-Request-Id") == "" {
				t.Error("there is no X-Request-Id: the shop's own middleware was passed by")
			}
		})
	}
}

//nolint:paralleltest // passwords are hashed at full cost here: all at once they would be waited for too long
func TestAnonymousCallersHaveAHundredRequestsAnHour(t *testing.T) {
	h := hosttest.Start(t, run)
	for range 100 {
		h.Get(t, "/books", "").Is(t, http.StatusOK, "Looking-Glass")
	}
	refused := h.Get(t, "/books", "")
	refused.Is(t, http.StatusTooManyRequests, `{"error":{"message":"The limit of 100 requests per hour of the plan anonymous is reached","status":429}}`)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	h.Get(t, "/health", "").Is(t, http.StatusNoContent, "")                                                   // which is not counted
	h.Get(t, "/books", login(t, h, "alice@example.com", alices).Access).Is(t, http.StatusOK, `"discount":30`) // from the same address
}
