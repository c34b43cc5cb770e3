package forge

import (
	"encoding/base64"
	"strconv"
	"time"
)

// Draft is an access token before it is signed.
type Draft struct {
	Header, Claims Object

	HeaderText, ClaimsText string                        // if not empty, replace Header and Claims
	EncodeHeader           func(string) string           // nil: base64url
	EncodeClaims           func(string) string           // nil: base64url
	Sign                   func(signed string) []byte    // signs with the key of Header's kid
	EncodeSum              func(signature []byte) string // nil: base64url
	Finish                 func(token string) string     // if not nil, changes the whole token
}

// Names are the values of a valid token's header and claims.
type Names struct {
	Algorithm, KeyID                string
	Issuer, Audience, Subject, Tier string
}

// Good returns the Draft of a valid token, which expires an hour after now.
func Good(n Names, now time.Time, sign func(signed string) []byte) Draft {
	unix := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	return Draft{
		Header: Object{{"alg", Quoted(n.Algorithm)}, {"kid", Quoted(n.KeyID)}, {"typ", `"at+jwt"`}},
		Claims: Object{
			{"iss", Quoted(n.Issuer)},
			{"sub", Quoted(n.Subject)},
			{"aud", Quoted(n.Audience)},
			{"exp", unix(time.Hour)},
			{"nbf", unix(0)},
			{"iat", unix(0)},
			{"jti", `"a-token"`},
			{"client_id", `"shop"`},
			{"scope", `"read write"`},
			{"sid", `"a-session"`},
			{"acct", `"acme"`},
			{"tier", Quoted(n.Tier)},
			{"seats", `3`},
			{"dept", `"r&d"`}, // a claim of the host
		},
		Sign: sign,
	}
}

// Raw64 encodes s as base64url without padding.
func Raw64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// Token encodes and signs the Draft and returns the token.
func (d Draft) Token() string {
	header, claims := d.HeaderText, d.ClaimsText
	if header == "" {
		header = d.Header.Text()
	}
	if claims == "" {
		claims = d.Claims.Text()
	}
	signed := encoder(d.EncodeHeader)(header) + "." + encoder(d.EncodeClaims)(claims)
	sum := base64.RawURLEncoding.EncodeToString
	if d.EncodeSum != nil {
		sum = d.EncodeSum
	}
	token := signed + "." + sum(d.Sign(signed))
	if d.Finish != nil {
		token = d.Finish(token)
	}
	return token
}

func encoder(encode func(string) string) func(string) string {
	if encode == nil {
		return Raw64
	}
	return encode
}
