package keys_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// rocaKey has the fingerprint of CVE-2017-15361. It is the key of the group
// jws_rsa_roca_key of Project Wycheproof (https://github.com/C2SP/wycheproof,
// Apache-2.0).
const rocaKey = `{"kty":"RSA","kid":"kid-rsa-roca-sign","alg":"RS256","use":"sig","n":"AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE","e":"AQAB","d":"NGpEqgz5j8BLNI1mEcK-sIVOr9AgMDWnRKisjAz4eWTtHlYiTLSWY4QeMzNir_LzBEr1LbZteTAvG5dVc9FpRDy6Grngd6bzy5nONYWPy8a1F88V-zT5OCgm2cd9N1EMzsOZEm1gE4xae1Z1dxptVsiGK-HvRypG_SMacch063aSDM46Asvao8PjqWGy-ZGwnaprx5ME4ZWRMKtov8BVMvkrs1KeM7TtjMg27hvreTueu8fbgNc9U93S2sWjw_4YvS72idsM95e-MCNwhKkrfufNhc5-8-pxD6cbiu8BnG4gR0vuQUNJFx16BsskC7JgOwEUhUg1Q0pYYj3DA54OwQ","p":"ARXNC8pC9mwATep-hd8UJIPF-zxRT3SLSo-oqcfvsfxh31YwlKtfIx7TZgXY1Zqva9zzxJZYxR1XrJp3M0Ny5yRSz04EE7tOjSC3-vR2oIGtkWPFUUF4VpEwrDzqPrZa7JKY-ZJ0qchxLYwzKj7LgEA2HY8l1GBQzHYqqbblMNyF","q":"AYhb2gXYokQugcoSDcl9jeeqwpccV-1Fv93RTtaFMoDJ5kJipWpmTIuT06ZLVc0-2FNl9U3HaiNnHgT07Sjnllj2XGBH5tFT-2u8UUby7QEX8I5QRrdCs6FEtoIxY-eGZWD5MbF8bwrdE1xuhk7dvxlGcEzsAqWMU1ORoRdCZgzt"}`

