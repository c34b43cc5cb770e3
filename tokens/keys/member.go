package keys

import (
	"crypto/rsa"
	"encoding/json"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Member is a checked key of a [Set], bound to one algorithm. It is immutable and
// safe for concurrent use. A Set makes it.
type Member struct {
	id, algorithm string
	method        jwt.SigningMethod
	sign, verify  any
	header        string // in base64url, with the dot after it
	macs          sync.Pool

	signsFrom, retiresAt time.Time
}

func bind(k Key, verify any) *Member {
	m := &Member{
		id: k.ID, algorithm: k.Algorithm, method: signingMethod(k.Algorithm), verify: verify,
		signsFrom: k.SignsFrom, retiresAt: k.RetiresAt,
	}
	if m.id == "" {
		m.id = thumbprint(verify)
	}
	switch {
	case k.Secret != "":
		m.sign = verify
	case k.Private != nil:
		m.sign = k.Private
	}
	header, _ := json.Marshal(struct { // strings
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}{m.algorithm, m.id, "at+jwt"})
	m.header = b64(header) + "."
	return m
}

// signingMethod returns golang-jwt's method, made as strict as RFC 7518:
// golang-jwt verifies PS256, PS384 and PS512 with a salt of any length, and §3.5
// requires the length of the hash.
func signingMethod(algorithm string) jwt.SigningMethod {
	if algorithm == "Ed25519" { // RFC 9864 §2.2
		return jwt.SigningMethodEdDSA
	}
	method := jwt.GetSigningMethod(algorithm)
	if pss, ok := method.(*jwt.SigningMethodRSAPSS); ok {
		exact := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return &jwt.SigningMethodRSAPSS{SigningMethodRSA: pss.SigningMethodRSA, Options: exact, VerifyOptions: exact}
	}
	return method
}

// works reports whether the key verifies what it signs. A key that a host has
// built itself may lack parts, so that signing panics.
func (m *Member) works() (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	signature, err := m.Sign("probe")
	return err == nil && m.Verify("probe", signature) == nil
}

// ID returns the key's "kid". It is never empty.
func (m *Member) ID() string { return m.id }

// Algorithm returns the key's "alg", one of those of [Key].Algorithm.
func (m *Member) Algorithm() string { return m.algorithm }

// IsHMAC reports whether the key is a [Secret], so that every verifier that has
// it can also sign.
func (m *Member) IsHMAC() bool { _, ok := m.verify.([]byte); return ok }

// Header returns the JOSE header of the access tokens that the key signs (RFC
// 9068 §2.1), in base64url and with the dot that follows it.
func (m *Member) Header() string { return m.header }

// SignsFrom returns when the key starts to sign. Zero: it may sign at any time.
func (m *Member) SignsFrom() time.Time { return m.signsFrom }

// RetiresAt returns when the key stops to verify. Zero: never.
func (m *Member) RetiresAt() time.Time { return m.retiresAt }

// Retired reports whether the key has stopped to verify at the time now.
func (m *Member) Retired(now time.Time) bool {
	return !m.retiresAt.IsZero() && !now.Before(m.retiresAt)
}

// Sign returns the signature of a text. It returns an error if the key only
// verifies.
func (m *Member) Sign(signed string) ([]byte, error) {
	if secret, ok := m.sign.([]byte); ok {
		return m.signHMAC(secret, signed), nil
	}
	return m.method.Sign(signed, m.sign)
}

// Verify returns nil if signature is the key's signature of the text signed, and
// an error otherwise. It does not check whether the key has retired, and does not
// keep signature.
func (m *Member) Verify(signed string, signature []byte) error {
	if secret, ok := m.verify.([]byte); ok {
		return m.verifyHMAC(secret, signed, signature)
	}
	return m.method.Verify(signed, signature, m.verify)
}
