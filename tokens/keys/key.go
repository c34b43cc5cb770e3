package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Key signs or verifies access tokens with exactly one algorithm. NewSet and
// NewRing check it. It is printed with its ID and algorithm, and never with its
// secret.
type Key struct {
	// ID is the "kid" of the tokens that the key signs (RFC 7515 §4.1.4), for
	// example "2026-06": at most 64 printable ASCII characters without spaces.
	// Empty: the RFC 7638 thumbprint of the public key, or for an HMAC key a hash
	// derived from the secret.
	ID string

	// Algorithm is required: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384,
	// PS512, ES256, ES384, ES512, EdDSA, or Ed25519 (RFC 7518 §3.1, RFC 8037 §3.1).
	// Ed25519 is the same signature as EdDSA under its name of RFC 9864: tokens and
	// key must use the same name.
	Algorithm string

	// Secret is the key of an HS algorithm: random bytes, at least as many as the
	// hash has (32, 48 or 64; RFC 7518 §3.2). Do not use a password. Empty for all
	// other algorithms.
	Secret Secret

	// Private is the key of all other algorithms: an *rsa.PrivateKey (2048 to 16384
	// bits), an *ecdsa.PrivateKey (on the algorithm's curve) or an
	// ed25519.PrivateKey. Nil: the key only verifies, with Public.
	Private crypto.PrivateKey

	// Public is set instead of Private in a key that only verifies, for example one
	// that signed until yesterday: an *rsa.PublicKey, an *ecdsa.PublicKey or an
	// ed25519.PublicKey. If both are set, it must be the public half of Private.
	// Nil: Private has it.
	Public crypto.PublicKey

	// SignsFrom is when the key starts to sign instead of the keys before it. Until
	// then it is published and verifies. Zero: at once. Of several keys without it
	// the first signs.
	SignsFrom time.Time

	// RetiresAt is when the key stops to verify and is no longer published. It must
	// be after SignsFrom. Zero: never.
	RetiresAt time.Time
}

// Format writes the key's algorithm and ID for every verb.
func (k Key) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "keys.Key{%s %s}", k.Algorithm, k.ID)
}

// LogValue returns the key's algorithm and ID.
func (k Key) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// MarshalText returns the key's algorithm and ID, so that encoding/json and
// similar packages never write Private.
func (k Key) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// minimal sizes: RFC 7518 §3.2 and §3.3.
var (
	secretBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}
	curves      = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
)

const (
	rsaBits    = 2048
	rsaMaxBits = 16384

	rsaMinExponent = 1<<16 + 1 // FIPS 186-5 §A.1.1
	rsaMaxExponent = 1<<31 - 1 // the limit of crypto/rsa

	maxKeyID = 64
)

// check returns the public half that the key verifies with, or the secret of an
// HMAC key. It returns an error if the key is invalid.
func (k Key) check() (verify any, err error) {
	if err := checkID(k.ID); err != nil {
		return nil, err
	}
	if size, ok := secretBytes[k.Algorithm]; ok {
		return k.checkSecret(size)
	}
	if k.Secret != "" {
		return nil, wrongField("Secret", "must be empty unless Algorithm is HS256, HS384 or HS512, got Algorithm %q", k.Algorithm)
	}
	if k.Private == nil {
		if k.Public == nil {
			return nil, errors.New("must have a Secret, a Private or a Public key")
		}
		return k.Public, k.checkPublic(k.Public)
	}
	public, err := publicHalf(k.Private)
	if err != nil {
		return nil, wrongField("Private", "%v", err)
	}
	if err := k.checkPublic(public); err != nil {
		return nil, err
	}
	// Public is checked first: Equal would dereference a nil pointer in it
	if k.Public != nil && (k.checkPublic(k.Public) != nil || !samePublic(public, k.Public)) {
		return nil, wrongField("Public", "must be nil, or the public half of Private")
	}
	return public, nil
}

// IsID reports whether id is a valid key ID: 1 to 64 printable ASCII characters
// without spaces.
func IsID(id string) bool { return id != "" && checkID(id) == nil }

func checkID(id string) error {
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e {
			return wrongField("ID", "must be printable ASCII without spaces")
		}
	}
	if len(id) > maxKeyID {
		return wrongField("ID", "must be at most %d characters, got %d", maxKeyID, len(id))
	}
	return nil
}