func TestFaultA10WeakKeysAreRefused(t *testing.T) {
	t.Parallel()
	private, err := keys.FromJWK([]byte(rocaKey))
	if err != nil {
		t.Fatal(err)
	}
	const roca = "must not be an RSA key with the ROCA weakness"
	public := &private.Private.(*rsa.PrivateKey).PublicKey
	good := signerOf("RS256").sign.(*rsa.PrivateKey)
	with := func(n *big.Int, e int) keys.Key {
		return keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: n, E: e}}
	}
	ed := func(first byte, rest ...byte) keys.Key {
		point := make([]byte, 32)
		point[0] = first
		copy(point[1:], rest)
		return keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey(point)}
	}
	high := func(k keys.Key) keys.Key {
		k.Public.(ed25519.PublicKey)[31] |= 0x80
		return k
	}
	filled := func(first, last byte) keys.Key {
		k := ed(first, []byte(strings.Repeat("\xff", 31))...)
		k.Public.(ed25519.PublicKey)[31] = last
		return k
	}
	const order8 = "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"
	const other8 = "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"
	const canonical, order = "canonical encoding", "large order"
	for name, test := range map[string]struct {
		key  keys.Key
		want string
	}{
		"a private RSA key with the ROCA fingerprint":     {private, roca},
		"a public RSA key with the ROCA fingerprint":      {with(public.N, public.E), roca},
		"a public key of PS512 with the ROCA fingerprint": {keys.Key{Algorithm: "PS512", Public: public}, roca},
		"an even modulus":                               {with(new(big.Int).Add(good.N, big.NewInt(1)), 65537), "without small factors"},
		"a modulus that 167 divides":                    {with(new(big.Int).Mul(good.N, big.NewInt(167)), 65537), "without small factors"},
		"an exponent of 1":                              {with(good.N, 1), "odd exponent"},
		"an exponent of 3":                              {with(good.N, 3), "odd exponent"},
		"an even exponent":                              {with(good.N, 65538), "odd exponent"},
		"an Ed25519 key of order 1":                     {ed(1), order},
		"an Ed25519 key of order 1 in another encoding": {high(ed(1)), canonical},
		"an Ed25519 key of order 1, not reduced":        {filled(0xee, 0x7f), canonical},
		"an Ed25519 key of order 2":                     {filled(0xec, 0x7f), order},
		"an Ed25519 key of order 2 in another encoding": {filled(0xec, 0xff), canonical},
		"an Ed25519 key of order 4":                     {ed(0), order},
		"another Ed25519 key of order 4":                {high(ed(0)), order},
		"an Ed25519 key of order 4, not reduced":        {filled(0xed, 0x7f), canonical},
		"an Ed25519 key of order 8":                     {keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey(order8)}, order},
		"a second Ed25519 key of order 8":               {keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey(other8)}, order},
		"a third Ed25519 key of order 8":                {high(keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey(order8)}), order},
		"an Ed25519 key that is no point":               {ed(2), canonical},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			if _, err := keys.NewSet(test.key); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}

	t.Run("signatures of Ed25519 keys of a small order can be made by anybody, which is why", func(t *testing.T) {
		t.Parallel()
		signature := append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...) // R = (0, 1), S = 0
		forged := 0
		for i := range 100 {
			if ed25519.Verify(ed25519.PublicKey(order8), fmt.Append(nil, i), signature) {
				forged++
			}
		}
		if forged == 0 {
			t.Error("none was accepted")
		}
	})

	t.Run("keys that are made as they should be are accepted", func(t *testing.T) {
		t.Parallel()
		for i := range 200 {
			seed := sha512.Sum512(fmt.Append(nil, i))
			key := ed25519.NewKeyFromSeed(seed[:32])
			if _, err := keys.NewSet(keys.Key{Algorithm: "EdDSA", Private: key}); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("a JWK Set is read without its ROCA key", func(t *testing.T) {
		t.Parallel()
		one := map[string]string{"kty": "RSA", "kid": "roca", "n": b64(public.N.Bytes()), "e": "AQAB"}
		if _, err := keys.SetFromJWKS(jsonOf(t, map[string]any{"keys": []any{one}})); err == nil || !strings.Contains(err.Error(), roca) {
			t.Error(err)
		}
		set, err := keys.SetFromJWKS(jsonOf(t, map[string]any{"keys": []any{one, jwkOf(t, signerOf("ES256"), false)}}))
		if err != nil || len(published(t, set.JWKS(time.Now()))) != 1 {
			t.Error(err)
		}
	})
}

func TestFaultA10JWKSetsDoNotMixSecretAndPublicKeys(t *testing.T) {
	t.Parallel()
	secretKey, public, private := jwkOf(t, signerOf("HS256"), true), jwkOf(t, signerOf("ES256"), false), jwkOf(t, signerOf("RS256"), true)
	unnamed := map[string]string{"kty": "AKP", "k": secretKey["k"]}
	set := func(all ...map[string]string) []byte { return jsonOf(t, map[string]any{"keys": all}) }
	for name, text := range map[string][]byte{
		"an HMAC key before a public key":  set(secretKey, public),
		"an HMAC key behind a public key":  set(public, secretKey),
		"an HMAC key alone":                set(secretKey),
		"an HMAC key whose kty is unknown": set(public, unnamed),
		"an HMAC key without an algorithm": set(public, map[string]string{"kty": "oct", "k": secretKey["k"]}),
		"an HMAC key that is too short":    set(public, map[string]string{"kty": "oct", "k": "AAAA", "alg": "HS256"}),
		"an HMAC key beside a private key": set(private, secretKey),
		"a key of AES beside a public key": set(public, map[string]string{"kty": "oct", "k": secretKey["k"], "alg": "A256GCM"}),
		"a secret without a value":         set(public, map[string]string{"kty": "oct"}),
	} {
		t.Run("a public set with "+name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := keys.SetFromJWKS(text)
			if err == nil || !strings.Contains(err.Error(), "must not be an HMAC key") {
				t.Errorf("error = %v", err)
			}
			if err != nil && strings.Contains(err.Error(), secretKey["k"]) {
				t.Error("the error has the secret in it")
			}
		})
	}

	t.Run("a host's own set with an HMAC key and a public key is refused", func(t *testing.T) {
		t.Parallel()
		for _, text := range [][]byte{set(secretKey, public), set(public, private, secretKey)} {
			if _, err := keys.FromJWKS(text); err == nil || !strings.Contains(err.Error(), "must not have HMAC keys beside public keys") {
				t.Errorf("error = %v", err)
			}
		}
	})

	t.Run("a host's own set with an HMAC key and a private key is read", func(t *testing.T) {
		t.Parallel()
		if _, err := keys.FromJWKS(set(secretKey, private)); err != nil {
			t.Error(err)
		}
	})
}

func TestFaultA10JWKsAreForWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, by string
		private  bool
		change   func(map[string]any)
		want     string
	}{
		{"a private key that may only verify", "ES256", true, func(m map[string]any) { m["key_ops"] = []string{"verify"} }, "key_ops: must have sign for a private key"},
		{"a public key that may only sign", "ES256", false, func(m map[string]any) { m["key_ops"] = []string{"sign"} }, "key_ops: must have verify for a public key"},
		{"a secret that may only verify", "HS256", true, func(m map[string]any) { m["key_ops"] = []string{"verify"} }, "key_ops: must have sign and verify for an HMAC key"},
		{"a key that also encrypts", "RS256", true, func(m map[string]any) { m["key_ops"] = []string{"sign", "encrypt"} }, `key_ops: must be for signatures only, got "encrypt"`},
		{"an operation that stands twice", "RS256", false, func(m map[string]any) { m["key_ops"] = []string{"verify", "verify"} }, `key_ops: must not name "verify" twice`},
		{"a key for no operation", "RS256", false, func(m map[string]any) { m["key_ops"] = []string{} }, "key_ops: must have verify for a public key"},
		{"null operations", "RS256", false, func(m map[string]any) { m["key_ops"] = nil }, "key_ops: must have verify for a public key"},
		{"a use in capitals", "RS256", false, func(m map[string]any) { m["use"] = "SIG" }, `use: must be sig, got "SIG"`},
		{"a line end in a member", "ES256", false, func(m map[string]any) { m["x"] = m["x"].(string)[:8] + "\n" + m["x"].(string)[8:] }, "x: must be base64url without padding"},
		{"bits left over in a member", "ES256", false, func(m map[string]any) { x := m["x"].(string); m["x"] = x[:len(x)-1] + leftOver(x[len(x)-1]) }, "x: must be base64url without padding"},
		{"padding of a secret", "HS256", true, func(m map[string]any) { m["k"] = m["k"].(string) + "=" }, "k: must be base64url without padding"},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			t.Parallel()
			m := map[string]any{}
			for name, value := range jwkOf(t, signerOf(test.by), test.private) {
				m[name] = value
			}
			test.change(m)
			if _, err := keys.FromJWK(jsonOf(t, m)); err == nil || err.Error() != "keys: JWK: "+test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}

	t.Run("an algorithm that is not the key's is refused", func(t *testing.T) {
		t.Parallel()
		for _, pair := range [][2]string{{"ES256", "ES384"}, {"ES512", "ES256"}, {"RS256", "ES256"}, {"EdDSA", "RS256"}, {"ES256", "HS256"}, {"HS256", "RS256"}, {"HS256", "none"}, {"RS256", "RSA-OAEP"}, {"ES256", "ES256K"}} {
			m := jwkOf(t, signerOf(pair[0]), true)
			m["alg"] = pair[1]
			key, err := keys.FromJWK(jsonOf(t, m))
			if err == nil {
				_, err = keys.NewSet(key)
			}
			if err == nil {
				t.Errorf("a key of %s is one of %s", pair[0], pair[1])
			}
		}
	})

	t.Run("a member that stands twice is refused", func(t *testing.T) {
		t.Parallel()
		for _, private := range []bool{false, true} {
			text := string(jsonOf(t, jwkOf(t, signerOf("ES256"), private)))
			var m map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				t.Fatal(err)
			}
			for name, value := range m {
				twice := strings.TrimSuffix(text, "}") + fmt.Sprintf(",%q:%s}", name, value)
				if key, err := keys.FromJWK([]byte(twice)); err == nil {
					t.Errorf("%s twice: %v", name, key)
				}
			}
		}
		if set, err := keys.SetFromJWKS([]byte(`{"keys":[],"keys":[` + string(jsonOf(t, jwkOf(t, signerOf("ES256"), false))) + `]}`)); err == nil {
			t.Errorf("keys twice: %v", set)
		}
	})
}

// leftOver is the next character of base64url: one of the same bits and one more.
func leftOver(last byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, last)+1])
}
