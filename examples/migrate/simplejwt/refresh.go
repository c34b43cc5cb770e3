package simplejwt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/migrate/oldtokens"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Blacklist is simplejwt's table of refresh tokens that are not valid any more, by their
// "jti".
type Blacklist interface {
	// Has reports whether a token is in it.
	Has(ctx context.Context, jti string) (bool, error)

	// Add adds a token, atomically, and reports whether it was not in it.
	Add(ctx context.Context, jti string) (bool, error)
}

// refresher serves the refresh route for new and for old refresh tokens.
type refresher struct {
	auth      *middleware.Auth
	authority *tokens.Authority
	old       oldtokens.Verifier // of refresh tokens
	blacklist Blacklist

	// rotate is ROTATE_REFRESH_TOKENS with BLACKLIST_AFTER_ROTATION.
	rotate bool
}

const maxBody = 16 << 10 // bytes

func (f refresher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	var in struct {
		Refresh string `json:"refresh"`
	}
	if json.Unmarshal(body, &in) != nil || !oldtokens.IsOld(in.Refresh) || !f.old.Now().Before(f.old.Until) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.auth.Refresh(w, r)
		return
	}
	pair, err := f.exchange(r, in.Refresh)
	if err != nil {
		f.auth.Refused(wire.RouteRefresh, err).Write(w)
		return
	}
	f.auth.Granted(pair).Write(w)
}

// exchange opens a session in the place of an old refresh token. If refresh tokens did not
// rotate, the clients keep the old one and send it again: then they get access tokens for
// it until it expires.
func (f refresher) exchange(r *http.Request, token string) (tokens.Pair, error) {
	claims, err := f.old.Claims(token)
	if err != nil {
		return tokens.Pair{}, fmt.Errorf("%w: %w", tokens.ErrInvalidRefresh, err)
	}
	user, ok := userOf(claims, "refresh")
	jti, _ := claims["jti"].(string)
	issued, err := claims.GetIssuedAt()
	if !ok || jti == "" || err != nil || issued == nil {
		return tokens.Pair{}, tokens.ErrInvalidRefresh
	}
	if found, err := f.blacklist.Has(r.Context(), jti); err != nil {
		return tokens.Pair{}, fmt.Errorf("%w: %w", tokens.ErrUnavailable, err)
	} else if found {
		return tokens.Pair{}, tokens.ErrInvalidRefresh
	}
	pair, err := f.auth.CheckSignIn(r, tokens.SignInRequest{UserID: user, AuthenticatedAt: issued.Time, AccessOnly: !f.rotate})
	if err != nil || !f.rotate {
		return pair, err
	}
	first, err := f.blacklist.Add(r.Context(), jti) // last: until then the old token is as good as it was
	if err == nil && first {
		return pair, nil
	}
	ended := f.authority.Logout(r.Context(), tokens.RefreshRequest{Token: pair.RefreshToken})
	if err != nil || ended != nil {
		return tokens.Pair{}, fmt.Errorf("%w: %w: %w", tokens.ErrUnavailable, err, ended)
	}
	return tokens.Pair{}, tokens.ErrInvalidRefresh // another request with it was faster
}

// userOf returns the user whom a token of this type names, and false if it is of another
// type.
func userOf(claims jwt.MapClaims, kind string) (string, bool) {
	if claims["token_type"] != kind {
		return "", false
	}
	switch id := claims["user_id"].(type) {
	case string: // since simplejwt 5.5
		return id, id != ""
	case float64:
		return strconv.FormatInt(int64(id), 10), id == float64(int64(id))
	}
	return "", false
}
