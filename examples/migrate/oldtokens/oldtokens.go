// Package oldtokens accepts the access tokens of the system that a host replaces, beside
// those of Sallyport, until the last of them has expired. It is for tokens that name no
// issuer, which tokens.Config.Issuers does not accept. The guides in docs/migrate use it:
// copy it, and remove it when the time has come.
package oldtokens

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Verifier verifies the tokens of the old system as that did. All fields are required,
// but for Audience.
type Verifier struct {
	// Method and Key are those of the old system, for example jwt.SigningMethodHS256 and
	// its secret as []byte.
	Method jwt.SigningMethod
	Key    any

	// Audience is the "aud" of its tokens. Empty: they have none.
	Audience string

	// Until is when the last of its access tokens has expired: their lifetime after it
	// has issued the last. Then no old token is accepted any more.
	Until time.Time

	// Principal returns who the claims of an access token name, and an error if they are
	// those of another kind of token. Its Claims are then set.
	Principal func(jwt.MapClaims) (tokens.Principal, error)

	// Now is the clock.
	Now func() time.Time
}

// Protect is auth.Protect, and lets requests with an old token through as well.
func (v Verifier) Protect(auth *middleware.Auth) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		current, counted := auth.Protect(next), auth.Limit(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, ok := bearer(r)
			if !ok || !v.Now().Before(v.Until) || !IsOld(token) {
				current.ServeHTTP(w, r)
				return
			}
			p, err := v.verify(token)
			if err != nil {
				auth.Refused(wire.RouteAPI, err).Write(w)
				return
			}
			counted.ServeHTTP(w, middleware.WithPrincipal(r, p))
		})
	}
}

func (v Verifier) verify(token string) (tokens.Principal, error) {
	claims, err := v.Claims(token)
	if err != nil {
		return tokens.Principal{}, err
	}
	p, err := v.Principal(claims)
	switch {
	case err != nil:
		return tokens.Principal{}, fmt.Errorf("%w: %w", tokens.ErrInvalidToken, err)
	case p.Subject == "":
		return tokens.Principal{}, fmt.Errorf("%w: it names no user", tokens.ErrInvalidToken)
	}
	p.Restricted = true // as each token that is not Sallyport's own
	return p.WithClaims(claims)
}

// Claims returns the claims of a token whose signature, algorithm, audience and expiry are
// right, and otherwise tokens.ErrInvalidToken or tokens.ErrExpiredToken.
func (v Verifier) Claims(token string) (jwt.MapClaims, error) {
	if len(token) > tokens.MaxAccessToken {
		return nil, tokens.ErrInvalidToken
	}
	options := []jwt.ParserOption{jwt.WithValidMethods([]string{v.Method.Alg()}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(v.Now)}
	if v.Audience != "" {
		options = append(options, jwt.WithAudience(v.Audience))
	}
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return v.Key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, fmt.Errorf("%w: %w", tokens.ErrExpiredToken, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", tokens.ErrInvalidToken, err)
	}
	return claims, nil
}

// bearer returns the token of the only Authorization header.
func bearer(r *http.Request) (string, bool) {
	all := r.Header["Authorization"]
	if len(all) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(all[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer")
}

// IsOld reports whether a token is a JWT that is not an access token of Sallyport's, whose
// type is at+jwt. It decides only which of the two verifies the token.
func IsOld(token string) bool {
	head, rest, _ := strings.Cut(token, ".")
	if len(token) > tokens.MaxAccessToken || strings.Count(rest, ".") != 1 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(text, &header) == nil && header.Type == "JWT"
}
