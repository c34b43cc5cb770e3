package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// privateJWK is a key with its secret members (RFC 7518 §6), and its schedule.
type privateJWK struct {
	Kty string `json:"kty"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Nbf int64  `json:"nbf,omitempty"`
	Exp int64  `json:"exp,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	D   string `json:"d,omitempty"`
	P   string `json:"p,omitempty"`
	Q   string `json:"q,omitempty"`
	DP  string `json:"dp,omitempty"`
	DQ  string `json:"dq,omitempty"`
	QI  string `json:"qi,omitempty"`
	K   string `json:"k,omitempty"`
}

// ToJWK returns a key as a JWK, which [FromJWK] reads. It contains the secret or the
// private key, and the ID, which is the thumbprint if k has none. SignsFrom and RetiresAt
// become "nbf" and "exp", without fractions of a second. It returns an error for a key
// that [NewSet] would reject, and for an RSA key with more than two primes.
func ToJWK(k Key) ([]byte, error) {
	j, err := toPrivateJWK(k)
	if err != nil {
		return nil, fmt.Errorf("keys: JWK: %w", err)
	}
	return json.MarshalIndent(j, "", "  ")
}

// ToJWKS returns keys as a JWK Set of the host's own, which [FromJWKS] and [ReadFiles]
// read, each as [ToJWK] does. It is a secret: what a host publishes is [Set.JWKS].
func ToJWKS(keys ...Key) ([]byte, error) {
	set := struct {
		Keys []privateJWK `json:"keys"`
	}{[]privateJWK{}}
	for i, k := range keys {
		j, err := toPrivateJWK(k)
		if err != nil {
			return nil, fmt.Errorf("keys: JWK Set: keys[%d]: %w", i, err)
		}
		set.Keys = append(set.Keys, j)
	}
	return json.MarshalIndent(set, "", "  ")
}

func toPrivateJWK(k Key) (privateJWK, error) {
	set, err := NewSet(k)
	if err != nil {
		return privateJWK{}, err
	}
	j := privateJWK{Use: "sig", Alg: k.Algorithm, Kid: set.keys[0].id, Nbf: unix(k.SignsFrom), Exp: unix(k.RetiresAt)}
	if k.Secret != "" {
		j.Kty, j.K = "oct", b64([]byte(k.Secret))
		return j, nil
	}
	public, _ := publicJWK(set.keys[0].verify) // NewSet knows its type
	j.Kty, j.Crv, j.X, j.Y, j.N, j.E = public.Kty, public.Crv, public.X, public.Y, public.N, public.E
	err = j.setPrivate(k.Private)
	return j, err
}

// setPrivate sets the members of a private key. Nil: there are none.
func (j *privateJWK) setPrivate(private crypto.PrivateKey) error {
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if len(private.Primes) != 2 {
			return fmt.Errorf("must have two primes, got %d", len(private.Primes))
		}
		values := rsa.PrivateKey{PublicKey: private.PublicKey, D: private.D, Primes: private.Primes} // the host's own may be in use
		values.Precompute()
		number := func(n *big.Int) string { return b64(n.Bytes()) }
		j.D, j.P, j.Q = number(private.D), number(private.Primes[0]), number(private.Primes[1])
		j.DP, j.DQ, j.QI = number(values.Precomputed.Dp), number(values.Precomputed.Dq), number(values.Precomputed.Qinv)
	case *ecdsa.PrivateKey:
		d, err := private.Bytes()
		if err != nil {
			return err
		}
		j.D = b64(d)
	case ed25519.PrivateKey:
		j.D = b64(private.Seed())
	}
	return nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
