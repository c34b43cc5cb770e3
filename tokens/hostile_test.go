package tokens_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
)

// hostile is one thing that is done to a good token.
type hostile struct {
	name   string
	change func(*draft)
	want   error // nil: it stays good
}

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
			signature, err := jwt.SigningMethodHS256.Sign(signed, key)
			if err != nil {
				panic(err)
			}
			return signature
		}
	}
}

// hostileHeaders are lies in the header, and about the algorithm.
func hostileHeaders() []hostile {
	publicDER, err := x509.MarshalPKIXPublicKey(signerOf("RS256").verify)
	if err != nil {
		panic(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := thief.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	jwk := `{"kty":"EC","crv":"P-256","x":"` + raw64(string(point[1:33])) + `","y":"` + raw64(string(point[33:])) + `"}`
	rows := []hostile{
		{"typ application/at+jwt is the same media type", header("typ", `"application/at+jwt"`), nil},
		{"typ is compared without case", header("typ", `"AT+JWT"`), nil},
		{"typ is compared without case in both spellings", header("typ", `"Application/at+JWT"`), nil},
		{"a header in another order says the same", func(d *draft) { slices.Reverse(d.header) }, nil},
		{"white space in the header says nothing", func(d *draft) { d.headerText = " " + strings.ReplaceAll(d.header.text(), ",", " ,\n\t") }, nil},
		{"an escape in the header says the same", func(d *draft) { d.headerText = strings.Replace(d.header.text(), `"alg"`, `"\u0061lg"`, 1) }, nil},

		{"alg and the kid of another key", header("kid", quoted(signerOf("ES384").key.ID)), tokens.ErrInvalidToken},
		{"alg as an array", func(d *draft) { d.header = d.header.set("alg", "["+quoted(d.by.key.Algorithm)+"]") }, tokens.ErrInvalidToken},
		{"alg in small letters", func(d *draft) { d.header = d.header.set("alg", strings.ToLower(quoted(d.by.key.Algorithm))) }, tokens.ErrInvalidToken},
		{"alg with a space", func(d *draft) { d.header = d.header.set("alg", quoted(d.by.key.Algorithm+" ")) }, tokens.ErrInvalidToken},
		{"alg null", header("alg", "null"), tokens.ErrInvalidToken},
		{"alg empty", header("alg", `""`), tokens.ErrInvalidToken},
		{"alg a number", header("alg", "256"), tokens.ErrInvalidToken},
		{"no alg", without("alg"), tokens.ErrInvalidToken},
		{"alg twice", func(d *draft) { d.header = d.header.add("alg", `"none"`) }, tokens.ErrInvalidToken},
		{"alg twice, the second one good", func(d *draft) {
			d.header = append(object{{"alg", `"none"`}}, d.header...)
		}, tokens.ErrInvalidToken},
		{"alg twice, the same", func(d *draft) { d.header = d.header.add("alg", quoted(d.by.key.Algorithm)) }, tokens.ErrInvalidToken},
		{"alg twice, once with an escape", func(d *draft) { d.header = d.header.add(`\u0061lg`, `"none"`) }, tokens.ErrInvalidToken},
		{"ALG beside alg", func(d *draft) { d.header = d.header.add("ALG", `"none"`) }, tokens.ErrInvalidToken},
		{"ALG in place of alg", func(d *draft) { d.header = d.header.drop("alg").add("ALG", quoted(d.by.key.Algorithm)) }, tokens.ErrInvalidToken},

		{"HS256 with the RSA public key as PEM", all(header("kid", `"rs256"`), hmacWith(publicPEM)), tokens.ErrInvalidToken},
		{"HS256 with the RSA public key as PEM without its last line end", all(header("kid", `"rs256"`), hmacWith(slices.Clone(publicPEM[:len(publicPEM)-1]))), tokens.ErrInvalidToken},
		{"HS256 with the RSA public key as DER", all(header("kid", `"rs256"`), hmacWith(publicDER)), tokens.ErrInvalidToken},
		{"HS256 with the RSA public key under the kid of the HMAC key", all(header("kid", `"hs256"`), hmacWith(publicPEM)), tokens.ErrInvalidToken},
		{"HS256 with an empty key", all(header("kid", `"hs256"`), hmacWith([]byte{})), tokens.ErrInvalidToken},
		{"HS256 with the kid as the key", all(header("kid", `"hs256"`), hmacWith([]byte("hs256"))), tokens.ErrInvalidToken},

		{"no kid", without("kid"), tokens.ErrInvalidToken},
		{"kid null", header("kid", "null"), tokens.ErrInvalidToken},
		{"kid a number", header("kid", "0"), tokens.ErrInvalidToken},
		{"kid empty", header("kid", `""`), tokens.ErrInvalidToken},
		{"kid unknown", header("kid", `"unknown"`), tokens.ErrInvalidToken},
		{"kid in capitals", func(d *draft) { d.header = d.header.set("kid", strings.ToUpper(quoted(d.by.key.ID))) }, tokens.ErrInvalidToken},
		{"kid with a space", func(d *draft) { d.header = d.header.set("kid", quoted(d.by.key.ID+" ")) }, tokens.ErrInvalidToken},
		{"kid with a zero byte", func(d *draft) { d.header = d.header.set("kid", `"`+d.by.key.ID+`\u0000"`) }, tokens.ErrInvalidToken},
		{"kid a path", header("kid", `"../../../../dev/null"`), tokens.ErrInvalidToken},
		{"kid a file", header("kid", `"file:///etc/passwd"`), tokens.ErrInvalidToken},
		{"kid SQL", header("kid", `"' OR 1=1 --"`), tokens.ErrInvalidToken},
		{"kid a UNION", header("kid", `"x' UNION SELECT 'key'; --"`), tokens.ErrInvalidToken},
		{"kid a command", header("kid", `"$(id)|id;`+"`id`"+`"`), tokens.ErrInvalidToken},
		{"kid an object", header("kid", `{"kid":"hs256"}`), tokens.ErrInvalidToken},
		{"kid of 4 KiB", header("kid", quoted(strings.Repeat("k", 4<<10))), tokens.ErrInvalidToken},
		{"kid of a megabyte", header("kid", quoted(strings.Repeat("k", 1<<20))), tokens.ErrInvalidToken},

		{"P25: typ JWT", header("typ", `"JWT"`), tokens.ErrInvalidToken},
		{"P25: no typ", without("typ"), tokens.ErrInvalidToken},
		{"P25: typ refresh+jwt", header("typ", `"refresh+jwt"`), tokens.ErrInvalidToken},
		{"P25: typ application/jwt", header("typ", `"application/jwt"`), tokens.ErrInvalidToken},
		{"P25: typ null", header("typ", "null"), tokens.ErrInvalidToken},
		{"P25: typ empty", header("typ", `""`), tokens.ErrInvalidToken},
		{"P25: typ a number", header("typ", "1"), tokens.ErrInvalidToken},
		{"P25: typ with a space", header("typ", `"at+jwt "`), tokens.ErrInvalidToken},
		{"P25: typ with a parameter", header("typ", `"at+jwt;v=1"`), tokens.ErrInvalidToken},
		{"P25: typ with a letter that is an i in small letters only", header("typ", `"appl\u0130cation/at+jwt"`), tokens.ErrInvalidToken},
		{"P25: typ of a logout token", header("typ", `"logout+jwt"`), tokens.ErrInvalidToken},
		{"P25: typ of a proof of possession", header("typ", `"dpop+jwt"`), tokens.ErrInvalidToken},

		{"P25: crit that names a claim", header("crit", `["exp"]`), tokens.ErrInvalidToken},
		{"P25: crit empty", header("crit", `[]`), tokens.ErrInvalidToken},
		{"P25: crit null", header("crit", `null`), tokens.ErrInvalidToken},
		{"P25: crit unknown", all(header("crit", `["x"]`), header("x", "1")), tokens.ErrInvalidToken},
		{"P25: b64=false without crit", header("b64", "false"), tokens.ErrInvalidToken},
		{"P25: b64=false with crit", all(header("b64", "false"), header("crit", `["b64"]`)), tokens.ErrInvalidToken},
		{"P25: b64=false and the claims as they are", all(header("b64", "false"), header("crit", `["b64"]`), func(d *draft) {
			d.encodeClaims = func(s string) string { return s }
		}), tokens.ErrInvalidToken},
		{"b64=true", header("b64", "true"), tokens.ErrInvalidToken},

		{"D107: jwk of a key that is not ours, signed by it", all(header("jwk", jwk), header("alg", `"ES256"`), signedBy(thief)), tokens.ErrInvalidToken},
		{"D107: jwk of a key that is not ours", header("jwk", jwk), tokens.ErrInvalidToken},
		{"D107: jku", header("jku", `"https://thief.example/jwks.json"`), tokens.ErrInvalidToken},
		{"D107: x5u", header("x5u", `"https://thief.example/cert.pem"`), tokens.ErrInvalidToken},
		{"D107: x5c", header("x5c", `["MIIB"]`), tokens.ErrInvalidToken},
		{"D107: x5t", header("x5t", `"AAAA"`), tokens.ErrInvalidToken},
		{"D107: a key that is not ours under our kid", all(header("alg", `"ES256"`), header("kid", `"es256"`), signedBy(thief)), tokens.ErrInvalidToken},
		{"D107: a key that is not ours without a kid", all(header("alg", `"ES256"`), without("kid"), signedBy(thief)), tokens.ErrInvalidToken},
		{"zip", header("zip", `"DEF"`), tokens.ErrInvalidToken},
		{"enc", header("enc", `"A128GCM"`), tokens.ErrInvalidToken},
		{"cty JWT", header("cty", `"JWT"`), tokens.ErrInvalidToken},
		{"a claim in the header", header("iss", quoted(issuer)), tokens.ErrInvalidToken},

		{"a header that is not UTF-8", func(d *draft) { d.headerText = strings.Replace(d.header.text(), `"typ"`, "\"t\xffyp\"", 1) }, tokens.ErrInvalidToken},
		{"a header with a byte order mark", func(d *draft) { d.headerText = "\ufeff" + d.header.text() }, tokens.ErrInvalidToken},
		{"a header with something behind it", func(d *draft) { d.headerText = d.header.text() + "{}" }, tokens.ErrInvalidToken},
		{"a header with a zero byte behind it", func(d *draft) { d.headerText = d.header.text() + "\x00" }, tokens.ErrInvalidToken},
		{"a header that is an array", func(d *draft) { d.headerText = "[" + d.header.text() + "]" }, tokens.ErrInvalidToken},
		{"a header that is null", func(d *draft) { d.headerText = "null" }, tokens.ErrInvalidToken},
		{"a header that is a text", func(d *draft) { d.headerText = quoted(d.header.text()) }, tokens.ErrInvalidToken},
		{"a header with a comma too many", func(d *draft) { d.headerText = strings.Replace(d.header.text(), "}", ",}", 1) }, tokens.ErrInvalidToken},
		{"a header that is cut", func(d *draft) { d.headerText = strings.TrimSuffix(d.header.text(), "}") }, tokens.ErrInvalidToken},
		{"an empty header", func(d *draft) { d.encodeHeader = func(string) string { return "" } }, tokens.ErrInvalidToken},
		{"a header of brackets", func(d *draft) { d.headerText = strings.Repeat("[", 4<<10) }, tokens.ErrInvalidToken},
		{"a header with padding", func(d *draft) { d.encodeHeader = func(s string) string { return raw64(s) + "=" } }, tokens.ErrInvalidToken},
		{"a header with bits left over", func(d *draft) { d.encodeHeader = leftover }, tokens.ErrInvalidToken},
		{"a header with a line end", func(d *draft) { d.encodeHeader = func(s string) string { return raw64(s)[:8] + "\n" + raw64(s)[8:] } }, tokens.ErrInvalidToken},
	}
	for _, none := range []string{"none", "None", "nOnE", "NONE", "none "} {
		rows = append(rows,
			hostile{"D103: alg " + none + " without a signature", all(header("alg", quoted(none)), unsigned), tokens.ErrInvalidToken},
			hostile{"D103: alg " + none + " without a signature and a kid", all(header("alg", quoted(none)), without("kid"), unsigned), tokens.ErrInvalidToken},
			hostile{"D103: alg " + none + " with the signature", header("alg", quoted(none)), tokens.ErrInvalidToken},
		)
	}
	for _, other := range algorithms {
		rows = append(rows, hostile{"D105: the right kid with the algorithm " + other, func(d *draft) {
			if other == d.by.key.Algorithm {
				unsigned(d) // that one would be right
				return
			}
			d.header = d.header.set("alg", quoted(other))
		}, tokens.ErrInvalidToken})
	}
	return rows
}

// hostileClaims are claims that are signed, and not ours.
func hostileClaims(now time.Time) []hostile {
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	rows := []hostile{
		{"D112: aud an array that holds ours", claim("aud", `["https://other.example",`+quoted(audience)+`]`), nil},
		{"aud an array of ours", claim("aud", `[`+quoted(audience)+`]`), nil},
		{"no nbf, which RFC 9068 does not require", without("nbf"), nil},
		{"no host's claims", without("dept"), nil},
		{"claims of the host's that we have not heard of", claim("extra", `{"a":[1,2,{"b":null}]}`), nil},
		{"claims in another order", func(d *draft) { slices.Reverse(d.claims) }, nil},
		{"white space between the claims", func(d *draft) { d.claimsText = strings.ReplaceAll(d.claims.text(), ",", " ,\r\n\t") + " " }, nil},
		{"an escape in the name of a claim", func(d *draft) { d.claimsText = strings.Replace(d.claims.text(), `"iss"`, `"\u0069ss"`, 1) }, nil},
		{"an escape in the value of a claim", func(d *draft) { d.claimsText = strings.ReplaceAll(d.claims.text(), "https://", `https:\/\/`) }, nil},
		{"exp a second ahead", claim("exp", at(time.Second)), nil},

		{"an expired token", claim("exp", at(-time.Second)), tokens.ErrExpiredToken},
		{"D110: a token that expires now", claim("exp", at(0)), tokens.ErrExpiredToken},
		{"a token that expired long ago", claim("exp", "1"), tokens.ErrExpiredToken},
		{"P30: an expired token with a bad signature", all(claim("exp", at(-time.Second)), flip(0)), tokens.ErrInvalidToken},
		{"P30: an expired token without a signature", all(claim("exp", at(-time.Second)), unsigned), tokens.ErrInvalidToken},
		{"P30: an expired token for somebody else", all(claim("exp", at(-time.Second)), claim("aud", `"https://other.example"`)), tokens.ErrInvalidToken},
		{"P30: an expired token of another issuer", all(claim("exp", at(-time.Second)), claim("iss", `"https://other.example"`)), tokens.ErrInvalidToken},
		{"P30: an expired token that is not good yet", all(claim("exp", at(-time.Second)), claim("nbf", at(time.Second))), tokens.ErrInvalidToken},
		{"P30: an expired token of another type", all(claim("exp", at(-time.Second)), header("typ", `"JWT"`)), tokens.ErrInvalidToken},
		{"P30: an expired token without a subject", all(claim("exp", at(-time.Second)), without("sub")), tokens.ErrInvalidToken},

		{"P25: no exp", without("exp"), tokens.ErrInvalidToken},
		{"exp a text", claim("exp", quoted(at(time.Hour))), tokens.ErrInvalidToken},
		{"exp a fraction", claim("exp", at(time.Hour)+".5"), tokens.ErrInvalidToken},
		{"exp a whole number written as a fraction", claim("exp", at(time.Hour)+".0"), tokens.ErrInvalidToken},
		{"exp with an exponent", claim("exp", "9e9"), tokens.ErrInvalidToken},
		{"exp negative", claim("exp", "-1"), tokens.ErrInvalidToken},
		{"exp null", claim("exp", "null"), tokens.ErrInvalidToken},
		{"exp 0", claim("exp", "0"), tokens.ErrInvalidToken},
		{"exp -0", claim("exp", "-0"), tokens.ErrInvalidToken},
		{"exp true", claim("exp", "true"), tokens.ErrInvalidToken},
		{"exp an array", claim("exp", "["+at(time.Hour)+"]"), tokens.ErrInvalidToken},
		{"exp an object", claim("exp", "{}"), tokens.ErrInvalidToken},
		{"exp beyond all calendars", claim("exp", "9223372036854775807"), tokens.ErrInvalidToken},
		{"exp beyond all numbers", claim("exp", "9223372036854775808"), tokens.ErrInvalidToken},
		{"exp beyond all fractions", claim("exp", "1e400"), tokens.ErrInvalidToken},
		{"exp in milliseconds, as some write it", claim("exp", at(time.Hour)+"000"), tokens.ErrInvalidToken},
		{"exp with a zero in front", claim("exp", "0"+at(time.Hour)), tokens.ErrInvalidToken},
		{"exp with a plus", claim("exp", "+"+at(time.Hour)), tokens.ErrInvalidToken},
		{"exp NaN", claim("exp", "NaN"), tokens.ErrInvalidToken},
		{"exp hexadecimal", claim("exp", "0x7fffffff"), tokens.ErrInvalidToken},

		{"EXP in place of exp", func(d *draft) { d.claims = d.claims.drop("exp").add("EXP", at(time.Hour)) }, tokens.ErrInvalidToken},
		{"EXP beside exp", claim("EXP", at(24*time.Hour)), tokens.ErrInvalidToken},
		{"Sub beside sub", claim("Sub", `"root"`), tokens.ErrInvalidToken},
		{"ſub beside sub, which encoding/json takes for it", claim("ſub", `"root"`), tokens.ErrInvalidToken},
		{"TIER beside tier", claim("TIER", `"premium"`), tokens.ErrInvalidToken},

		{"D111: nbf ahead", claim("nbf", at(time.Second)), tokens.ErrInvalidToken},
		{"nbf a text", claim("nbf", `"0"`), tokens.ErrInvalidToken},
		{"nbf null", claim("nbf", `null`), tokens.ErrInvalidToken},
		{"nbf negative", claim("nbf", `-1`), tokens.ErrInvalidToken},
		{"nbf a fraction", claim("nbf", `1.5`), tokens.ErrInvalidToken},
		{"nbf beyond all calendars", claim("nbf", `9223372036854775807`), tokens.ErrInvalidToken},
		{"no iat", without("iat"), tokens.ErrInvalidToken},
		{"iat a text", claim("iat", `"0"`), tokens.ErrInvalidToken},
		{"iat null", claim("iat", `null`), tokens.ErrInvalidToken},
		{"iat negative", claim("iat", `-1`), tokens.ErrInvalidToken},
		{"iat beyond all calendars", claim("iat", `9223372036854775807`), tokens.ErrInvalidToken},

		{"no aud", without("aud"), tokens.ErrInvalidToken},
		{"aud null", claim("aud", "null"), tokens.ErrInvalidToken},
		{"aud empty", claim("aud", `""`), tokens.ErrInvalidToken},
		{"aud a number", claim("aud", "1"), tokens.ErrInvalidToken},
		{"aud an object", claim("aud", `{"0":`+quoted(audience)+`}`), tokens.ErrInvalidToken},
		{"aud an empty array", claim("aud", "[]"), tokens.ErrInvalidToken},
		{"aud an array of another", claim("aud", `["https://other.example"]`), tokens.ErrInvalidToken},
		{"aud an array of an array of ours", claim("aud", `[[`+quoted(audience)+`]]`), tokens.ErrInvalidToken},
		{"aud an array of ours and a number", claim("aud", `[`+quoted(audience)+`,1]`), tokens.ErrInvalidToken},
		{"aud an array of ours and null", claim("aud", `[`+quoted(audience)+`,null]`), tokens.ErrInvalidToken},
		{"D100: aud of another", claim("aud", `"https://other.example"`), tokens.ErrInvalidToken},
		{"aud in capitals", claim("aud", quoted(strings.ToUpper(audience))), tokens.ErrInvalidToken},
		{"aud with a slash behind", claim("aud", quoted(audience+"/")), tokens.ErrInvalidToken},
		{"aud that begins with ours", claim("aud", quoted(audience+".thief.example")), tokens.ErrInvalidToken},
		{"aud with ours and another in one text", claim("aud", quoted(audience+" https://other.example")), tokens.ErrInvalidToken},

		{"no iss", without("iss"), tokens.ErrInvalidToken},
		{"iss null", claim("iss", "null"), tokens.ErrInvalidToken},
		{"iss a number", claim("iss", "1"), tokens.ErrInvalidToken},
		{"iss an array of ours", claim("iss", `[`+quoted(issuer)+`]`), tokens.ErrInvalidToken},
		{"D113: iss of another", claim("iss", `"https://other.example"`), tokens.ErrInvalidToken},
		{"D113: iss with a slash behind", claim("iss", quoted(issuer+"/")), tokens.ErrInvalidToken},
		{"D113: iss in another case", claim("iss", quoted("https://Issuer.example")), tokens.ErrInvalidToken},
		{"D113: iss with http", claim("iss", quoted("http://issuer.example")), tokens.ErrInvalidToken},
		{"D113: iss with a port", claim("iss", quoted(issuer+":443")), tokens.ErrInvalidToken},
		{"D113: iss with a zero byte", claim("iss", `"`+issuer+`\u0000"`), tokens.ErrInvalidToken},

		{"no sub", without("sub"), tokens.ErrInvalidToken},
		{"sub empty", claim("sub", `""`), tokens.ErrInvalidToken},
		{"sub null", claim("sub", "null"), tokens.ErrInvalidToken},
		{"sub a number", claim("sub", "1"), tokens.ErrInvalidToken},
		{"no jti", without("jti"), tokens.ErrInvalidToken},
		{"jti empty", claim("jti", `""`), tokens.ErrInvalidToken},
		{"jti a number", claim("jti", "1"), tokens.ErrInvalidToken},
		{"client_id a number", claim("client_id", "1"), tokens.ErrInvalidToken},
		{"scope an array", claim("scope", `["read"]`), tokens.ErrInvalidToken},
		{"scope null", claim("scope", "null"), tokens.ErrInvalidToken},
		{"sid a number", claim("sid", "1"), tokens.ErrInvalidToken},
		{"acct a number", claim("acct", "1"), tokens.ErrInvalidToken},
		{"tier an array", claim("tier", `["premium"]`), tokens.ErrInvalidToken},
		{"seats a text", claim("seats", `"3"`), tokens.ErrInvalidToken},
		{"seats a fraction", claim("seats", `3.5`), tokens.ErrInvalidToken},
		{"seats beyond all numbers", claim("seats", `1e30`), tokens.ErrInvalidToken},

		{"D121: sub twice", func(d *draft) { d.claims = d.claims.add("sub", `"root"`) }, tokens.ErrInvalidToken},
		{"D121: sub twice, the same", func(d *draft) { d.claims = d.claims.add("sub", quoted(alice.ID)) }, tokens.ErrInvalidToken},
		{"D121: sub twice, once with an escape", func(d *draft) { d.claims = d.claims.add(`\u0073ub`, `"root"`) }, tokens.ErrInvalidToken},
		{"D121: exp twice", func(d *draft) { d.claims = d.claims.add("exp", at(24*time.Hour)) }, tokens.ErrInvalidToken},
		{"D121: a host's claim twice", func(d *draft) { d.claims = d.claims.add("dept", `"x"`) }, tokens.ErrInvalidToken},

		{"D122: claims that are not UTF-8", func(d *draft) { d.claimsText = strings.Replace(d.claims.text(), "acme", "ac\xffme", 1) }, tokens.ErrInvalidToken},
		{"D122: a host's claim that is not UTF-8", func(d *draft) { d.claimsText = strings.Replace(d.claims.text(), "r&d", "r\xc0\xafd", 1) }, tokens.ErrInvalidToken},
		{"claims with a byte order mark", func(d *draft) { d.claimsText = "\ufeff" + d.claims.text() }, tokens.ErrInvalidToken},
		{"claims in UTF-16", func(d *draft) {
			d.claimsText = "\xff\xfe" + strings.Join(strings.Split(d.claims.text(), ""), "\x00") + "\x00"
		}, tokens.ErrInvalidToken},
		{"an object behind the claims", func(d *draft) { d.claimsText = d.claims.text() + d.claims.text() }, tokens.ErrInvalidToken},
		{"a letter behind the claims", func(d *draft) { d.claimsText = d.claims.text() + "x" }, tokens.ErrInvalidToken},
		{"a brace behind the claims", func(d *draft) { d.claimsText = d.claims.text() + "}" }, tokens.ErrInvalidToken},
		{"a zero byte behind the claims", func(d *draft) { d.claimsText = d.claims.text() + "\x00" }, tokens.ErrInvalidToken},
		{"claims in an array", func(d *draft) { d.claimsText = "[" + d.claims.text() + "]" }, tokens.ErrInvalidToken},
		{"claims in a text", func(d *draft) { d.claimsText = quoted(d.claims.text()) }, tokens.ErrInvalidToken},
		{"claims null", func(d *draft) { d.claimsText = "null" }, tokens.ErrInvalidToken},
		{"claims a number", func(d *draft) { d.claimsText = "1" }, tokens.ErrInvalidToken},
		{"no claims", func(d *draft) { d.claimsText = "{}" }, tokens.ErrInvalidToken},
		{"empty claims", func(d *draft) { d.encodeClaims = func(string) string { return "" } }, tokens.ErrInvalidToken},
		{"claims that are cut", func(d *draft) { d.claimsText = strings.TrimSuffix(d.claims.text(), "}") }, tokens.ErrInvalidToken},
		{"claims with a comma too many", func(d *draft) { d.claimsText = strings.TrimSuffix(d.claims.text(), "}") + ",}" }, tokens.ErrInvalidToken},
		{"claims with a comment", func(d *draft) { d.claimsText = "/**/" + d.claims.text() }, tokens.ErrInvalidToken},
		{"claims with other quotes", func(d *draft) { d.claimsText = strings.ReplaceAll(d.claims.text(), `"`, "'") }, tokens.ErrInvalidToken},
		{"claims of brackets", claim("dept", strings.Repeat("[", 4<<10)), tokens.ErrInvalidToken},
		{"claims with padding", func(d *draft) { d.encodeClaims = func(s string) string { return raw64(s) + "=" } }, tokens.ErrInvalidToken},
		{"claims in standard base64", all(claim("dept", `"??>>~~??>>~~??>>~~"`), func(d *draft) {
			d.encodeClaims = func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }
		}), tokens.ErrInvalidToken},
		{"the same claims in base64url", claim("dept", `"??>>~~??>>~~??>>~~"`), nil},
		{"claims with bits left over", func(d *draft) { d.encodeClaims = leftover }, tokens.ErrInvalidToken},
		{"claims with a line end", func(d *draft) { d.encodeClaims = func(s string) string { return raw64(s)[:8] + "\r\n" + raw64(s)[8:] } }, tokens.ErrInvalidToken},
		{"claims with a space", func(d *draft) { d.encodeClaims = func(s string) string { return raw64(s)[:8] + " " + raw64(s)[8:] } }, tokens.ErrInvalidToken},
		{"claims as they are", func(d *draft) { d.encodeClaims = func(s string) string { return s } }, tokens.ErrInvalidToken},
		{"claims encoded twice", func(d *draft) { d.encodeClaims = func(s string) string { return raw64(raw64(s)) } }, tokens.ErrInvalidToken},
	}
	return rows
}

// hostileForms are tokens in another form.
func hostileForms() []hostile {
	three := func(f func(head, claims, sum string) string) func(*draft) {
		return finished(func(token string) string {
			p := strings.Split(token, ".")
			return f(p[0], p[1], p[2])
		})
	}
	return []hostile{
		{"nothing", finished(func(string) string { return "" }), tokens.ErrInvalidToken},
		{"a dot", finished(func(string) string { return "." }), tokens.ErrInvalidToken},
		{"two dots", finished(func(string) string { return ".." }), tokens.ErrInvalidToken},
		{"four dots", finished(func(string) string { return "...." }), tokens.ErrInvalidToken},
		{"8000 dots", finished(func(string) string { return strings.Repeat(".", 8000) }), tokens.ErrInvalidToken},
		{"one part", three(func(head, _, _ string) string { return head }), tokens.ErrInvalidToken},
		{"two parts", three(func(head, claims, _ string) string { return head + "." + claims }), tokens.ErrInvalidToken},
		{"no signature", three(func(head, claims, _ string) string { return head + "." + claims + "." }), tokens.ErrInvalidToken},
		{"a dot in front", finished(func(token string) string { return "." + token }), tokens.ErrInvalidToken},
		{"a dot behind", finished(func(token string) string { return token + "." }), tokens.ErrInvalidToken},
		{"four parts", finished(func(token string) string { return token + ".AAAA" }), tokens.ErrInvalidToken},
		{"D120: a JWE of five parts", three(func(head, claims, sum string) string { return head + "." + claims + "." + sum + ".AAAA.AAAA" }), tokens.ErrInvalidToken},
		{"D120: the flattened JSON serialization", three(func(head, claims, sum string) string {
			return `{"payload":"` + claims + `","protected":"` + head + `","signature":"` + sum + `"}`
		}), tokens.ErrInvalidToken},
		{"D120: the general JSON serialization", three(func(head, claims, sum string) string {
			return `{"payload":"` + claims + `","signatures":[{"protected":"` + head + `","signature":"` + sum + `"}]}`
		}), tokens.ErrInvalidToken},
		{"a space in front", finished(func(token string) string { return " " + token }), tokens.ErrInvalidToken},
		{"a space behind", finished(func(token string) string { return token + " " }), tokens.ErrInvalidToken},
		{"a line end in front", finished(func(token string) string { return "\n" + token }), tokens.ErrInvalidToken},
		{"a line end behind", finished(func(token string) string { return token + "\n" }), tokens.ErrInvalidToken},
		{"a carriage return behind", finished(func(token string) string { return token + "\r" }), tokens.ErrInvalidToken},
		{"a line end before the signature", three(func(head, claims, sum string) string { return head + "." + claims + ".\n" + sum }), tokens.ErrInvalidToken},
		{"a zero byte behind", finished(func(token string) string { return token + "\x00" }), tokens.ErrInvalidToken},
		{"Bearer in front", finished(func(token string) string { return "Bearer " + token }), tokens.ErrInvalidToken},
		{"quotes around it", finished(func(token string) string { return `"` + token + `"` }), tokens.ErrInvalidToken},
		{"another token behind it", finished(func(token string) string { return token + "," + token }), tokens.ErrInvalidToken},
		{"dots as escapes", finished(func(token string) string { return strings.ReplaceAll(token, ".", "%2E") }), tokens.ErrInvalidToken},
		{"the signature with padding", finished(func(token string) string { return token + "=" }), tokens.ErrInvalidToken},
		{"the signature with all its padding", finished(func(token string) string { return token + "==" }), tokens.ErrInvalidToken},
		{"the signature cut by a character", finished(func(token string) string { return token[:len(token)-1] }), tokens.ErrInvalidToken},
		{"the signature and a character more", finished(func(token string) string { return token + "A" }), tokens.ErrInvalidToken},
		{"the signature and four characters more", finished(func(token string) string { return token + "AAAA" }), tokens.ErrInvalidToken},
		{"the signature in standard base64 with padding", func(d *draft) { d.encodeSum = base64.StdEncoding.EncodeToString }, tokens.ErrInvalidToken},
		{"the signature in hexadecimal", func(d *draft) {
			d.encodeSum = func(b []byte) string { return big.NewInt(0).SetBytes(b).Text(16) }
		}, tokens.ErrInvalidToken},
		{"the signature of other claims", func(d *draft) {
			other := *d
			other.sign, other.finish = nil, nil
			other.claims = d.claims.set("sub", `"root"`)
			d.sign = func(string) []byte {
				signature, err := d.by.method.Sign(raw64(other.header.text())+"."+raw64(other.claims.text()), d.by.sign)
				if err != nil {
					panic(err)
				}
				return signature
			}
		}, tokens.ErrInvalidToken},
		{"a signature of zeros", func(d *draft) { d.encodeSum = func(b []byte) string { return raw64(string(make([]byte, len(b)))) } }, tokens.ErrInvalidToken},
		{"a signature of ones", func(d *draft) {
			d.encodeSum = func(b []byte) string { return raw64(strings.Repeat("\xff", len(b))) }
		}, tokens.ErrInvalidToken},
		{"half of the signature", func(d *draft) { d.encodeSum = func(b []byte) string { return raw64(string(b[:len(b)/2])) } }, tokens.ErrInvalidToken},
		{"D126: more than 8 KiB", claim("dept", quoted(strings.Repeat("x", 7000))), tokens.ErrInvalidToken},
		{"D126: a megabyte", claim("dept", quoted(strings.Repeat("x", 1<<20))), tokens.ErrInvalidToken},
		{"just under 8 KiB is good", claim("dept", quoted(strings.Repeat("x", 5000))), nil},
	}
}

// O8: each row starts from a token that is good, which the test sees first.
func TestHostileMatrix(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	signers := []signer{signerOf("HS256"), signerOf("RS256"), signerOf("ES256"), signerOf("EdDSA")}
	r := open(t, func(c *tokens.Config) {
		c.Now = func() time.Time { return now }
		c.Keys = nil
		for _, by := range append(signers, signerOf("ES384")) {
			c.Keys = append(c.Keys, by.key)
		}
	})
	for _, row := range slices.Concat(hostileHeaders(), hostileClaims(now), hostileForms()) {
		word := " is refused"
		switch {
		case row.want == nil:
			word = " is accepted"
		case errors.Is(row.want, tokens.ErrExpiredToken):
			word = " has expired"
		}
		t.Run(row.name+word, func(t *testing.T) {
			t.Parallel()
			for _, by := range signers {
				d := draftOf(by, now)
				if p := r.verify(t, d.token(t)); p.Subject != alice.ID || p.Seats != 3 {
					t.Fatalf("the token was not good to begin with: %+v", p)
				}
				row.change(&d)
				p, err := r.Verify(t.Context(), d.token(t))
				if row.want == nil {
					if err != nil || p.Subject != alice.ID {
						t.Errorf("%s: Verify = %+v, %v", by.key.Algorithm, p, err)
					}
					continue
				}
				if !reflect.DeepEqual(p, tokens.Principal{}) {
					t.Errorf("%s: the refusal names %+v", by.key.Algorithm, p)
				}
				wantError(t, err, row.want)
				if t.Failed() {
					t.Fatalf("the algorithm was %s", by.key.Algorithm)
				}
			}
			if calls := r.store.take(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		})
	}
}

func TestHostileSignatures(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run("each flipped bit of a signature of "+algorithm+" is refused", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			r := open(t, func(c *tokens.Config) { c.Keys = []tokens.Key{by.key} })
			token := string(draftOf(by, r.clock.time()).token(t))
			r.verify(t, tokens.Secret(token))
			dot := strings.LastIndexByte(token, '.') + 1
			sum, err := base64.RawURLEncoding.DecodeString(token[dot:])
			if err != nil {
				t.Fatal(err)
			}
			step := 1
			if len(sum) > 64 {
				step = 13 // they cost a lot, and are all alike
			}
			for i := 0; i < len(sum)*8; i += step {
				flipped := slices.Clone(sum)
				flipped[i/8] ^= 1 << (i % 8)
				_, err := r.Verify(t.Context(), tokens.Secret(token[:dot]+base64.RawURLEncoding.EncodeToString(flipped)))
				wantError(t, err, tokens.ErrInvalidToken)
			}
			for i := range (len(token) - dot) * 8 / step {
				b := []byte(token)
				b[dot+i*step/8] ^= 1 << (i * step % 8)
				if _, err := r.Verify(t.Context(), tokens.Secret(b)); err == nil {
					t.Errorf("bit %d of the text of the signature may be flipped", i*step)
				}
			}
		})
	}

	t.Run("each flipped bit of header and claims is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("HS256")
		r := open(t, func(c *tokens.Config) { c.Keys = []tokens.Key{by.key} })
		token := string(draftOf(by, r.clock.time()).token(t))
		for i := range len(token) * 8 {
			b := []byte(token)
			b[i/8] ^= 1 << (i % 8)
			_, err := r.Verify(t.Context(), tokens.Secret(b))
			wantError(t, err, tokens.ErrInvalidToken)
		}
		for i := range token {
			_, err := r.Verify(t.Context(), tokens.Secret(token[:i]))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("a signature of ES256 in DER is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("ES256")
		r := open(t, func(c *tokens.Config) { c.Keys = []tokens.Key{by.key} })
		d := draftOf(by, r.clock.time())
		d.sign = func(signed string) []byte {
			sum := sha256.Sum256([]byte(signed))
			der, err := ecdsa.SignASN1(rand.Reader, by.sign.(*ecdsa.PrivateKey), sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return der
		}
		_, err := r.Verify(t.Context(), d.token(t))
		wantError(t, err, tokens.ErrInvalidToken)
	})

	t.Run("a signature of ES256 with zeros in front of its halves, or with one half, is refused", func(t *testing.T) {
		t.Parallel()
		by := signerOf("ES256")
		r := open(t, func(c *tokens.Config) { c.Keys = []tokens.Key{by.key} })
		for _, change := range []func([]byte) []byte{
			func(b []byte) []byte { return slices.Concat([]byte{0}, b[:32], []byte{0}, b[32:]) },
			func(b []byte) []byte { return append([]byte{0}, b...) },
			func(b []byte) []byte { return append(b, 0) },
			func(b []byte) []byte { return b[:32] },
			func(b []byte) []byte { return slices.Concat(b, b) },
			func(b []byte) []byte { return slices.Concat(make([]byte, 32), b[32:]) }, // r = 0
			func(b []byte) []byte { return slices.Concat(b[:32], make([]byte, 32)) }, // s = 0
		} {
			d := draftOf(by, r.clock.time())
			d.encodeSum = func(b []byte) string { return raw64(string(change(b))) }
			_, err := r.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("a signature of PS256 is none of RS256, and the other way around", func(t *testing.T) {
		t.Parallel()
		for kid, other := range map[string]string{"RS256": "PS256", "PS256": "RS256", "RS384": "RS256", "PS512": "PS256"} {
			by, wrong := signerOf(kid), signerOf(other) // one key
			r := open(t, func(c *tokens.Config) { c.Keys = []tokens.Key{by.key} })
			d := draftOf(by, r.clock.time())
			r.verify(t, d.token(t))
			d.by.method = wrong.method
			_, err := r.Verify(t.Context(), d.token(t))
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})

	t.Run("the token of a key that was retired is refused", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		token := r.login(t).AccessToken
		c := r.config
		c.Keys = []tokens.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("next", 32)}} // even one with the same ID
		_, err := authority(t, c).Verify(t.Context(), token)
		wantError(t, err, tokens.ErrInvalidToken)
	})

	t.Run("other credentials of ours are no access tokens", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		for _, token := range []tokens.Secret{key, r.login(t).RefreshToken, password} {
			_, err := r.Verify(t.Context(), token)
			wantError(t, err, tokens.ErrInvalidToken)
		}
	})
}

// FuzzVerify tries texts as tokens, and headers and claims with our signature.
// Whatever Verify accepts, golang-jwt accepts with the same key, and reads the
// same of it.
func FuzzVerify(f *testing.F) {
	by := signerOf("HS256")
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	r := open(f, func(c *tokens.Config) {
		c.Keys = []tokens.Key{by.key}
		c.Now = func() time.Time { return now }
	})
	good := draftOf(by, now)
	f.Add(string(good.token(f)), good.header.text(), good.claims.text())
	for _, row := range slices.Concat(hostileHeaders(), hostileClaims(now), hostileForms()) {
		d := draftOf(by, now)
		row.change(&d)
		head, claims := d.headerText, d.claimsText
		if head == "" {
			head = d.header.text()
		}
		if claims == "" {
			claims = d.claims.text()
		}
		if token := string(d.token(f)); len(token)+len(head)+len(claims) < 4<<10 {
			f.Add(token, head, claims)
		}
	}
	f.Fuzz(func(t *testing.T, token, head, claims string) {
		d := good
		d.encodeHeader = func(string) string { return raw64(head) }
		d.encodeClaims = func(string) string { return raw64(claims) }
		for _, token := range []tokens.Secret{tokens.Secret(token), d.token(t)} {
			p, err := r.Verify(t.Context(), token)
			if err != nil {
				if !errors.Is(err, tokens.ErrInvalidToken) && !errors.Is(err, tokens.ErrExpiredToken) {
					t.Errorf("error = %v", err)
				}
				continue
			}
			sameAsPeer(t, p, token, by, now)
		}
	})
}

// sameAsPeer wants golang-jwt to accept the token, and to read of it what p says.
func sameAsPeer(t *testing.T, p tokens.Principal, token tokens.Secret, by signer, now time.Time) {
	t.Helper()
	theirs, err := peer(token, by, now)
	if err != nil {
		t.Fatalf("Verify accepts what golang-jwt does not: %v", err)
	}
	claims := theirs.Claims.(jwt.MapClaims)
	for name, got := range map[string]string{
		"sub": p.Subject, "acct": p.Account, "tier": p.Tier, "client_id": p.ClientID,
		"scope": p.Scope, "sid": p.SessionID, "jti": p.TokenID,
	} {
		want, _ := claims[name].(string)
		if got != want {
			t.Errorf("%s = %q, golang-jwt reads %q", name, got, want)
		}
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || !expires.Equal(p.ExpiresAt) {
		t.Errorf("exp = %v, golang-jwt reads %v, %v", p.ExpiresAt, expires, err)
	}
	issued, err := claims.GetIssuedAt()
	if err != nil || !issued.Equal(p.IssuedAt) {
		t.Errorf("iat = %v, golang-jwt reads %v, %v", p.IssuedAt, issued, err)
	}
	seats, _ := claims["seats"].(float64)
	if int(seats) != p.Seats {
		t.Errorf("seats = %d, golang-jwt reads %v", p.Seats, claims["seats"])
	}
	var ours map[string]any
	if err := p.Claims(&ours); err != nil || !reflect.DeepEqual(ours, map[string]any(claims)) {
		t.Errorf("Claims = %v, %v\ngolang-jwt reads %v", ours, err, claims)
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
			signature, err := jwt.SigningMethodES256.Sign(signed, key)
			if err != nil {
				panic(err)
			}
			return signature
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
