package crashtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client sends what people's clients send.
type client struct {
	http *http.Client
	url  string // of a node
	mode string
}

func newClient(t *testing.T, n *node, mode string) client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(c.CloseIdleConnections)
	return client{c, n.url, mode}
}

// in returns the same client for another mode.
func (c client) in(mode string) client {
	c.mode = mode
	return c
}

// answer is what has come back whole.
type answer struct {
	status     int
	retryAfter string
	token      token // of a pair
	code       string
}

// post sends a form. An error means that it is not known what has become of it.
func (c client) post(ctx context.Context, path string, form url.Values) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/"+c.mode+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	var said struct {
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &said); err != nil {
			return answer{}, err
		}
	}
	return answer{response.StatusCode, response.Header.Get("Retry-After"), token(said.Refresh), said.Error}, nil
}

func (c client) login(ctx context.Context) (answer, error) {
	return c.post(ctx, "/login", url.Values{"username": {ada.Login}, "password": {adas}})
}

func (c client) refresh(ctx context.Context, t token) (answer, error) {
	return c.post(ctx, "/refresh", url.Values{"refresh_token": {string(t)}})
}

func (c client) logout(ctx context.Context, t token) (answer, error) {
	return c.post(ctx, "/logout", url.Values{"refresh_token": {string(t)}})
}

// enters is a login that succeeds, or an error.
func (c client) enters(ctx context.Context) (token, error) {
	a, err := c.login(ctx)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the login was answered %d", a.status)
	}
	return a.token, err
}

// token is a refresh token. Its holder can read its contents.
type token string

// session is the ID of its session.
func (t token) session() string {
	sum := sha256.Sum256([]byte("sallyport sid\x00" + base64.RawURLEncoding.EncodeToString(t.body()[5:21])))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// generation is the one of its session that it belongs to.
func (t token) generation() int64 {
	return int64(binary.BigEndian.Uint64(t.body()[21:29]))
}

func (t token) body() []byte {
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(t), "sp_rt_"))
	if err != nil || len(body) < 29 {
		panic("not a refresh token: " + string(t))
	}
	return body
}
