package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	issuer   = "https://id.example.com"
	audience = "https://api.example.com"
	keyID    = "2026-11"
)

// signer has one key in the types of all libraries.
type signer struct {
	algorithm    string
	method       jwt.SigningMethod
	sign, verify any // a []byte, or a private and a public key
	key          keys.Key
}

func newSigner(algorithm string) (signer, error) {
	s := signer{algorithm: algorithm, method: jwt.GetSigningMethod(algorithm), key: keys.Key{ID: keyID, Algorithm: algorithm}}
	switch algorithm {
	case "HS256":
		s.key.Secret = keys.NewSecret()
		s.sign, s.verify = []byte(s.key.Secret), []byte(s.key.Secret)
	case "RS256":
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return signer{}, err
		}
		s.key.Private, s.sign, s.verify = private, private, &private.PublicKey
	case "ES256":
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return signer{}, err
		}
		s.key.Private, s.sign, s.verify = private, private, &private.PublicKey
	case "EdDSA":
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return signer{}, err
		}
		s.key.Private, s.sign, s.verify = private, private, public
	default:
		return signer{}, fmt.Errorf("no algorithm %s", algorithm)
	}
	return s, nil
}

// claims are those of an access token (RFC 9068 §2.2), with the scope and the tier.
type claims struct {
	jwt.RegisteredClaims

	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Tier     string `json:"tier"`
}

// draft returns the token of the user of that number, still to be signed.
func (s signer) draft(user int) *jwt.Token {
	now := time.Now().Truncate(time.Second)
	t := jwt.NewWithClaims(s.method, &claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: "user-" + strconv.Itoa(user), Audience: jwt.ClaimStrings{audience}, ID: "jti-" + rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		},
		ClientID: "web", Scope: "read write", Tier: "free",
	})
	t.Header["typ"], t.Header["kid"] = "at+jwt", keyID
	return t
}

// token signs a draft after change; nil changes nothing.
func (s signer) token(user int, change func(*claims)) string {
	t := s.draft(user)
	if c, ok := t.Claims.(*claims); ok && change != nil {
		change(c)
	}
	return must(t.SignedString(s.sign))
}

// attempt is a token that a verifier must accept, or must refuse.
type attempt struct {
	name, token string
	good        bool
}

func (s signer) attempts() []attempt {
	good := s.token(1, nil)
	none := s.draft(1)
	none.Method, none.Header["alg"] = jwt.SigningMethodNone, "none"
	ago := func(d time.Duration) func(*claims) {
		return func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-d)) }
	}
	return []attempt{
		{"a good token", good, true},
		{"an expired token", s.token(1, ago(time.Minute)), false},
		{"a token that expired long ago", s.token(1, ago(48*time.Hour)), false},
		{"a wrong signature", forged(good), false},
		{"alg none", must(none.SignedString(jwt.UnsafeAllowNoneSignatureType)), false},
		{"a wrong issuer", s.token(1, func(c *claims) { c.Issuer = "https://other.example" }), false},
		{"a wrong audience", s.token(1, func(c *claims) { c.Audience = jwt.ClaimStrings{"https://other.example"} }), false},
	}
}

// forged returns the token with one bit of its signature changed.
func forged(token string) string {
	signed, signature := cut(token)
	signature[len(signature)/2] ^= 1
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// cut returns what is signed, and the signature.
func cut(token string) (signed string, signature []byte) {
	dot := strings.LastIndexByte(token, '.')
	return token[:dot], must(base64.RawURLEncoding.DecodeString(token[dot+1:]))
}

// verifier returns Sallyport's, with the cache that is given.
func (s signer) verifier(cache tokens.CacheConfig) (*tokens.Verifier, error) {
	set, err := keys.NewSet(s.key)
	if err != nil {
		return nil, err
	}
	return tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: issuer, Audience: audience, Cache: cache})
}

var (
	noCache = tokens.CacheConfig{Entries: -1}
	cached  = tokens.CacheConfig{HMAC: true}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
