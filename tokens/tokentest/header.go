package tokentest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// headers returns tokens with a wrong header, or with a wrong algorithm.
func headers(t Target, key keys.Key) []row {
	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := attacker.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	jwk := `{"kty":"EC","crv":"P-256","x":"` + forge.Raw64(string(point[1:33])) + `","y":"` + forge.Raw64(string(point[33:])) + `"}`
	rows := []row{
		{"typ application/at+jwt is the same media type", header("typ", `"application/at+jwt"`), harmless},
		{"typ is compared without case", header("typ", `"AT+JWT"`), harmless},
		{"typ is compared without case in both spellings", header("typ", `"Application/at+JWT"`), harmless},
		{"a header in another order says the same", func(d *draft) { slices.Reverse(d.Header) }, harmless},
		{"white space in the header says nothing", func(d *draft) { d.HeaderText = " " + strings.ReplaceAll(d.Header.Text(), ",", " ,\n\t") }, harmless},
		{"an escape in the header says the same", func(d *draft) { d.HeaderText = strings.Replace(d.Header.Text(), `"alg"`, `"\u0061lg"`, 1) }, harmless},

		{"alg as an array", func(d *draft) { d.Header = d.Header.Set("alg", "["+forge.Quoted(d.key.Algorithm)+"]") }, bad},
		{"alg in small letters", func(d *draft) { d.Header = d.Header.Set("alg", strings.ToLower(forge.Quoted(d.key.Algorithm))) }, bad},
		{"alg with a space", func(d *draft) { d.Header = d.Header.Set("alg", forge.Quoted(d.key.Algorithm+" ")) }, bad},
		{"alg null", header("alg", "null"), bad},
		{"alg empty", header("alg", `""`), bad},
		{"alg a number", header("alg", "256"), bad},
		{"no alg", without("alg"), bad},
		{"alg twice", func(d *draft) { d.Header = d.Header.Add("alg", `"none"`) }, bad},
		{"alg twice, the second one good", func(d *draft) {
			d.Header = append(forge.Object{{Name: "alg", Value: `"none"`}}, d.Header...)
		}, bad},
		{"alg twice, the same", func(d *draft) { d.Header = d.Header.Add("alg", forge.Quoted(d.key.Algorithm)) }, bad},
		{"alg twice, once with an escape", func(d *draft) { d.Header = d.Header.Add(`\u0061lg`, `"none"`) }, bad},
		{"ALG beside alg", func(d *draft) { d.Header = d.Header.Add("ALG", `"none"`) }, bad},
		{"ALG in place of alg", func(d *draft) { d.Header = d.Header.Drop("alg").Add("ALG", forge.Quoted(d.key.Algorithm)) }, bad},

		{"HS256 with an empty key", hmacWith([]byte{}), bad},
		{"HS256 with the kid as the key", hmacWith([]byte(key.ID)), bad},

		{"no kid", without("kid"), bad},
		{"kid null", header("kid", "null"), bad},
		{"kid a number", header("kid", "0"), bad},
		{"kid empty", header("kid", `""`), bad},
		{"kid unknown", header("kid", `"unknown"`), bad},
		{"kid in capitals", func(d *draft) { d.Header = d.Header.Set("kid", strings.ToUpper(forge.Quoted(d.key.ID))) }, bad},
		{"kid with a space", func(d *draft) { d.Header = d.Header.Set("kid", forge.Quoted(d.key.ID+" ")) }, bad},
		{"kid with a zero byte", func(d *draft) { d.Header = d.Header.Set("kid", `"`+d.key.ID+`\u0000"`) }, bad},
		{"kid a path", header("kid", `"../../../../dev/null"`), bad},
		{"kid a file", header("kid", `"file:///etc/passwd"`), bad},
		{"kid SQL", header("kid", `"' OR 1=1 --"`), bad},
		{"kid a UNION", header("kid", `"x' UNION SELECT 'key'; --"`), bad},
		{"kid a command", header("kid", `"$(id)|id;`+"`id`"+`"`), bad},
		{"kid an object", header("kid", `{"kid":"hs256"}`), bad},
		{"kid of 4 KiB", header("kid", forge.Quoted(strings.Repeat("k", 4<<10))), bad},
		{"kid of a megabyte", header("kid", forge.Quoted(strings.Repeat("k", 1<<20))), bad},

		{"typ JWT", header("typ", `"JWT"`), bad},
		{"no typ", without("typ"), bad},
		{"typ refresh+jwt", header("typ", `"refresh+jwt"`), bad},
		{"typ application/jwt", header("typ", `"application/jwt"`), bad},
		{"typ null", header("typ", "null"), bad},
		{"typ empty", header("typ", `""`), bad},
		{"typ a number", header("typ", "1"), bad},
		{"typ with a space", header("typ", `"at+jwt "`), bad},
		{"typ with a parameter", header("typ", `"at+jwt;v=1"`), bad},
		{"typ with a letter that is an i in small letters only", header("typ", `"appl\u0130cation/at+jwt"`), bad},
		{"typ of a logout token", header("typ", `"logout+jwt"`), bad},
		{"typ of a proof of possession", header("typ", `"dpop+jwt"`), bad},

		{"crit that names a claim", header("crit", `["exp"]`), bad},
		{"crit empty", header("crit", `[]`), bad},
		{"crit null", header("crit", `null`), bad},
		{"crit unknown", all(header("crit", `["x"]`), header("x", "1")), bad},
		{"b64=false without crit", header("b64", "false"), bad},
		{"b64=false with crit", all(header("b64", "false"), header("crit", `["b64"]`)), bad},
		{"b64=false and the claims as they are", all(header("b64", "false"), header("crit", `["b64"]`), func(d *draft) {
			d.EncodeClaims = func(s string) string { return s }
		}), bad},
		{"b64=true", header("b64", "true"), bad},

		{"jwk of a key that is not ours, signed by it", all(header("jwk", jwk), header("alg", `"ES256"`), signedBy(attacker)), bad},
		{"jwk of a key that is not ours", header("jwk", jwk), bad},
		{"jku", header("jku", `"https://attacker.example/jwks.json"`), bad},
		{"x5u", header("x5u", `"https://attacker.example/cert.pem"`), bad},
		{"x5c", header("x5c", `["MIIB"]`), bad},
		{"x5t", header("x5t", `"AAAA"`), bad},
		{"a key that is not ours under our kid", all(header("alg", `"ES256"`), signedBy(attacker)), bad},
		{"a key that is not ours without a kid", all(header("alg", `"ES256"`), without("kid"), signedBy(attacker)), bad},
		{"zip", header("zip", `"DEF"`), bad},
		{"enc", header("enc", `"A128GCM"`), bad},
		{"cty JWT", header("cty", `"JWT"`), bad},
		{"a claim in the header", header("iss", forge.Quoted(t.Issuer)), bad},

		{"a header that is not UTF-8", func(d *draft) { d.HeaderText = strings.Replace(d.Header.Text(), `"typ"`, "\"t\xffyp\"", 1) }, bad},
		{"a header with a byte order mark", func(d *draft) { d.HeaderText = "\ufeff" + d.Header.Text() }, bad},
		{"a header with something behind it", func(d *draft) { d.HeaderText = d.Header.Text() + "{}" }, bad},
		{"a header with a zero byte behind it", func(d *draft) { d.HeaderText = d.Header.Text() + "\x00" }, bad},
		{"a header that is an array", func(d *draft) { d.HeaderText = "[" + d.Header.Text() + "]" }, bad},
		{"a header that is null", func(d *draft) { d.HeaderText = "null" }, bad},
		{"a header that is a text", func(d *draft) { d.HeaderText = forge.Quoted(d.Header.Text()) }, bad},
		{"a header with a comma too many", func(d *draft) { d.HeaderText = strings.Replace(d.Header.Text(), "}", ",}", 1) }, bad},
		{"a header that is cut", func(d *draft) { d.HeaderText = strings.TrimSuffix(d.Header.Text(), "}") }, bad},
		{"an empty header", func(d *draft) { d.EncodeHeader = func(string) string { return "" } }, bad},
		{"a header of brackets", func(d *draft) { d.HeaderText = strings.Repeat("[", 4<<10) }, bad},
		{"a header with padding", func(d *draft) { d.EncodeHeader = func(s string) string { return forge.Raw64(s) + "=" } }, bad},
		{"a header with bits left over", func(d *draft) { d.EncodeHeader = leftover }, bad},
		{"a header with a line end", func(d *draft) {
			d.EncodeHeader = func(s string) string { return forge.Raw64(s)[:8] + "\n" + forge.Raw64(s)[8:] }
		}, bad},
	}
	for _, none := range []string{"none", "None", "nOnE", "NONE", "none "} {
		rows = append(rows,
			row{"alg " + none + " without a signature", all(header("alg", forge.Quoted(none)), unsigned), bad},
			row{"alg " + none + " without a signature and a kid", all(header("alg", forge.Quoted(none)), without("kid"), unsigned), bad},
			row{"alg " + none + " with the signature", header("alg", forge.Quoted(none)), bad},
		)
	}
	for _, other := range algorithms {
		rows = append(rows, row{"the right kid with the algorithm " + other, func(d *draft) {
			if other == d.key.Algorithm {
				unsigned(d) // with that algorithm the token would be right
				return
			}
			d.Header = d.Header.Set("alg", forge.Quoted(other))
		}, bad})
	}
	return append(rows, confusions(t, key)...)
}

// confusions returns tokens that use one key in the place of another.
func confusions(t Target, key keys.Key) []row {
	var rows []row
	for _, other := range t.Keys {
		if other.Algorithm != key.Algorithm {
			rows = append(rows, row{"alg and the kid of another key, of " + other.Algorithm, header("kid", forge.Quoted(other.ID)), bad})
		}
	}
	if key.Secret != "" {
		return rows
	}
	der, err := x509.MarshalPKIXPublicKey(public(key))
	if err != nil {
		panic(err) // check has validated the key
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, secret := range map[string][]byte{
		"as PEM":                           block,
		"as PEM without its last line end": block[:len(block)-1],
		"as DER":                           der,
	} {
		rows = append(rows, row{"HS256 with the public key " + name, hmacWith(slices.Clone(secret)), bad})
		for _, other := range t.Keys {
			if other.Secret != "" {
				rows = append(rows, row{"HS256 with the public key " + name + " under the kid of an HMAC key", all(header("kid", forge.Quoted(other.ID)), hmacWith(slices.Clone(secret))), bad})
			}
		}
	}
	return rows
}
