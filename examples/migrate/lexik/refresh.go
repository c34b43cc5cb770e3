package lexik

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// Row is a row of the table refresh_tokens of JWTRefreshTokenBundle.
type Row struct {
	Username string
	Valid    time.Time
}

// RefreshTokens is the table refresh_tokens.
type RefreshTokens interface {
	// Find returns the row of a token, and store.ErrNotFound if there is none.
	Find(ctx context.Context, token string) (Row, error)

	// Delete deletes the row of a token, atomically, and reports whether it was there.
	Delete(ctx context.Context, token string) (bool, error)
}

// refresher serves the refresh route for new and for old refresh tokens.
type refresher struct {
	auth      *middleware.Auth
	authority *tokens.Authority
	old       RefreshTokens
	now       func() time.Time

	// singleUse is the option single_use of the bundle.
	singleUse bool
}

// oldToken is the form of the tokens of the bundle's generator.
var oldToken = regexp.MustCompile(`^[0-9a-f]{128}$`)

const maxBody = 16 << 10 // bytes

func (f refresher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	token := presented(body)
	if !oldToken.MatchString(token) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.auth.Refresh(w, r)
		return
	}
	pair, err := f.exchange(r, token)
	if err != nil {
		f.auth.Refused(wire.RouteRefresh, err).Write(w)
		return
	}
	f.auth.Granted(pair).Write(w)
}

// presented returns the refresh_token of a body in JSON or of a form.
func presented(body []byte) string {
	var in struct {
		Token string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &in) == nil {
		return in.Token
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["refresh_token"]) != 1 {
		return ""
	}
	return form.Get("refresh_token")
}

// exchange opens a session in the place of an old refresh token. If refresh tokens are not
// for a single use, the client keeps its own, and gets access tokens for it as long as its
// row is valid.
func (f refresher) exchange(r *http.Request, token string) (tokens.Pair, error) {
	row, err := f.old.Find(r.Context(), token)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tokens.Pair{}, tokens.ErrInvalidRefresh
	case err != nil:
		return tokens.Pair{}, fmt.Errorf("%w: %w", tokens.ErrUnavailable, err)
	case !f.now().Before(row.Valid):
		return tokens.Pair{}, tokens.ErrExpiredRefresh
	}
	pair, err := f.auth.CheckSignIn(r, tokens.SignInRequest{UserID: row.Username, AccessOnly: !f.singleUse})
	if err != nil {
		return tokens.Pair{}, err
	}
	if !f.singleUse {
		pair.RefreshToken = tokens.Secret(token) // the same, as the bundle answers
		return pair, nil
	}
	first, err := f.old.Delete(r.Context(), token) // last: until then the old token is as good as it was
	if err == nil && first {
		return pair, nil
	}
	ended := f.authority.Logout(r.Context(), tokens.RefreshRequest{Token: pair.RefreshToken})
	if err != nil || ended != nil {
		return tokens.Pair{}, fmt.Errorf("%w: %w", tokens.ErrUnavailable, errors.Join(err, ended))
	}
	return tokens.Pair{}, tokens.ErrInvalidRefresh // another request with it was faster
}
