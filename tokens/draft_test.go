package tokens_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
)

// signer is one algorithm with a key, as Sallyport and as golang-jwt take it.
type signer struct {
	key          tokens.Key
	method       jwt.SigningMethod
	sign, verify any
}

var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// privateKeys are made once: an RSA key takes its time.
var privateKeys = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys := map[string]crypto.Signer{"RSA": rsaKey, "EdDSA": edKey}
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[algorithm] = key
	}
	return keys
})

// signerOf returns the signer for an algorithm, always the same. Its key's ID is
// the algorithm in small letters.
func signerOf(algorithm string) signer {
	s := signer{method: jwt.GetSigningMethod(algorithm)}
	s.key = tokens.Key{ID: strings.ToLower(algorithm), Algorithm: algorithm}
	kind := algorithm
	switch algorithm[:2] {
	case "HS":
		s.key.Secret = secret(algorithm, 64)
		s.sign, s.verify = []byte(string(s.key.Secret)), []byte(string(s.key.Secret))
		return s
	case "RS", "PS":
		kind = "RSA"
	}
	private := privateKeys()[kind]
	s.key.Private = private
	s.sign, s.verify = private, private.Public()
	return s
}

// object is a JSON object in the making: it keeps the order of its members, and
// has one twice if need be. The values are JSON texts.
type object []member

type member struct{ name, value string }

func (o object) set(name, value string) object {
	out := object{}
	found := false
	for _, m := range o {
		if m.name == name {
			m.value, found = value, true
		}
		out = append(out, m)
	}
	if !found {
		return out.add(name, value)
	}
	return out
}

func (o object) add(name, value string) object { return append(slices.Clip(o), member{name, value}) }

func (o object) drop(name string) object {
	out := object{}
	for _, m := range o {
		if m.name != name {
			out = append(out, m)
		}
	}
	return out
}

// text writes the names as they are between the quotes: escapes stay escapes.
func (o object) text() string {
	var parts []string
	for _, m := range o {
		parts = append(parts, `"`+m.name+`":`+m.value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// draft is an access token before it is signed.
type draft struct {
	by             signer
	header, claims object

	headerText, claimsText string                        // stand in for header and claims
	encodeHeader           func(string) string           // base64url, if nil
	encodeClaims           func(string) string           // the same
	sign                   func(signed string) []byte    // as by does, if nil
	encodeSum              func(signature []byte) string // base64url, if nil
	finish                 func(token string) string     // the last touch
}

// draftOf is a draft that becomes a good token.
func draftOf(by signer, now time.Time) draft {
	unix := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	return draft{
		by:     by,
		header: object{{"alg", quoted(by.key.Algorithm)}, {"kid", quoted(by.key.ID)}, {"typ", `"at+jwt"`}},
		claims: object{
			{"iss", quoted(issuer)},
			{"sub", quoted(alice.ID)},
			{"aud", quoted(audience)},
			{"exp", unix(time.Hour)},
			{"nbf", unix(0)},
			{"iat", unix(0)},
			{"jti", `"a-token"`},
			{"client_id", `"shop"`},
			{"scope", `"read write"`},
			{"sid", `"a-session"`},
			{"acct", `"acme"`},
			{"tier", `"free"`},
			{"seats", `3`},
			{"dept", `"r&d"`}, // the host's own
		},
	}
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func raw64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func (d draft) token(tb testing.TB) tokens.Secret {
	tb.Helper()
	header, claims := d.headerText, d.claimsText
	if header == "" {
		header = d.header.text()
	}
	if claims == "" {
		claims = d.claims.text()
	}
	if d.encodeHeader == nil {
		d.encodeHeader = raw64
	}
	if d.encodeClaims == nil {
		d.encodeClaims = raw64
	}
	if d.encodeSum == nil {
		d.encodeSum = base64.RawURLEncoding.EncodeToString
	}
	signed := d.encodeHeader(header) + "." + d.encodeClaims(claims)
	if d.sign == nil {
		d.sign = func(signed string) []byte {
			signature, err := d.by.method.Sign(signed, d.by.sign)
			if err != nil {
				tb.Fatal(err)
			}
			return signature
		}
	}
	token := signed + "." + d.encodeSum(d.sign(signed))
	if d.finish != nil {
		token = d.finish(token)
	}
	return tokens.Secret(token)
}

// parts decodes a token with nothing of what is tested.
func parts(tb testing.TB, token tokens.Secret) (header, claims map[string]any) {
	tb.Helper()
	three := strings.Split(string(token), ".")
	if len(three) != 3 {
		tb.Fatalf("the token has %d parts", len(three))
	}
	for i, v := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(three[i])
		if err != nil {
			tb.Fatal(err)
		}
		if err := json.Unmarshal(text, v); err != nil {
			tb.Fatal(err)
		}
	}
	return header, claims
}

func claimsOf(tb testing.TB, token tokens.Secret) map[string]any {
	tb.Helper()
	_, claims := parts(tb, token)
	return claims
}
