package main

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
)

// outlast are the stores that outlast the process, by what -store says.
var outlast = map[string]func(t *testing.T) string{
	"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "50% of it?#.db") },
	"PostgreSQL": func(t *testing.T) string { return postgrestest.Schema(t) },
	"MariaDB":    func(t *testing.T) string { return mariadbtest.URL(t) },
	"Redis":      func(t *testing.T) string { return redistest.Start(t).URL() },
}

func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	for name, where := range outlast {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"-store", where(t), "-key", filepath.Join(t.TempDir(), "key.pem")}
			var key, kept, spent string
			t.Run("before", func(t *testing.T) {
				s := serve(t, args...)
				key, kept = s.apiKey, s.session(t)
				spent = s.session(t)
				if status, _ := s.refresh(t, spent); status != http.StatusOK {
					t.Errorf("the first refresh: %d", status)
				}
			})
			s := serve(t, args...)
			if status, token := s.refresh(t, kept); status != http.StatusOK || token == kept {
				t.Errorf("a refresh token from before: %d", status)
			}
			if status, _ := s.refresh(t, spent); status != http.StatusBadRequest {
				t.Errorf("one that was spent before: %d", status)
			}
			status, _, body := s.do(t, http.MethodPost, "/api/login_refresh", "", url.Values{"refresh_token": {key}})
			if status != http.StatusOK {
				t.Errorf("the API key from before: %d %v", status, body)
			}
			for _, u := range demoUsers {
				s.login(t, u.Login)
			}
		})
	}
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key.pem")
	token := serve(t, "-key", key).session(t)
	if status, _ := serve(t, "-key", key).refresh(t, token); status != http.StatusBadRequest {
		t.Errorf("a session of another process: %d", status)
	}
}

// session logs bob in, and returns his refresh token.
func (s served) session(t *testing.T) string {
	t.Helper()
	_, _, body := s.do(t, http.MethodPost, "/auth/jwt/login", "", url.Values{
		"grant_type": {"password"}, "username": {"bob"}, "password": {demoPassword},
	})
	token, ok := body["refresh_token"].(string)
	if !ok {
		t.Fatalf("bob cannot log in: %v", body)
	}
	return token
}

func (s served) refresh(t *testing.T, token string) (status int, successor string) {
	t.Helper()
	status, _, body := s.do(t, http.MethodPost, "/oauth/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	successor, _ = body["refresh_token"].(string)
	return status, successor
}

func TestAStoreThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]string{
		"no such kind":              "mongodb://app:s3cret@127.0.0.1/app",
		"no kind at all":            "s3cret",
		"a folder that is no file":  "sqlite:" + t.TempDir(),
		"no PostgreSQL there":       "postgres://app:s3cret@127.0.0.1:1/app?sslmode=disable",
		"no URL of a PostgreSQL":    "postgres://app:s3cret@127.0.0.1:port/app",
		"no MariaDB there":          "mysql://app:s3cret@127.0.0.1:1/app",
		"no URL of a MariaDB":       "mysql://app:s3cret@127.0.0.1:port/app",
		"no Redis there":            "redis://:s3cret@127.0.0.1:1/0",
		"no URL of a Redis, either": "redis://:s3cret@127.0.0.1:port/0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-store", where}, io.Discard, io.Discard)
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("run: %v", err)
			}
		})
	}
}

func TestWhatHasExpiredIsForgotten(t *testing.T) {
	t.Parallel()
	where := outlast["SQLite"](t)
	s, err := open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	old := store.Session{ID: "old", UserID: "u-alice", Generation: 1, IdleUntil: time.Now().Add(-time.Hour), ExpiresAt: time.Now()}
	if err := s.store.CreateSession(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	serve(t, "-store", where)
	if !redistest.Eventually(t, func() bool { _, err := s.store.Session(t.Context(), "old"); return errors.Is(err, store.ErrNotFound) }) {
		t.Error("a session that has expired is still there")
	}
}
