package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

type members = map[string]any

// forge is a token with these headers and claims over a genuine one's, signed
// with the host's own key: only what is changed is wrong with it. A nil value
// takes a member away.
func forge(t *testing.T, genuine string, header, body members) string {
	t.Helper()
	head, claims := part(t, genuine, 0), part(t, genuine, 1)
	for _, change := range []struct{ of, to members }{{head, header}, {claims, body}} {
		maps.Copy(change.of, change.to)
		maps.DeleteFunc(change.of, func(_ string, v any) bool { return v == nil })
	}
	return sign(encode(t, head) + "." + encode(t, claims))
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b64(text)
}

func b64[T string | []byte](text T) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// sign signs with ES256 and the host's key.
func sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, signingKey, sum[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + b64(signature)
}

// unlike checks that a genuine token with these changes gets 401 invalid_token.
func unlike(changes ...[2]members) func(*testing.T, opener) {
	return func(t *testing.T, open opener) {
		t.Helper()
		h := open(t)
		genuine := h.login(t).access
		h.call(t, "/me", forge(t, genuine, nil, nil)).is(t, http.StatusOK, "") // or the forger proves nothing
		for _, c := range changes {
			a := h.call(t, "/me", forge(t, genuine, c[0], c[1]))
			if a.Code != http.StatusUnauthorized {
				t.Errorf("%v: %d %s", c, a.Code, a.Body)
			}
			a.refused(t, http.StatusUnauthorized, "invalid_token")
		}
	}
}

func head(name string, value any) [2]members { return [2]members{{name: value}} }
func body(name string, value any) [2]members { return [2]members{nil, {name: value}} }

// rsaKey is another key of the host's, where a requirement wants RSA.
var rsaKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

func withRSA(c *config) { c.tokens.Keys = []keys.Key{{Algorithm: "RS256", Private: rsaKey}} }

