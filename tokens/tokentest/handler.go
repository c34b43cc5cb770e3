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

// maxHeader is how long a header may be for a server to have to read it.
const maxHeader = 16 << 10

// RunHandler aims the matrix at an endpoint that wants an access token, by GET at
// path, each token in a subtest of its own. Every refusal has to be 401 with one
// challenge and one body; those of tokens that were good once may be that one or
// another, the same for all of them. The good token has to get something below 400.
//
// An endpoint that runs elsewhere is reached through a handler as
// [net/http/httputil.NewSingleHostReverseProxy] makes one. Tokens that no header
// can carry as one word, because of a line end or a space in them, are left out;
// one of 16 KiB or more may be refused by the server itself, with 431 or 400.
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

// CheckHandler is RunHandler for those who have no *testing.T: it returns all
// that failed, joined.
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

// sendable reports whether a header carries the token as it is, in one word.
func (c Case) sendable() bool {
	token := string(c.Token)
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// endpoint remembers how it refused before.
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
		return fmt.Errorf("tokentest: %s, and it is refused: %d %s", c.Name, w.Code, answer)
	case c.Verdict == Good:
		return nil
	case len(c.Token) >= maxHeader && (w.Code == http.StatusRequestHeaderFieldsTooLarge || w.Code == http.StatusBadRequest):
		return nil
	case w.Code < 400:
		return fmt.Errorf("tokentest: %s, and it is accepted: %d", c.Name, w.Code)
	case w.Code != http.StatusUnauthorized:
		return fmt.Errorf("tokentest: %s: must answer 401, got %d %s", c.Name, w.Code, answer)
	case len(challenge) == 0:
		return fmt.Errorf("tokentest: %s: must answer with a challenge (RFC 6750 §3), got none", c.Name)
	case c.Verdict == Expired:
		known = &e.expired
	}
	if c.Verdict == Expired && answer == e.bad {
		return nil // it need not tell
	}
	if *known == "" {
		*known = answer
	}
	if *known != answer {
		return fmt.Errorf("tokentest: %s: answers %s, and answered another lie %s", c.Name, answer, *known)
	}
	return nil
}
