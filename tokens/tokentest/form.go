package tokentest

import (
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/sallyport-go/sallyport/internal/forge"
)

// forms returns tokens with a wrong form.
func forms() []row {
	three := func(f func(head, claims, sum string) string) func(*draft) {
		return finished(func(token string) string {
			p := strings.Split(token, ".")
			return f(p[0], p[1], p[2])
		})
	}
	return []row{
		{"nothing", finished(func(string) string { return "" }), bad},
		{"a dot", finished(func(string) string { return "." }), bad},
		{"two dots", finished(func(string) string { return ".." }), bad},
		{"four dots", finished(func(string) string { return "...." }), bad},
		{"8000 dots", finished(func(string) string { return strings.Repeat(".", 8000) }), bad},
		{"one part", three(func(head, _, _ string) string { return head }), bad},
		{"two parts", three(func(head, claims, _ string) string { return head + "." + claims }), bad},
		{"no signature", three(func(head, claims, _ string) string { return head + "." + claims + "." }), bad},
		{"a dot in front", finished(func(token string) string { return "." + token }), bad},
		{"a dot behind", finished(func(token string) string { return token + "." }), bad},
		{"four parts", finished(func(token string) string { return token + ".AAAA" }), bad},
		{"a JWE of five parts", three(func(head, claims, sum string) string { return head + "." + claims + "." + sum + ".AAAA.AAAA" }), bad},
		{"the flattened JSON serialization", three(func(head, claims, sum string) string {
			return `{"payload":"` + claims + `","protected":"` + head + `","signature":"` + sum + `"}`
		}), bad},
		{"the general JSON serialization", three(func(head, claims, sum string) string {
			return `{"payload":"` + claims + `","signatures":[{"protected":"` + head + `","signature":"` + sum + `"}]}`
		}), bad},
		{"a space in front", finished(func(token string) string { return " " + token }), bad},
		{"a space behind", finished(func(token string) string { return token + " " }), bad},
		{"a line end in front", finished(func(token string) string { return "\n" + token }), bad},
		{"a line end behind", finished(func(token string) string { return token + "\n" }), bad},
		{"a carriage return behind", finished(func(token string) string { return token + "\r" }), bad},
		{"a line end before the signature", three(func(head, claims, sum string) string { return head + "." + claims + ".\n" + sum }), bad},
		{"a zero byte behind", finished(func(token string) string { return token + "\x00" }), bad},
		{"Bearer in front", finished(func(token string) string { return "Bearer " + token }), bad},
		{"quotes around it", finished(func(token string) string { return `"` + token + `"` }), bad},
		{"another token behind it", finished(func(token string) string { return token + "," + token }), bad},
		{"dots as escapes", finished(func(token string) string { return strings.ReplaceAll(token, ".", "%2E") }), bad},
		{"the signature with padding", finished(func(token string) string { return token + "=" }), bad},
		{"the signature with all its padding", finished(func(token string) string { return token + "==" }), bad},
		{"the signature cut by a character", finished(func(token string) string { return token[:len(token)-1] }), bad},
		{"the signature and a character more", finished(func(token string) string { return token + "A" }), bad},
		{"the signature and four characters more", finished(func(token string) string { return token + "AAAA" }), bad},
		{"the signature in standard base64 with padding", func(d *draft) { d.EncodeSum = standard }, bad},
		{"the signature in hexadecimal", func(d *draft) {
			d.EncodeSum = func(b []byte) string { return big.NewInt(0).SetBytes(b).Text(16) }
		}, bad},
		{"the signature of other claims", func(d *draft) {
			other := *d
			other.Sign, other.Finish = nil, nil
			other.Claims = d.Claims.Set("sub", `"root"`)
			d.Sign = func(string) []byte {
				return sign(d.key, forge.Raw64(other.Header.Text())+"."+forge.Raw64(other.Claims.Text()))
			}
		}, bad},
		{"a signature of zeros", func(d *draft) {
			d.EncodeSum = func(b []byte) string { return forge.Raw64(string(make([]byte, len(b)))) }
		}, bad},
		{"a signature of ones", func(d *draft) {
			d.EncodeSum = func(b []byte) string { return forge.Raw64(strings.Repeat("\xff", len(b))) }
		}, bad},
		{"half of the signature", func(d *draft) { d.EncodeSum = func(b []byte) string { return forge.Raw64(string(b[:len(b)/2])) } }, bad},
		{"more than 8 KiB", claim("dept", forge.Quoted(strings.Repeat("x", 7000))), bad},
		{"a megabyte", claim("dept", forge.Quoted(strings.Repeat("x", 1<<20))), bad},
		{"just under 8 KiB is good", claim("dept", forge.Quoted(strings.Repeat("x", 5000))), harmless},
	}
}

// standard is base64 as RFC 4648 §4 has it. A signature that happens to be written
// alike in base64url gets padding that it does not need.
func standard(b []byte) string {
	text := base64.StdEncoding.EncodeToString(b)
	if !strings.ContainsAny(text, "+/=") {
		text += "===="
	}
	return text
}