// Access tokens as JWTs.
var webTokens = []requirement{
	{number: 103, grade: "MUST", says: "alg none is refused in any case", source: "RFC 9068 §2.1, RFC 8725 §3.2, ASVS 9.1.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			genuine := h.login(t).access
			for _, none := range []string{"none", "None", "NONE", "nOnE"} {
				text := forge(t, genuine, members{"alg": none}, nil)
				h.call(t, "/me", text).refused(t, http.StatusUnauthorized, "invalid_token")
				h.call(t, "/me", text[:strings.LastIndex(text, ".")+1]).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 104, grade: "MUST", says: "a public key is no HMAC secret", source: "RFC 8725 §2.1, §3.1, ASVS 9.1.2",
		check: func(t *testing.T, open opener) {
			h := open(t, withRSA)
			genuine := h.login(t).access
			der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			text := forge(t, genuine, members{"alg": "HS256"}, nil)
			text = text[:strings.LastIndex(text, ".")]
			for _, key := range [][]byte{der, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)} {
				mac := hmac.New(sha256.New, key)
				_, _ = mac.Write([]byte(text))
				h.call(t, "/me", text+"."+b64(mac.Sum(nil))).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 105, grade: "MUST", says: "the algorithm is the one of the key that kid names", source: "RFC 8725",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) {
				c.tokens.Keys = append(c.tokens.Keys, keys.Key{ID: "rsa", Algorithm: "RS256", Private: rsaKey})
			})
			genuine := h.login(t).access
			h.call(t, "/me", forge(t, genuine, members{"kid": "rsa"}, nil)).refused(t, http.StatusUnauthorized, "invalid_token")
			h.call(t, "/me", forge(t, genuine, members{"alg": "RS256"}, nil)).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 106, grade: "MUST", says: "a key has one algorithm", source: "RFC 8725 §3.1",
		check: func(t *testing.T, open opener) {
			h := open(t, withRSA)
			genuine := h.login(t).access
			text := forge(t, genuine, members{"alg": "PS256"}, nil)
			text = text[:strings.LastIndex(text, ".")]
			sum := sha256.Sum256([]byte(text))
			signature, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			if err != nil {
				t.Fatal(err)
			}
			h.call(t, "/me", text+"."+b64(signature)).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 107, grade: "MUST", says: "a key in the token's own header is none", source: "ASVS 9.1.3, RFC 8725 §3.10",
		check: unlike(
			head("jwk", members{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}), head("jku", "https://evil.example/jwks"),
			head("x5u", "https://evil.example/cert"), head("x5c", []string{"MIIB"}),
		)},
	{number: 108, grade: "MUST", says: "a malicious kid is 401", source: "RFC 8725 §3.10",
		check: unlike(head("kid", "../../etc/passwd"), head("kid", "' OR 1=1"), head("kid", strings.Repeat("x", 1<<20)), head("kid", 7), head("kid", nil))},
	{number: 109, grade: "MUST", says: "an unknown crit is refused", source: "RFC 7515 §4.1.11",
		check: unlike(head("crit", []string{"x"}), head("crit", []string{}), head("crit", []string{"b64"}), head("b64", false))},
	{number: 110, grade: "MUST NOT", says: "no token is accepted at or after exp", source: "RFC 7519 §4.1.4, RFC 9068 §4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			access := h.login(t).access
			pass(time.Hour - time.Second)
			h.call(t, "/me", access).is(t, http.StatusOK, "")
			pass(time.Second)
			h.call(t, "/me", access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 111, grade: "MUST NOT", says: "nor before nbf", source: "RFC 7519 §4.1.5, ASVS 9.2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			late := forge(t, h.login(t).access, nil, members{"nbf": time.Now().Unix() + 60})
			h.call(t, "/me", late).refused(t, http.StatusUnauthorized, "invalid_token")
			pass(time.Minute)
			h.call(t, "/me", late).is(t, http.StatusOK, "")
		}},
	{number: 112, grade: "MUST", says: "an aud that has not ours is refused, as a string and as a list", source: "RFC 7519 §4.1.3, RFC 8725 §3.9",
		check: func(t *testing.T, open opener) {
			unlike(body("aud", "https://else.example"), body("aud", []string{"https://else.example"}), body("aud", []string{}), body("aud", nil), body("aud", 1))(t, open)
			h := open(t)
			genuine := h.login(t).access
			for _, fits := range []any{audience, []string{"https://else.example", audience}} {
				h.call(t, "/me", forge(t, genuine, nil, members{"aud": fits})).is(t, http.StatusOK, "")
			}
		}},
	{number: 113, grade: "MUST", says: "iss fits to the code point", source: "RFC 9068 §4, RFC 8725 §3.8",
		check: unlike(
			body("iss", issuer+"/"), body("iss", strings.ToUpper(issuer)), body("iss", "https://issuer.example"), body("iss", []string{issuer}),
			body("iss", nil), body("iss", issuer+"\u200b"),
		)},
	{number: 114, grade: "MUST", says: "sub is there", source: "RFC 8725 §3.8",
		note:  "access tokens are checked without asking for the user, who keeps them until they expire or their sessions are revoked",
		check: unlike(body("sub", ""), body("sub", nil), body("sub", 7), body("sub", []string{"u-alice"}))},
	{number: 115, grade: "MUST", says: "typ is at+jwt", source: "RFC 9068 §4",
		check: func(t *testing.T, open opener) {
			unlike(head("typ", "JWT"), head("typ", nil), head("typ", "refresh+jwt"), head("typ", "id+jwt"), head("typ", ""))(t, open)
			h := open(t)
			genuine := h.login(t).access
			for _, fits := range []string{"at+jwt", "AT+JWT", "application/at+jwt"} {
				h.call(t, "/me", forge(t, genuine, members{"typ": fits}, nil)).is(t, http.StatusOK, "")
			}
		}},
	{number: 116, grade: "MUST", says: "what is issued has typ at+jwt and all claims that it must have", source: "RFC 9068 §2.1, §2.2",
		check: func(t *testing.T, open opener) {
			access := open(t).login(t).access
			if h := part(t, access, 0); h["typ"] != "at+jwt" || h["alg"] != "ES256" || h["kid"] == "" {
				t.Errorf("header = %v", h)
			}
			c := claims(t, access)
			for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"} {
				if v := c[name]; v == nil || v == "" {
					t.Errorf("%s = %v", name, v)
				}
			}
			if c["scope"] != "read write" || c["client_id"] != "app" {
				t.Errorf("%v", c)
			}
		}},
	{number: 117, grade: "MUST", says: "RS256 is among the algorithms", source: "RFC 9068 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t, withRSA)
			access := h.login(t).access
			if got := part(t, access, 0)["alg"]; got != "RS256" {
				t.Errorf("alg = %v", got)
			}
			h.call(t, "/me", access).is(t, http.StatusOK, "")
		}},
	{number: 118, grade: "MUST", says: "weak keys are refused at start-up", source: "RFC 7518 §3.2, §3.3, RFC 8725 §3.5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			weak, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it is to be refused
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []keys.Key{
				{Algorithm: "HS256", Secret: secret("x")[:31]}, {Algorithm: "RS256", Private: weak},
				{Algorithm: "HS256", Secret: "passwordpasswordpasswordpassword"},
			} {
				c := h.config.tokens
				c.Keys = []keys.Key{key}
				if _, err := tokens.New(c); err == nil || !strings.Contains(err.Error(), "Config.Keys[0]") {
					t.Errorf("%v: %v", key, err)
				}
			}
		}},
	{number: 119, grade: "MUST", says: "a JWT of another kind is no access token", source: "RFC 8725 §3.12",
		check: unlike(
			[2]members{{"typ": "JWT"}, {"purpose": "reset-password"}}, [2]members{{"typ": "logout+jwt"}, nil},
			[2]members{{"typ": "secevent+jwt"}, nil}, [2]members{{"typ": "dpop+jwt"}, nil},
		)},
	{number: 120, grade: "MUST", says: "only three parts of base64url are a token", source: "RFC 8725",
		check: func(t *testing.T, open opener) {
			h := open(t)
			genuine := h.login(t).access
			p := strings.Split(genuine, ".")
			for _, text := range []string{
				p[0] + "." + p[1], genuine + ".", genuine + ".x", "." + genuine, strings.Join([]string{p[0], "", "", p[1], p[2]}, "."),
				p[0] + "=." + p[1] + "." + p[2], p[0] + "." + p[1] + "." + p[2] + "=", strings.ReplaceAll(genuine, "-", "+"),
				`{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`,
			} {
				if text == genuine {
					continue
				}
				h.call(t, "/me", text).is(t, http.StatusUnauthorized, "")
			}
		}},
	{number: 121, grade: "MUST", says: "a claim that is there twice is refused", source: "RFC 7519 §4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			genuine := h.login(t).access
			text := encode(t, part(t, genuine, 1))
			raw, _ := base64.RawURLEncoding.DecodeString(text)
			for _, more := range []string{`,"sub":"u-bob"}`, `,"exp":9999999999}`, `,"tier":"premium"}`} {
				twice := strings.TrimSuffix(string(raw), "}") + more
				h.call(t, "/me", sign(strings.Split(genuine, ".")[0]+"."+b64(twice))).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 122, grade: "MUST", says: "header and claims are UTF-8", source: "RFC 8725 §3.7",
		check: func(t *testing.T, open opener) {
			h := open(t)
			genuine := h.login(t).access
			raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(genuine, ".")[1])
			bad := strings.Replace(string(raw), "u-alice", "u-alice\xff", 1)
			h.call(t, "/me", sign(strings.Split(genuine, ".")[0]+"."+b64(bad))).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 123, grade: "SHOULD", says: "exp and iat are whole numbers, and iat and nbf are not in the future", source: "clients that read them so",
		check: func(t *testing.T, open opener) {
			access := open(t, func(*config) { pass(700 * time.Millisecond) }).login(t).access
			raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[1])
			var c struct{ Exp, Iat, Nbf int64 }
			if err := json.Unmarshal(raw, &c); err != nil || c.Exp == 0 {
				t.Fatalf("%s: %v", raw, err)
			}
			if now := time.Now(); time.Unix(c.Iat, 0).After(now) || time.Unix(c.Nbf, 0).After(now) {
				t.Errorf("iat %d, nbf %d, now %v", c.Iat, c.Nbf, now)
			}
		}},
	{number: 124, grade: "MUST", says: "jti is another for each token", source: "RFC 9068 §2.2, RFC 7519 §4.1.7",
		check: func(t *testing.T, open opener) {
			h := open(t)
			seen := members{}
			for range 20 {
				seen[fmt.Sprint(claims(t, h.login(t).access)["jti"])] = nil
			}
			if len(seen) != 20 {
				t.Errorf("%d of 20", len(seen))
			}
		}},
	{number: 125, grade: "SHOULD", says: "expiry is not told before the signature is checked", source: "ASVS 9.1.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			genuine := h.login(t).access
			pass(2 * time.Hour)
			forged := genuine[:len(genuine)-2] + "AA"
			same(t, h.call(t, "/me", forged), h.call(t, "/me", h.login(t).access+"AA"))
		}},
	{number: 126, grade: "MUST NOT", says: "a token over 8 KiB is not parsed", source: "RFC 8725 §3.6",
		check: func(t *testing.T, open opener) {
			unlike(body("x", strings.Repeat("x", 8<<10)))(t, open)
			h := open(t)
			h.call(t, "/me", strings.Repeat("x", 1<<20)).refused(t, http.StatusUnauthorized, "invalid_token")
			h.call(t, "/me", forge(t, h.login(t).access, members{"zip": "DEF", "enc": "A128GCM"}, nil)).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
}
