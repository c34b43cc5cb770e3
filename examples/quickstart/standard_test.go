package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// pair logs bob in.
func (s served) pair(t *testing.T) (access, refresh string) {
	t.Helper()
	_, _, body := s.do(t, http.MethodPost, "/auth/jwt/login", "", url.Values{"username": {"bob"}, "password": {demoPassword}})
	access, _ = body["access_token"].(string)
	refresh, _ = body["refresh_token"].(string)
	if access == "" || refresh == "" {
		t.Fatalf("bob cannot log in: %v", body)
	}
	return access, refresh
}

// code is the status of an answer that may have no body.
func (s served) code(t *testing.T, method, path, token, form string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestARevokedSessionsAccessTokensDieAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	access, refresh := s.pair(t)
	if status := s.code(t, http.MethodGet, "/api/1.0/open/me", access, ""); status != http.StatusOK {
		t.Errorf("before: %d", status)
	}
	if status := s.code(t, http.MethodPost, "/oauth/revoke", "", "token="+refresh); status != http.StatusOK {
		t.Errorf("the revocation: %d", status)
	}
	if status := s.code(t, http.MethodGet, "/api/1.0/open/me", access, ""); status != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", status)
	}
}

func TestUsersKeepTheirOwnSessionsAndKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	access, _ := s.pair(t)
	s.pair(t)
	if _, _, body := s.do(t, http.MethodGet, "/auth/sessions", access, nil); len(body["sessions"].([]any)) != 2 {
		t.Errorf("sessions: %v", body)
	}
	if status := s.code(t, http.MethodDelete, "/auth/sessions", access, ""); status != http.StatusNoContent {
		t.Errorf("the end of all others: %d", status)
	}
	if _, _, body := s.do(t, http.MethodGet, "/auth/sessions", access, nil); len(body["sessions"].([]any)) != 1 {
		t.Errorf("sessions: %v", body)
	}
	// alice's key exists already and belongs to her only
	if _, _, body := s.do(t, http.MethodGet, "/auth/api-keys", access, nil); len(body["api_keys"].([]any)) != 0 {
		t.Errorf("keys: %v", body)
	}
}

func TestAnAPIKeyIsExchangedAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	s := serve(t)
	status, _, body := s.do(t, http.MethodPost, "/oauth/token", "", url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {s.apiKey}, "subject_token_type": {"urn:sallyport:token-type:api-key"},
	})
	access, _ := body["access_token"].(string)
	if status != http.StatusOK || s.code(t, http.MethodGet, "/api/1.0/open/me", access, "") != http.StatusOK {
		t.Errorf("%d %v", status, body)
	}
	if status := s.code(t, http.MethodGet, "/api/1.0/open/me", s.apiKey, ""); status != http.StatusUnauthorized {
		t.Errorf("the key as a bearer: %d", status)
	}
	if status := s.code(t, http.MethodPost, "/oauth/introspect", "", "token="+access); status != http.StatusUnauthorized {
		t.Errorf("anybody may introspect: %d", status)
	}
}

func TestFaultB2TheRoutesOfFastAPIAnswerAsTheSeedDocument(t *testing.T) {
	t.Parallel()
	s := serve(t)
	form, jsonBody := "application/x-www-form-urlencoded", "application/json"
	login := "grant_type=password&username=bob&password=" + url.QueryEscape(demoPassword)
	post := func(path, contentType, body string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	seed := regexp.MustCompile(`^\{"access_token":"[^"]+","refresh_token":"([^"]+)","token_type":"bearer","expires_in":3600\}$`)
	granted := func(status int, body string) (refresh string) {
		t.Helper()
		found := seed.FindStringSubmatch(body)
		if status != http.StatusOK || found == nil {
			t.Fatalf("%d %s", status, body)
		}
		return found[1]
	}
	refused := func(status int, body string) func(int, string) {
		return func(gotStatus int, gotBody string) {
			t.Helper()
			if gotStatus != status || gotBody != body {
				t.Errorf("%d %s, want %d %s", gotStatus, gotBody, status, body)
			}
		}
	}
	var fields bytes.Buffer
	m := multipart.NewWriter(&fields)
	for _, f := range [][2]string{{"username", "bob"}, {"password", demoPassword}} {
		if err := m.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = m.Close()
	granted(post("/auth/jwt/login", m.FormDataContentType(), fields.String()))
	first := granted(post("/auth/jwt/login", form, login))
	second := granted(post("/auth/jwt/refresh", "", "", "refresh-token", first))
	third := granted(post("/auth/jwt/refresh", jsonBody, "{}", "refresh-token", second))
	fourth := granted(post("/auth/jwt/postman-refresh", form, "grant_type=refresh_token&refresh_token="+third, "Authorization", "Basic Og=="))
	refused(400, `{"detail":"LOGIN_BAD_CREDENTIALS"}`)(post("/auth/jwt/login", form, "username=bob&password=wrong"))
	refused(401, `{"detail":"Unauthorized"}`)(post("/auth/jwt/refresh", "", "", "refresh-token", first))
	refused(400, `{"error":"invalid_grant","error_description":"The refresh token is invalid, expired or revoked"}`)(
		post("/auth/jwt/postman-refresh", form, "grant_type=refresh_token&refresh_token="+fourth))
}