// publicHalf returns the public half of a private key of one of the three
// supported types. The Public methods of these types panic on some keys that a
// host may have built itself.
func publicHalf(private crypto.PrivateKey) (crypto.PublicKey, error) {
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if private != nil {
			return &private.PublicKey, nil
		}
	case *ecdsa.PrivateKey:
		if private != nil && private.D != nil { //nolint:staticcheck // Sign panics without it
			return &private.PublicKey, nil
		}
	case ed25519.PrivateKey:
		if len(private) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("must be %d bytes for EdDSA, got %d", ed25519.PrivateKeySize, len(private))
		}
		return private.Public(), nil
	default:
		return nil, fmt.Errorf("must be an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey, got %T", private)
	}
	return nil, fmt.Errorf("must have its private part, got a %T without it", private)
}

func (k Key) checkSecret(size int) (any, error) {
	if k.Private != nil || k.Public != nil {
		return nil, wrongField("Secret", "must be set instead of Private and Public for %s", k.Algorithm)
	}
	if len(k.Secret) < size {
		return nil, wrongField("Secret", "must be at least %d random bytes for %s, got %d", size, k.Algorithm, len(k.Secret))
	}
	if !k.Secret.LooksRandom() {
		return nil, wrongField("Secret", "must be random, got too few different bytes")
	}
	return []byte(k.Secret), nil
}

func (k Key) checkPublic(public crypto.PublicKey) error {
	switch k.Algorithm {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return k.checkRSA(public)
	case "ES256", "ES384", "ES512":
		return k.checkECDSA(public)
	case "EdDSA", "Ed25519":
		pub, ok := public.(ed25519.PublicKey)
		if !ok {
			return fmt.Errorf("must be an Ed25519 key for %s, got %T", k.Algorithm, public)
		}
		if len(pub) != ed25519.PublicKeySize {
			return fmt.Errorf("must be %d bytes for EdDSA, got %d", ed25519.PublicKeySize, len(pub))
		}
		return checkEd25519(pub)
	}
	return wrongField("Algorithm", "must be one of HS, RS, PS and ES with 256, 384 or 512, or EdDSA, got %q", k.Algorithm)
}

func (k Key) checkRSA(public crypto.PublicKey) error {
	pub, ok := public.(*rsa.PublicKey)
	switch {
	case !ok:
		return fmt.Errorf("must be an RSA key for %s, got %T", k.Algorithm, public)
	case pub == nil || pub.N == nil:
		return fmt.Errorf("must be an RSA key for %s, got none", k.Algorithm)
	case pub.N.BitLen() < rsaBits || pub.N.BitLen() > rsaMaxBits:
		return fmt.Errorf("must be an RSA key of %d to %d bits, got %d", rsaBits, rsaMaxBits, pub.N.BitLen())
	case pub.E < rsaMinExponent || pub.E > rsaMaxExponent || pub.E%2 == 0:
		return fmt.Errorf("must be an RSA key with an odd exponent of %d to %d, got %d", rsaMinExponent, rsaMaxExponent, pub.E)
	}
	if err := checkModulus(pub.N); err != nil {
		return err
	}
	if private, ok := k.Private.(*rsa.PrivateKey); ok {
		if err := private.Validate(); err != nil {
			return wrongField("Private", "%v", err)
		}
	}
	return nil
}

func (k Key) checkECDSA(public crypto.PublicKey) error {
	pub, ok := public.(*ecdsa.PublicKey)
	switch want := curves[k.Algorithm]; {
	case !ok:
		return fmt.Errorf("must be an ECDSA key for %s, got %T", k.Algorithm, public)
	case pub == nil:
		return fmt.Errorf("must be an ECDSA key for %s, got none", k.Algorithm)
	case pub.Curve != want:
		return fmt.Errorf("must be a key on %s for %s", want.Params().Name, k.Algorithm)
	case pub.X == nil || pub.Y == nil: //nolint:staticcheck // Bytes panics on them
		return errors.New("must be a point on the curve")
	}
	if _, err := pub.Bytes(); err != nil {
		return errors.New("must be a point on the curve")
	}
	return nil
}

func samePublic(a, b crypto.PublicKey) bool {
	eq, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && eq.Equal(b)
}

// thumbprint returns the kid of a key without an ID.
func thumbprint(verify any) string {
	if secret, ok := verify.([]byte); ok {
		// not the RFC 7638 thumbprint, which is an unkeyed hash of the secret
		mac := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(mac, "sallyport kid")
		return b64(mac.Sum(nil)[:12])
	}
	public, _ := publicJWK(verify)
	text, _ := json.Marshal(public) // cannot fail: a struct of strings
	sum := sha256.Sum256(text)
	return b64(sum[:])
}

var strict = base64.RawURLEncoding.Strict()

func b64(b []byte) string { return strict.EncodeToString(b) }
