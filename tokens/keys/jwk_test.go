package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// published reads a JWK Set with nothing of what is tested.
func published(tb testing.TB, text []byte) []map[string]any {
	tb.Helper()
	var set map[string][]map[string]any
	if err := json.Unmarshal(text, &set); err != nil || len(set) != 1 || set["keys"] == nil {
		tb.Fatalf("%v: %s", err, text)
	}
	return set["keys"]
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwkOf writes a key as a JWK, with nothing of what is tested.
func jwkOf(tb testing.TB, by signer, private bool) map[string]string {
	tb.Helper()
	m := map[string]string{"kid": by.key.ID, "alg": by.key.Algorithm}
	switch key := by.sign.(type) {
	case []byte:
		m["kty"], m["k"] = "oct", b64(key)
	case *rsa.PrivateKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())
		if private {
			m["d"], m["p"], m["q"] = b64(key.D.Bytes()), b64(key.Primes[0].Bytes()), b64(key.Primes[1].Bytes())
		}
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		if err != nil {
			tb.Fatal(err)
		}
		half := len(point) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", key.Params().Name, b64(point[1:1+half]), b64(point[1+half:])
		if private {
			d, err := key.Bytes()
			if err != nil {
				tb.Fatal(err)
			}
			m["d"] = b64(d)
		}
	case ed25519.PrivateKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(key.Public().(ed25519.PublicKey))
		if private {
			m["d"] = b64(key.Seed())
		}
	}
	return m
}

