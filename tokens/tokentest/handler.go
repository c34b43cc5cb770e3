package tokentest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// maxHeader is the length in bytes up to which a server must accept a header.
const maxHeader = 16 << 10

// RunHandler sends each token to an endpoint that requires an access token, with a
// GET request for path, in a subtest of its own. Each rejection must be a 401 with
// one challenge, and all of them must have the same challenge and body. Expired
// tokens may get a different one, the same for all of them. The good token must
// get a status below 400.
//
// To test an endpoint in another process, pass a handler such as that of
// [net/http/httputil.NewSingleHostReverseProxy]. Tokens that a header cannot carry
// as one word, because they contain a line end or a space, are skipped. A token of
// 16 KiB or more may be rejected by the server itself, with 431 or 400.
func RunHandler(t *testing.T, target Target, h http.Handler, path string) {
	t.Helper()
	cases, err := target.Cases()
	if err != nil {
		t.Fatal(err)
	}
	e := endpoint{handler: h, path: path}
	for _, c := range cases {
		if c.sendable() {
			t.Run(c.Name, func(t *testing.T) {
				if err := e.try(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// CheckHandler is RunHandler without a *testing.T. It returns all failures,
// joined, or the error of [Target.Cases].
func CheckHandler(ctx context.Context, target Target, h http.Handler, path string) error {
	cases, err := target.Cases()
	if err != nil {
		return err
	}
	e := endpoint{handler: h, path: path}
	var failures []error
	for _, c := range cases {
		if c.sendable() {
			failures = append(failures, e.try(ctx, c))
		}
	}
	return errors.Join(failures...)
}

// sendable reports whether a header can carry the token unchanged, as one word.
func (c Case) sendable() bool {
	token := string(c.Token)
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// endpoint keeps its earlier rejections, to compare later ones with them.
type endpoint struct {
	handler      http.Handler
	path         string
	bad, expired string
}

func (e *endpoint) try(ctx context.Context, c Case) (failure error) {
	defer func() {
		if cause := recover(); cause != nil {
			failure = fmt.Errorf("tokentest: %s: the endpoint panics: %v", c.Name, cause)
		}
	}()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, e.path, http.NoBody)
	r.Header["Authorization"] = []string{"Bearer " + string(c.Token)}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	challenge := w.Header().Values("WWW-Authenticate")
	answer := fmt.Sprintf("%q %s", challenge, w.Body)
	known := &e.bad
	switch {
	case c.Verdict == Harmless:
		return nil
	case c.Verdict == Good && w.Code >= 400:
		return fmt.Errorf("tokentest: %s, and it was rejected: %d %s", c.Name, w.Code, answer)
	case c.Verdict == Good:
		return nil
	case len(c.Token) >= maxHeader && (w.Code == http.StatusRequestHeaderFieldsTooLarge || w.Code == http.StatusBadRequest):
		return nil
	case w.Code < 400:
		return fmt.Errorf("tokentest: %s, and it was accepted: %d", c.Name, w.Code)
	case w.Code != http.StatusUnauthorized:
		return fmt.Errorf("tokentest: %s: must answer 401, got %d %s", c.Name, w.Code, answer)
	case len(challenge) == 0:
		return fmt.Errorf("tokentest: %s: must answer with a challenge (RFC 6750 §3), got none", c.Name)
	case c.Verdict == Expired:
		known = &e.expired
	}
	if c.Verdict == Expired && answer == e.bad {
		return nil // it may answer as for any invalid token
	}
	if *known == "" {
		*known = answer
	}
	if *known != answer {
		return fmt.Errorf("tokentest: %s: got %s, but another invalid token got %s", c.Name, answer, *known)
	}
	return nil
}
