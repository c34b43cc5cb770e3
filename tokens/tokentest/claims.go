package tokentest

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/forge"
)

// claimSets returns tokens with a right signature and wrong claims.
func claimSets(t Target) []row {
	issuer, audience, now := t.Issuer, t.Audience, t.Now()
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	rows := []row{
		{"aud an array that holds ours", claim("aud", `["https://other.example",`+forge.Quoted(audience)+`]`), harmless},
		{"aud an array of ours", claim("aud", `[`+forge.Quoted(audience)+`]`), harmless},
		{"no nbf, which RFC 9068 does not require", without("nbf"), harmless},
		{"no host's claims", without("dept"), harmless},
		{"claims of the host's that we have not heard of", claim("extra", `{"a":[1,2,{"b":null}]}`), harmless},
		{"claims in another order", func(d *draft) { slices.Reverse(d.Claims) }, harmless},
		{"white space between the claims", func(d *draft) { d.ClaimsText = strings.ReplaceAll(d.Claims.Text(), ",", " ,\r\n\t") + " " }, harmless},
		{"an escape in the name of a claim", func(d *draft) { d.ClaimsText = strings.Replace(d.Claims.Text(), `"iss"`, `"\u0069ss"`, 1) }, harmless},
		{"an escape in the value of a claim", func(d *draft) { d.ClaimsText = strings.ReplaceAll(d.Claims.Text(), "https://", `https:\/\/`) }, harmless},
		{"exp a second ahead", claim("exp", at(time.Second)), harmless},

		{"an expired token", claim("exp", at(-t.Leeway-time.Second)), expired},
		{"a token that expires now", claim("exp", at(-t.Leeway)), expired},
		{"a token that expired long ago", claim("exp", "1"), expired},
		{"an expired token with a bad signature", all(claim("exp", at(-t.Leeway-time.Second)), flip(0)), bad},
		{"an expired token without a signature", all(claim("exp", at(-t.Leeway-time.Second)), unsigned), bad},
		{"an expired token for somebody else", all(claim("exp", at(-t.Leeway-time.Second)), claim("aud", `"https://other.example"`)), bad},
		{"an expired token of another issuer", all(claim("exp", at(-t.Leeway-time.Second)), claim("iss", `"https://other.example"`)), bad},
		{"an expired token that is not good yet", all(claim("exp", at(-t.Leeway-time.Second)), claim("nbf", at(t.Leeway+10*time.Minute))), bad},
		{"an expired token of another type", all(claim("exp", at(-t.Leeway-time.Second)), header("typ", `"JWT"`)), bad},
		{"an expired token without a subject", all(claim("exp", at(-t.Leeway-time.Second)), without("sub")), bad},

		{"no exp", without("exp"), bad},
		{"exp a text", claim("exp", forge.Quoted(at(time.Hour))), bad},
		{"exp a fraction", claim("exp", at(time.Hour)+".5"), bad},
		{"exp a whole number written as a fraction", claim("exp", at(time.Hour)+".0"), bad},
		{"exp with an exponent", claim("exp", "9e9"), bad},
		{"exp negative", claim("exp", "-1"), bad},
		{"exp null", claim("exp", "null"), bad},
		{"exp 0", claim("exp", "0"), bad},
		{"exp -0", claim("exp", "-0"), bad},
		{"exp true", claim("exp", "true"), bad},
		{"exp an array", claim("exp", "["+at(time.Hour)+"]"), bad},
		{"exp an object", claim("exp", "{}"), bad},
		{"exp beyond all calendars", claim("exp", "9223372036854775807"), bad},
		{"exp beyond all numbers", claim("exp", "9223372036854775808"), bad},
		{"exp beyond all fractions", claim("exp", "1e400"), bad},
		{"exp in milliseconds, as some write it", claim("exp", at(time.Hour)+"000"), bad},
		{"exp with a zero in front", claim("exp", "0"+at(time.Hour)), bad},
		{"exp with a plus", claim("exp", "+"+at(time.Hour)), bad},
		{"exp NaN", claim("exp", "NaN"), bad},
		{"exp hexadecimal", claim("exp", "0x7fffffff"), bad},

		{"EXP in place of exp", func(d *draft) { d.Claims = d.Claims.Drop("exp").Add("EXP", at(time.Hour)) }, bad},
		{"EXP beside exp", claim("EXP", at(24*time.Hour)), bad},
		{"Sub beside sub", claim("Sub", `"root"`), bad},
		{"ſub beside sub, which encoding/json takes for it", claim("ſub", `"root"`), bad},
		{"TIER beside tier", claim("TIER", `"premium"`), bad},

		{"nbf ahead", claim("nbf", at(t.Leeway+10*time.Minute)), bad},
		{"nbf a text", claim("nbf", `"0"`), bad},
		{"nbf null", claim("nbf", `null`), bad},
		{"nbf negative", claim("nbf", `-1`), bad},
		{"nbf a fraction", claim("nbf", `1.5`), bad},
		{"nbf beyond all calendars", claim("nbf", `9223372036854775807`), bad},
		{"no iat", without("iat"), bad},
		{"iat a text", claim("iat", `"0"`), bad},
		{"iat null", claim("iat", `null`), bad},
		{"iat negative", claim("iat", `-1`), bad},
		{"iat beyond all calendars", claim("iat", `9223372036854775807`), bad},

		{"no aud", without("aud"), bad},
		{"aud null", claim("aud", "null"), bad},
		{"aud empty", claim("aud", `""`), bad},
		{"aud a number", claim("aud", "1"), bad},
		{"aud an object", claim("aud", `{"0":`+forge.Quoted(audience)+`}`), bad},
		{"aud an empty array", claim("aud", "[]"), bad},
		{"aud an array of another", claim("aud", `["https://other.example"]`), bad},
		{"aud an array of an array of ours", claim("aud", `[[`+forge.Quoted(audience)+`]]`), bad},
		{"aud an array of ours and a number", claim("aud", `[`+forge.Quoted(audience)+`,1]`), bad},
		{"aud an array of ours and null", claim("aud", `[`+forge.Quoted(audience)+`,null]`), bad},
		{"aud of another", claim("aud", `"https://other.example"`), bad},
		{"aud in capitals", claim("aud", forge.Quoted(strings.ToUpper(audience))), bad},
		{"aud with a slash behind", claim("aud", forge.Quoted(audience+"/")), bad},
		{"aud that begins with ours", claim("aud", forge.Quoted(audience+".attacker.example")), bad},
		{"aud with ours and another in one text", claim("aud", forge.Quoted(audience+" https://other.example")), bad},

		{"no iss", without("iss"), bad},
		{"iss null", claim("iss", "null"), bad},
		{"iss a number", claim("iss", "1"), bad},
		{"iss an array of ours", claim("iss", `[`+forge.Quoted(issuer)+`]`), bad},
		{"iss of another", claim("iss", `"https://other.example"`), bad},
		{"iss with a slash behind", claim("iss", forge.Quoted(issuer+"/")), bad},
		{"iss in another case", claim("iss", forge.Quoted("https://Issuer.example")), bad},
		{"iss with http", claim("iss", forge.Quoted("http://issuer.example")), bad},
		{"iss with a port", claim("iss", forge.Quoted(issuer+":443")), bad},
		{"iss with a zero byte", claim("iss", `"`+issuer+`\u0000"`), bad},

		{"no sub", without("sub"), bad},
		{"sub empty", claim("sub", `""`), bad},
		{"sub null", claim("sub", "null"), bad},
		{"sub a number", claim("sub", "1"), bad},
		{"no jti", without("jti"), bad},
		{"jti empty", claim("jti", `""`), bad},
		{"jti a number", claim("jti", "1"), bad},
		{"client_id a number", claim("client_id", "1"), bad},
		{"scope an array", claim("scope", `["read"]`), bad},
		{"scope null", claim("scope", "null"), bad},
		{"sid a number", claim("sid", "1"), bad},
		{"acct a number", claim("acct", "1"), bad},
		{"tier an array", claim("tier", `["premium"]`), bad},
		{"seats a text", claim("seats", `"3"`), bad},
		{"restricted a text", claim("restricted", `"true"`), bad},
		{"restricted a number", claim("restricted", `1`), bad},
		{"restricted as nothing", claim("restricted", `null`), bad},
		{"restricted with a capital letter", claim("Restricted", `false`), bad},
		{"auth_time a text", claim("auth_time", `"now"`), bad},
		{"auth_time as nothing", claim("auth_time", `null`), bad},
		{"auth_time before 1970", claim("auth_time", `-1`), bad},
		{"auth_time in milliseconds", claim("auth_time", `1772600767000`), bad},
		{"amr a text", claim("amr", `"pwd"`), bad},
		{"amr of numbers", claim("amr", `[1]`), bad},
		{"amr of nothing", claim("amr", `[null]`), bad},
		{"amr with a capital letter", claim("AMR", `["pwd"]`), bad},
		{"amr twice", func(d *draft) { d.Claims = d.Claims.Add("amr", `["pwd"]`).Add("amr", `["mfa"]`) }, bad},
		{"seats a fraction", claim("seats", `3.5`), bad},
		{"seats beyond all numbers", claim("seats", `1e30`), bad},

		{"sub twice", func(d *draft) { d.Claims = d.Claims.Add("sub", `"root"`) }, bad},
		{"sub twice, the same", func(d *draft) { d.Claims = d.Claims.Add("sub", forge.Quoted(t.Subject)) }, bad},
		{"sub twice, once with an escape", func(d *draft) { d.Claims = d.Claims.Add(`\u0073ub`, `"root"`) }, bad},
		{"exp twice", func(d *draft) { d.Claims = d.Claims.Add("exp", at(24*time.Hour)) }, bad},
		{"a host's claim twice", func(d *draft) { d.Claims = d.Claims.Add("dept", `"x"`) }, bad},

		{"claims that are not UTF-8", func(d *draft) { d.ClaimsText = strings.Replace(d.Claims.Text(), "acme", "ac\xffme", 1) }, bad},
		{"a host's claim that is not UTF-8", func(d *draft) { d.ClaimsText = strings.Replace(d.Claims.Text(), "r&d", "r\xc0\xafd", 1) }, bad},
		{"claims with a byte order mark", func(d *draft) { d.ClaimsText = "\ufeff" + d.Claims.Text() }, bad},
		{"claims in UTF-16", func(d *draft) {
			d.ClaimsText = "\xff\xfe" + strings.Join(strings.Split(d.Claims.Text(), ""), "\x00") + "\x00"
		}, bad},
		{"an object behind the claims", func(d *draft) { d.ClaimsText = d.Claims.Text() + d.Claims.Text() }, bad},
		{"a letter behind the claims", func(d *draft) { d.ClaimsText = d.Claims.Text() + "x" }, bad},
		{"a brace behind the claims", func(d *draft) { d.ClaimsText = d.Claims.Text() + "}" }, bad},
		{"a zero byte behind the claims", func(d *draft) { d.ClaimsText = d.Claims.Text() + "\x00" }, bad},
		{"claims in an array", func(d *draft) { d.ClaimsText = "[" + d.Claims.Text() + "]" }, bad},
		{"claims in a text", func(d *draft) { d.ClaimsText = forge.Quoted(d.Claims.Text()) }, bad},
		{"claims null", func(d *draft) { d.ClaimsText = "null" }, bad},
		{"claims a number", func(d *draft) { d.ClaimsText = "1" }, bad},
		{"no claims", func(d *draft) { d.ClaimsText = "{}" }, bad},
		{"empty claims", func(d *draft) { d.EncodeClaims = func(string) string { return "" } }, bad},
		{"claims that are cut", func(d *draft) { d.ClaimsText = strings.TrimSuffix(d.Claims.Text(), "}") }, bad},
		{"claims with a comma too many", func(d *draft) { d.ClaimsText = strings.TrimSuffix(d.Claims.Text(), "}") + ",}" }, bad},
		{"claims with a comment", func(d *draft) { d.ClaimsText = "/**/" + d.Claims.Text() }, bad},
		{"claims with other quotes", func(d *draft) { d.ClaimsText = strings.ReplaceAll(d.Claims.Text(), `"`, "'") }, bad},
		{"claims of brackets", claim("dept", strings.Repeat("[", 4<<10)), bad},
		{"claims with padding", func(d *draft) { d.EncodeClaims = func(s string) string { return forge.Raw64(s) + "=" } }, bad},
		{"claims in standard base64", all(claim("dept", `"??>>~~??>>~~??>>~~"`), func(d *draft) {
			d.EncodeClaims = func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }
		}), bad},
		{"the same claims in base64url", claim("dept", `"??>>~~??>>~~??>>~~"`), harmless},
		{"claims with bits left over", func(d *draft) { d.EncodeClaims = leftover }, bad},
		{"claims with a line end", func(d *draft) {
			d.EncodeClaims = func(s string) string { return forge.Raw64(s)[:8] + "\r\n" + forge.Raw64(s)[8:] }
		}, bad},
		{"claims with a space", func(d *draft) {
			d.EncodeClaims = func(s string) string { return forge.Raw64(s)[:8] + " " + forge.Raw64(s)[8:] }
		}, bad},
		{"claims as they are", func(d *draft) { d.EncodeClaims = func(s string) string { return s } }, bad},
		{"claims encoded twice", func(d *draft) { d.EncodeClaims = func(s string) string { return forge.Raw64(forge.Raw64(s)) } }, bad},
	}
	return rows
}
