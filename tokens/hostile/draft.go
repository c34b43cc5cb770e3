package hostile

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
)

var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// row is one thing that is done to a good token.
type row struct {
	name    string
	change  func(*draft)
	verdict Verdict
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
	key            tokens.Key
	header, claims object

	headerText, claimsText string                        // stand in for header and claims
	encodeHeader           func(string) string           // base64url, if nil
	encodeClaims           func(string) string           // the same
	sign                   func(signed string) []byte    // with the key, if nil
	encodeSum              func(signature []byte) string // base64url, if nil
	finish                 func(token string) string     // the last touch
}

// draftOf is a draft that becomes a good token.
func draftOf(t Target, key tokens.Key) draft {
	now := t.Now()
	unix := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	return draft{
		key:    key,
		header: object{{"alg", quoted(key.Algorithm)}, {"kid", quoted(key.ID)}, {"typ", `"at+jwt"`}},
		claims: object{
			{"iss", quoted(t.Issuer)},
			{"sub", quoted(t.Subject)},
			{"aud", quoted(t.Audience)},
			{"exp", unix(time.Hour)},
			{"nbf", unix(0)},
			{"iat", unix(0)},
			{"jti", `"a-token"`},
			{"client_id", `"shop"`},
			{"scope", `"read write"`},
			{"sid", `"a-session"`},
			{"acct", `"acme"`},
			{"tier", quoted(t.Tier)},
			{"seats", `3`},
			{"dept", `"r&d"`}, // the host's own
		},
	}
}

func quoted(s string) string {
	text, _ := json.Marshal(s) // a string
	return string(text)
}

func raw64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func tokenOf(d draft) tokens.Secret {
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
	if d.sign == nil {
		d.sign = func(signed string) []byte { return sign(d.key, signed) }
	}
	signed := d.encodeHeader(header) + "." + d.encodeClaims(claims)
	token := signed + "." + d.encodeSum(d.sign(signed))
	if d.finish != nil {
		token = d.finish(token)
	}
	return tokens.Secret(token)
}

// sign signs as the key does.
func sign(key tokens.Key, signed string) []byte {
	var with any = key.Private
	if key.Secret != "" {
		with = []byte(string(key.Secret))
	}
	return signWith(jwt.GetSigningMethod(key.Algorithm), signed, with)
}

func signWith(method jwt.SigningMethod, signed string, key any) []byte {
	signature, err := method.Sign(signed, key)
	if err != nil {
		panic(err) // check has seen it sign
	}
	return signature
}

func public(key tokens.Key) crypto.PublicKey { return key.Private.(crypto.Signer).Public() } //nolint:forcetypeassert // check has seen what it is

func header(name, value string) func(*draft) {
	return func(d *draft) { d.header = d.header.set(name, value) }
}

func claim(name, value string) func(*draft) {
	return func(d *draft) { d.claims = d.claims.set(name, value) }
}

func without(name string) func(*draft) {
	return func(d *draft) { d.header, d.claims = d.header.drop(name), d.claims.drop(name) }
}

func finished(finish func(string) string) func(*draft) {
	return func(d *draft) { d.finish = finish }
}

func unsigned(d *draft) { d.sign = func(string) []byte { return nil } }

func all(changes ...func(*draft)) func(*draft) {
	return func(d *draft) {
		for _, change := range changes {
			change(d)
		}
	}
}

// hmacWith signs as HS256 with a key that is no secret.
func hmacWith(key []byte) func(*draft) {
	return func(d *draft) {
		d.header = d.header.set("alg", `"HS256"`)
		d.sign = func(signed string) []byte {
			return signWith(jwt.SigningMethodHS256, signed, key)
		}
	}
}

// flip turns one bit of the signature around.
func flip(bit int) func(*draft) {
	return func(d *draft) {
		d.encodeSum = func(b []byte) string {
			b = slices.Clone(b)
			b[bit/8] ^= 1 << (bit % 8)
			return base64.RawURLEncoding.EncodeToString(b)
		}
	}
}

// signedBy signs as ES256 with another key.
func signedBy(key *ecdsa.PrivateKey) func(*draft) {
	return func(d *draft) {
		d.sign = func(signed string) []byte {
			return signWith(jwt.SigningMethodES256, signed, key)
		}
	}
}

// leftover encodes so that the last character has a bit that belongs to no byte.
func leftover(s string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for len(s)%3 == 0 {
		s = " " + s // white space, which says nothing
	}
	text := raw64(s)
	last := strings.IndexByte(digits, text[len(text)-1])
	return text[:len(text)-1] + digits[last+1:last+2]
}
