package main

import (
	"net/http"
	"net/url"
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