func jsonOf(tb testing.TB, v any) []byte {
	tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestJWK(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run("a JWK of "+algorithm+" signs and verifies as the key that it is", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			key, err := keys.FromJWK(jsonOf(t, jwkOf(t, by, true)))
			if err != nil {
				t.Fatal(err)
			}
			agrees(t, setOf(t, key), by)
			if by.key.Secret != "" {
				return
			}
			public, err := keys.FromJWK(jsonOf(t, jwkOf(t, by, false)))
			if err != nil || public.Private != nil || !by.verify.(interface{ Equal(crypto.PublicKey) bool }).Equal(public.Public) {
				t.Errorf("%v, %v", public, err)
			}
		})
	}

	t.Run("a JWK without alg gets the usual one, and nbf and exp are its schedule", func(t *testing.T) {
		t.Parallel()
		for _, algorithm := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
			m := jwkOf(t, signerOf(algorithm), true)
			delete(m, "alg")
			text := strings.Replace(string(jsonOf(t, m)), "{", `{"nbf":1772582400,"exp":1772586000,"iat":1,"key_ops":["sign"],`, 1)
			key, err := keys.FromJWK([]byte(text))
			if err != nil || key.Algorithm != algorithm || !key.SignsFrom.Equal(time.Unix(1772582400, 0)) || !key.RetiresAt.Equal(time.Unix(1772586000, 0)) {
				t.Errorf("%v %v %v, %v", key, key.SignsFrom, key.RetiresAt, err)
			}
		}
	})

	for _, test := range []struct {
		name, by string
		change   func(map[string]any)
		want     string
	}{
		{"no kty", "ES256", func(m map[string]any) { delete(m, "kty") }, `kty: must be RSA, EC, OKP or oct, got ""`},
		{"an unknown kty", "ES256", func(m map[string]any) { m["kty"] = "AKP" }, `kty: must be RSA, EC, OKP or oct, got "AKP"`},
		{"a kty that is no text", "ES256", func(m map[string]any) { m["kty"] = 1 }, "kty: must be a string"},
		{"for encryption", "RS256", func(m map[string]any) { m["use"] = "enc" }, `use: must be sig, got "enc"`},
		{"for wrapping keys", "RS256", func(m map[string]any) { m["key_ops"] = []string{"wrapKey"} }, `key_ops: must be for signatures only, got "wrapKey"`},
		{"key_ops that are no texts", "RS256", func(m map[string]any) { m["key_ops"] = "sign" }, "key_ops: must be an array of strings"},
		{"no n", "RS256", func(m map[string]any) { delete(m, "n") }, "n: is required"},
		{"n with padding", "RS256", func(m map[string]any) { m["n"] = m["n"].(string) + "==" }, "n: must be base64url without padding"},
		{"an e of nine bytes", "RS256", func(m map[string]any) { m["e"] = b64(make([]byte, 9)) }, "n, e: out of range"},
		{"a d without its primes", "RS256", func(m map[string]any) { delete(m, "p") }, "p: is required"},
		{"a d of another key", "RS256", func(m map[string]any) { m["d"] = b64([]byte("another")) }, "d, p, q: are not of this n and e"},
		{"three primes", "RS256", func(m map[string]any) { m["oth"] = []any{} }, "oth: must be absent: only keys with two primes are supported"},
		{"a curve that is not supported", "ES256", func(m map[string]any) { m["crv"] = "secp256k1" }, `crv: must be P-256, P-384 or P-521, got "secp256k1"`},
		{"a short x", "ES256", func(m map[string]any) { m["x"] = b64(make([]byte, 31)) }, "x: must be 32 bytes, got 31"},
		{"a point off the curve", "ES256", func(m map[string]any) { m["x"] = b64(make([]byte, 32)) }, "x, y: must be a point on P-256"},
		{"a d of another point", "ES256", func(m map[string]any) { m["d"] = b64(append(make([]byte, 31), 1)) }, "d: is not of this x and y"},
		{"X25519", "EdDSA", func(m map[string]any) { m["crv"] = "X25519" }, `crv: must be Ed25519, got "X25519"`},
		{"an x of 31 bytes", "EdDSA", func(m map[string]any) { m["x"] = b64(make([]byte, 31)) }, "x: must be 32 bytes, got 31"},
		{"a seed of another key", "EdDSA", func(m map[string]any) { m["d"] = b64(make([]byte, 32)) }, "d: is not of this x"},
		{"a secret without alg", "HS256", func(m map[string]any) { delete(m, "alg") }, "alg: is required of an HMAC key"},
		{"a schedule in words", "ES256", func(m map[string]any) { m["nbf"] = "tomorrow" }, "nbf: must be whole seconds since 1970"},
		{"a schedule in milliseconds", "ES256", func(m map[string]any) { m["exp"] = 1772586000000 }, "exp: must be whole seconds since 1970"},
	} {
		t.Run(test.name+" is an error that names the member and no value of a secret one", func(t *testing.T) {
			t.Parallel()
			by := signerOf(test.by)
			m := map[string]any{}
			for name, value := range jwkOf(t, by, true) {
				m[name] = value
			}
			test.change(m)
			_, err := keys.FromJWK(jsonOf(t, m))
			if err == nil || err.Error() != "keys: JWK: "+test.want {
				t.Fatalf("%v, want %s", err, test.want)
			}
			for _, secret := range []string{"d", "p", "q", "k"} {
				if value, ok := m[secret].(string); ok && strings.Contains(err.Error(), value) {
					t.Errorf("the error has %q in it: %v", secret, err)
				}
			}
		})
	}

	t.Run("what is no JWK is an error", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "null", "[]", "{}", `{"kty":"EC","kty":"RSA"}`, `{"kty":"EC"} x`, "{\"kty\":\"\xff\"}", strings.Repeat(" ", 1<<20) + "{}"} {
			if key, err := keys.FromJWK([]byte(text)); err == nil {
				t.Errorf("%.40q: %v", text, key)
			}
			for _, set := range []string{text, `{"keys":null}`, `{"keys":{}}`, `{"keys":[1]}`, `{"Keys":[]}`, `{"keys":[` + strings.Repeat("{},", 100) + "{}]}"} {
				if all, err := keys.FromJWKS([]byte(set)); err == nil {
					t.Errorf("%.40q: %v", set, all)
				}
				if all, err := keys.SetFromJWKS([]byte(set)); err == nil {
					t.Errorf("%.40q: %v", set, all)
				}
			}
		}
	})
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	t.Run("D131: the thumbprint of RFC 7638 §3.1", func(t *testing.T) {
		t.Parallel()
		const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
		set, err := keys.SetFromJWKS([]byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + n + `"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"kty": "RSA", "e": "AQAB", "n": n, "alg": "RS256", "use": "sig", "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}
		if got := published(t, set.JWKS(time.Now())); len(got) != 1 || !maps.Equal(got[0], want) {
			t.Errorf("%v, want %v", got, want)
		}
	})

	t.Run("D127, D128, D129, D130: the public keys, each with its kid, and nothing that is private", func(t *testing.T) {
		t.Parallel()
		var all []keys.Key
		for _, algorithm := range []string{"ES256", "HS256", "RS256", "ES384", "EdDSA", "ES512"} {
			all = append(all, signerOf(algorithm).key)
		}
		set := setOf(t, all...)
		var kids []string
		for _, key := range published(t, set.JWKS(time.Now())) {
			kids = append(kids, fmt.Sprint(key["kid"]))
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_ops"} {
				if _, ok := key[private]; ok {
					t.Errorf("%s has %q", key["kid"], private)
				}
			}
			by := signerOf(key["alg"].(string))
			want := jwkOf(t, by, false)
			want["use"] = "sig"
			if got := fmt.Sprint(key); got != fmt.Sprint(want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
		if want := []string{"es256", "rs256", "es384", "eddsa", "es512"}; !slices.Equal(kids, want) {
			t.Errorf("%v, want %v: HMAC keys must not be published", kids, want)
		}
		if kid := set.Signer(time.Now()).ID(); !slices.Contains(kids, kid) {
			t.Errorf("the key %s signs and is not in the set", kid)
		}
	})

	t.Run("only HMAC keys publish an empty set", func(t *testing.T) {
		t.Parallel()
		if got := string(setOf(t, signerOf("HS256").key).JWKS(time.Now())); got != `{"keys":[]}` {
			t.Error(got)
		}
	})

	t.Run("D133: who verifies passes over what it does not understand or should not see", func(t *testing.T) {
		t.Parallel()
		with := func(m map[string]string, name, value, kid string) map[string]string {
			m[name], m["kid"] = value, kid
			return m
		}
		all := []any{
			map[string]string{"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "AAAA"},
			with(jwkOf(t, signerOf("ES384"), false), "crv", "secp256k1", "curve"),
			with(jwkOf(t, signerOf("RS256"), false), "use", "enc", "encryption"),
			with(jwkOf(t, signerOf("RS256"), false), "alg", "RSA-OAEP", "oaep"),
			map[string]any{"kty": "RSA", "kid": "weak", "e": "AQAB", "n": b64(make([]byte, 128))},
			map[string]any{"kty": "EC", "kid": "cut"},
			with(jwkOf(t, signerOf("ES512"), true), "use", "sig", "private"),
			jwkOf(t, signerOf("EdDSA"), false),
			with(jwkOf(t, signerOf("ES256"), false), "use", "sig", "eddsa"),
			with(jwkOf(t, signerOf("EdDSA"), false), "use", "sig", "again"),
			jwkOf(t, signerOf("RS256"), false),
		}
		set, err := keys.SetFromJWKS(jsonOf(t, map[string]any{"keys": all, "more": 1}))
		if err != nil {
			t.Fatal(err)
		}
		var kids []string
		for _, key := range published(t, set.JWKS(time.Now())) {
			kids = append(kids, fmt.Sprint(key["kid"]))
		}
		if want := []string{"eddsa", "rs256"}; !slices.Equal(kids, want) {
			t.Errorf("%v, want %v", kids, want)
		}
		if set, err := keys.SetFromJWKS(jsonOf(t, map[string]any{"keys": all[:7]})); err == nil {
			t.Errorf("%v, %v", set, err)
		}
		// a set of the host's own means what it says
		if _, err := keys.FromJWKS(jsonOf(t, map[string]any{"keys": all})); err == nil || !strings.HasPrefix(err.Error(), "keys: JWK Set: keys[0]: kty: ") {
			t.Error(err)
		}
	})
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"keys/2025.pem":  {Data: pkcs8(signerOf("ES256").sign)},
		"keys/2026.json": {Data: jsonOf(t, jwkOf(t, signerOf("EdDSA"), true))},
		"keys/more.jwks": {Data: append([]byte("\n "), jsonOf(t, map[string]any{"keys": []any{jwkOf(t, signerOf("HS256"), true), jwkOf(t, signerOf("RS256"), true)}})...)},
		"keys/notes.txt": {Data: []byte("do not lose these")},
		"keys/half.json": {Data: []byte(`{"kty":"EC"}`)},
		"keys/long.pem":  {Data: append(make([]byte, 1<<20), pkcs8(signerOf("ES256").sign)...)},
	}
	read := func(patterns ...string) string {
		all, err := keys.ReadFiles(files, patterns...)
		if err != nil {
			return err.Error()
		}
		if _, err := keys.NewRing(all...); err != nil {
			t.Errorf("%v: %v", patterns, err)
		}
		return fmt.Sprint(all)
	}
	for _, test := range []struct {
		name     string
		patterns []string
		want     string
	}{
		{"a PEM file", []string{"keys/2025.pem"}, "[keys.Key{ES256 }]"},
		{"files in the order of their names", []string{"keys/202*"}, "[keys.Key{ES256 } keys.Key{EdDSA eddsa}]"},
		{"patterns in their own order", []string{"keys/2026.json", "keys/2025.*", "keys/*.jwks"}, "[keys.Key{EdDSA eddsa} keys.Key{ES256 } keys.Key{HS256 hs256} keys.Key{RS256 rs256}]"},
		{"a file that is not there", []string{"keys/2025.pem", "keys/2027.pem"}, `keys: "keys/2027.pem": no such file`},
		{"a pattern that is none", []string{"keys/["}, `keys: "keys/[": syntax error in pattern`},
		{"a file without a key", []string{"keys/*"}, "keys/half.json: keys: JWK: crv: must be P-256, P-384 or P-521, got \"\""},
		{"a text", []string{"keys/notes.txt"}, "keys/notes.txt: keys: no PEM block"},
		{"a file that is too long", []string{"keys/long.pem"}, "keys/long.pem: keys: must be at most 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := read(test.patterns...); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
