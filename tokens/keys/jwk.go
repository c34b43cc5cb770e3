package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

const (
	maxJWKS     = 1 << 20 // bytes
	maxJWKSKeys = 100
	maxUnix     = 1 << 40 // seconds: a larger number is probably in milliseconds
)

// jwk has the required members of a public key, in the order of their names: as
// JSON it is what RFC 7638 §3.2 hashes.
type jwk struct {
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// publishedJWK is one key of a published set.
type publishedJWK struct {
	jwk

	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Use string `json:"use"`
}

// publicJWK returns the members of a public key. An HMAC key has no public
// members.
func publicJWK(verify any) (jwk, bool) {
	switch pub := verify.(type) {
	case *rsa.PublicKey:
		return jwk{Kty: "RSA", E: b64(big.NewInt(int64(pub.E)).Bytes()), N: b64(pub.N.Bytes())}, true
	case *ecdsa.PublicKey:
		point, _ := pub.Bytes() // 0x04, then x and y; check has called Bytes
		half := (len(point) - 1) / 2
		return jwk{Kty: "EC", Crv: pub.Params().Name, X: b64(point[1 : 1+half]), Y: b64(point[1+half:])}, true
	case ed25519.PublicKey:
		return jwk{Kty: "OKP", Crv: "Ed25519", X: b64(pub)}, true
	}
	return jwk{}, false
}

// FromJWK parses a private, a public or an HMAC key from a JWK (RFC 7517 §4) of
// at most 1 MiB. A key without "alg" gets the usual algorithm of its type, as
// with [FromPEM]; an HMAC key must name it. "nbf" and "exp", in whole seconds
// since 1970, become SignsFrom and RetiresAt. A key for encryption is an error,
// and so is one whose "key_ops" do not allow its use. The error never contains a
// private member. NewSet and NewRing check the key itself.
func FromJWK(text []byte) (Key, error) {
	if len(text) > maxJWKS {
		return Key{}, fmt.Errorf("keys: JWK: must be at most %d bytes, got %d", maxJWKS, len(text))
	}
	k, err := keyFromJWK(text)
	if err != nil {
		return Key{}, fmt.Errorf("keys: JWK: %w", err)
	}
	return k, nil
}

// jwkFields are the members of one JWK. The first defect is kept in err.
type jwkFields struct {
	raw map[string]json.RawMessage
	err error
}

func (f *jwkFields) complainf(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func (f *jwkFields) has(name string) bool { _, ok := f.raw[name]; return ok }

// text returns a member that is a string, or "" if it is missing.
func (f *jwkFields) text(name string) string {
	var s *string
	if raw, ok := f.raw[name]; ok {
		if json.Unmarshal(raw, &s) != nil || s == nil {
			f.complainf("%s: must be a string", name)
			return ""
		}
		return *s
	}
	return ""
}

// bytes returns a required member in base64url. size is its number of bytes.
// Zero: any number, but at least one.
func (f *jwkFields) bytes(name string, size int) []byte {
	text := f.text(name)
	b, err := strict.DecodeString(text)
	switch {
	case err != nil, strings.ContainsAny(text, "\r\n"): // the decoder skips them; its error would quote a private member
		f.complainf("%s: must be base64url without padding", name)
	case len(b) == 0:
		f.complainf("%s: is required", name)
	case size > 0 && len(b) != size:
		f.complainf("%s: must be %d bytes, got %d", name, size, len(b))
	}
	return b
}

func (f *jwkFields) time(name string) time.Time {
	var unix *int64
	if raw, ok := f.raw[name]; ok {
		if json.Unmarshal(raw, &unix) != nil || unix == nil || *unix <= 0 || *unix >= maxUnix {
			f.complainf("%s: must be whole seconds since 1970", name)
			return time.Time{}
		}
		return time.Unix(*unix, 0).UTC()
	}
	return time.Time{}
}

func keyFromJWK(text []byte) (Key, error) {
	raw, err := strictjson.Members(text)
	if err != nil {
		return Key{}, err
	}
	f := &jwkFields{raw: raw}
	if use := f.text("use"); use != "" && use != "sig" {
		f.complainf("use: must be sig, got %q", use)
	}
	k := Key{ID: f.text("kid"), Algorithm: f.text("alg"), SignsFrom: f.time("nbf"), RetiresAt: f.time("exp")}
	switch kty := f.text("kty"); {
	case f.err != nil:
	case kty == "RSA":
		f.rsa(&k)
	case kty == "EC":
		f.ec(&k)
	case kty == "OKP":
		f.okp(&k)
	case kty == "oct":
		k.Secret = Secret(f.bytes("k", 0))
		if k.Algorithm == "" {
			f.complainf("alg: is required of an HMAC key")
		}
	default:
		f.complainf("kty: must be RSA, EC, OKP or oct, got %q", kty)
	}
	f.operations(k)
	if f.err != nil {
		return Key{}, f.err
	}
	if k.Algorithm == "" {
		k.Algorithm = usualAlgorithm(k)
	}
	return k, nil
}

// operations checks that key_ops (RFC 7517 §4.3) allow the use of the key: a
// private key signs, a public key verifies, and a secret does both. A private key
// need not name verify, which is the operation of its public half.
func (f *jwkFields) operations(k Key) {
	if !f.has("key_ops") || f.err != nil {
		return
	}
	var ops []string
	if json.Unmarshal(f.raw["key_ops"], &ops) != nil {
		f.complainf("key_ops: must be an array of strings")
		return
	}
	for i, op := range ops {
		switch {
		case slices.Contains(ops[:i], op):
			f.complainf("key_ops: must not name %q twice", op)
		case op != "sign" && op != "verify":
			f.complainf("key_ops: must be for signatures only, got %q", op)
		}
	}
	signs, verifies := slices.Contains(ops, "sign"), slices.Contains(ops, "verify")
	switch {
	case k.Private != nil && !signs:
		f.complainf("key_ops: must have sign for a private key")
	case k.Public != nil && !verifies:
		f.complainf("key_ops: must have verify for a public key")
	case k.Secret != "" && (!signs || !verifies):
		f.complainf("key_ops: must have sign and verify for an HMAC key")
	}
}

func (f *jwkFields) rsa(k *Key) {
	n, e := f.bytes("n", 0), f.bytes("e", 0)
	if len(e) > 4 || len(n) > rsaMaxBits/8+1 {
		f.complainf("n, e: out of range")
	}
	if f.err != nil {
		return
	}
	public := rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if !f.has("d") {
		k.Public = &public
		return
	}
	private := &rsa.PrivateKey{
		PublicKey: public, D: new(big.Int).SetBytes(f.bytes("d", 0)),
		Primes: []*big.Int{new(big.Int).SetBytes(f.bytes("p", 0)), new(big.Int).SetBytes(f.bytes("q", 0))},
	}
	switch {
	case f.has("oth"):
		f.complainf("oth: must be absent: only keys with two primes are supported")
	case f.err != nil:
	case private.Validate() != nil:
		f.complainf("d, p, q: are not of this n and e")
	default:
		private.Precompute()
		k.Private = private
	}
}

func (f *jwkFields) ec(k *Key) {
	for _, curve := range curves {
		if curve.Params().Name != f.text("crv") {
			continue
		}
		size := (curve.Params().BitSize + 7) / 8
		point := slices.Concat([]byte{4}, f.bytes("x", size), f.bytes("y", size))
		if f.err != nil {
			return
		}
		public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			f.complainf("x, y: must be a point on %s", curve.Params().Name)
			return
		}
		if !f.has("d") {
			k.Public = public
			return
		}
		d := f.bytes("d", size)
		if f.err != nil {
			return
		}
		private, err := ecdsa.ParseRawPrivateKey(curve, d)
		if err != nil || !private.PublicKey.Equal(public) {
			f.complainf("d: is not of this x and y")
			return
		}
		k.Private = private
		return
	}
	f.complainf("crv: must be P-256, P-384 or P-521, got %q", f.text("crv"))
}

func (f *jwkFields) okp(k *Key) {
	if crv := f.text("crv"); crv != "Ed25519" {
		f.complainf("crv: must be Ed25519, got %q", crv)
		return
	}
	public := ed25519.PublicKey(f.bytes("x", ed25519.PublicKeySize))
	if !f.has("d") {
		k.Public = public
		return
	}
	seed := f.bytes("d", ed25519.SeedSize)
	if f.err != nil {
		return
	}
	private := ed25519.NewKeyFromSeed(seed)
	if !public.Equal(private.Public()) {
		f.complainf("d: is not of this x")
		return
	}
	k.Private = private
}
