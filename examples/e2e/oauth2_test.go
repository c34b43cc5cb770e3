package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// routes are where golang.org/x/oauth2 logs in and where it refreshes.
var routes = []struct{ name, login, refresh string }{
	{"the routes of FastAPI", "/auth/jwt/login", "/auth/jwt/postman-refresh"},
	{"the token endpoint", "/oauth/token", "/oauth/token"},
}

func config(server *httptest.Server, path, client string) *oauth2.Config {
	return &oauth2.Config{ClientID: client, Endpoint: oauth2.Endpoint{TokenURL: server.URL + path}}
}

// stale is the token as the client has it an hour later.
func stale(t *oauth2.Token) *oauth2.Token {
	old := *t
	old.Expiry = time.Unix(1, 0)
	return &old
}

func errorCode(t *testing.T, err error) string {
	t.Helper()
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a RetrieveError", err)
	}
	return e.ErrorCode
}

func TestFaultB2XOAuth2LogsInCallsAndRefreshes(t *testing.T) {
	t.Parallel()
	for _, route := range routes {
		t.Run(route.name, func(t *testing.T) {
			t.Parallel()
			server := newHost(t, 0)
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, server.Client())
			first, err := config(server, route.login, "app").PasswordCredentialsToken(ctx, login, password)
			if err != nil {
				t.Fatal(err)
			}
			if first.RefreshToken == "" || first.Type() != "Bearer" || time.Until(first.Expiry) < 59*time.Minute {
				t.Errorf("login gave %s, expiring %v, refresh token of %d bytes", first.Type(), first.Expiry, len(first.RefreshToken))
			}
			refresh := config(server, route.refresh, "app")
			second, err := refresh.TokenSource(ctx, stale(first)).Token()
			if err != nil {
				t.Fatal(err)
			}
			if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
				t.Error("the refresh gave an old token again")
			}
			third, err := refresh.TokenSource(ctx, stale(second)).Token()
			if err != nil {
				t.Fatal(err)
			}
			if got := call(t, refresh.Client(ctx, third), server.URL+"/me"); got != "u-ada app" {
				t.Errorf("the API saw %q", got)
			}
		})
	}
}

func call(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestXOAuth2IsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := newHost(t, 0)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, server.Client())

	t.Run("a wrong password is invalid_grant", func(t *testing.T) {
		t.Parallel()
		_, err := config(server, "/oauth/token", "app").PasswordCredentialsToken(ctx, login, "wrong")
		if code := errorCode(t, err); code != "invalid_grant" {
			t.Errorf("has %q", code)
		}
	})
	t.Run("another client's refresh token is invalid_grant, and stays good for its own", func(t *testing.T) {
		t.Parallel()
		mine, err := config(server, "/oauth/token", "app").PasswordCredentialsToken(ctx, login, password)
		if err != nil {
			t.Fatal(err)
		}
		_, err = config(server, "/oauth/token", "attacker").TokenSource(ctx, stale(mine)).Token()
		if code := errorCode(t, err); code != "invalid_grant" {
			t.Errorf("has %q", code)
		}
		if _, err := config(server, "/oauth/token", "app").TokenSource(ctx, stale(mine)).Token(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a refresh token that was used is invalid_grant, and so is its successor", func(t *testing.T) {
		t.Parallel()
		c := config(server, "/oauth/token", "app")
		first, err := c.PasswordCredentialsToken(ctx, login, password)
		if err != nil {
			t.Fatal(err)
		}
		second, err := c.TokenSource(ctx, stale(first)).Token()
		if err != nil {
			t.Fatal(err)
		}
		for _, spent := range []*oauth2.Token{first, second} {
			_, err := c.TokenSource(ctx, stale(spent)).Token()
			if code := errorCode(t, err); code != "invalid_grant" {
				t.Errorf("has %q", code)
			}
		}
	})
}

// lossy is a network that delivers one request and loses its response.
type lossy struct {
	http.RoundTripper
	lose atomic.Bool
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err == nil && l.lose.CompareAndSwap(true, false) {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return response, err
}

func TestXOAuth2LosesAResponseAfterTheCommit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		grace    time.Duration
		survives bool
	}{
		{"it survives where a grace is set", time.Minute, true},
		{"it has to log in again where refresh is strict", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newHost(t, tt.grace)
			network := &lossy{RoundTripper: server.Client().Transport}
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: network})
			c := config(server, "/oauth/token", "app")
			first, err := c.PasswordCredentialsToken(ctx, login, password)
			if err != nil {
				t.Fatal(err)
			}
			network.lose.Store(true)
			if _, err := c.TokenSource(ctx, stale(first)).Token(); err == nil {
				t.Fatal("the network lost nothing")
			}
			second, err := c.TokenSource(ctx, stale(first)).Token()
			if !tt.survives {
				if code := errorCode(t, err); code != "invalid_grant" {
					t.Errorf("has %q", code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.TokenSource(ctx, stale(second)).Token(); err != nil {
				t.Errorf("the successor: %v", err)
			}
		})
	}
}

// A new process does not know how the server wants its client identified, so
// x/oauth2 sends a failed request again at once in the other way.
func TestXOAuth2SendsALostRefreshTwice(t *testing.T) {
	t.Parallel()
	server := newHost(t, time.Minute)
	network := &lossy{RoundTripper: server.Client().Transport}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: network})
	first, err := config(server, "/oauth/token", "app").PasswordCredentialsToken(ctx, login, password)
	if err != nil {
		t.Fatal(err)
	}
	network.lose.Store(true)
	second, err := config(server, "/oauth/token", "app").TokenSource(ctx, stale(first)).Token()
	if err != nil {
		t.Fatalf("the second copy was taken for theft: %v", err)
	}
	if network.lose.Load() || second.RefreshToken == first.RefreshToken {
		t.Error("the first copy was not lost after all")
	}
}
