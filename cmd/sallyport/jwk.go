package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// jwk is a key with its private members (RFC 7518 §6), and its schedule: "nbf" and "exp",
// as keys.FromJWK reads them.
type jwk struct {
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

// toJWK returns a key as a JWK, with its ID.
func toJWK(k keys.Key) (jwk, error) {
	id, err := idOf(k)
	if err != nil {
		return jwk{}, err
	}
	j := jwk{Use: "sig", Alg: k.Algorithm, Kid: id, Nbf: unix(k.SignsFrom), Exp: unix(k.RetiresAt)}
	if k.Secret != "" {
		j.Kty, j.K = "oct", b64([]byte(k.Secret))
		return j, nil
	}
	public := k.Public
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		private.Precompute()
		public = &private.PublicKey
		j.D, j.P, j.Q = number(private.D), number(private.Primes[0]), number(private.Primes[1])
		j.DP, j.DQ, j.QI = number(private.Precomputed.Dp), number(private.Precomputed.Dq), number(private.Precomputed.Qinv)
	case *ecdsa.PrivateKey:
		public = &private.PublicKey
		d, err := private.Bytes()
		if err != nil {
			return jwk{}, err
		}
		j.D = b64(d)
	case ed25519.PrivateKey:
		public = private.Public()
		j.D = b64(private.Seed())
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		j.Kty, j.N, j.E = "RSA", number(public.N), number(big.NewInt(int64(public.E)))
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, then x and y
		if err != nil {
			return jwk{}, err
		}
		half := (len(point) - 1) / 2
		j.Kty, j.Crv, j.X, j.Y = "EC", public.Params().Name, b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		j.Kty, j.Crv, j.X = "OKP", "Ed25519", b64(public)
	default:
		return jwk{}, fmt.Errorf("a key of the type %T has no JWK", public)
	}
	return j, nil
}

// idOf returns the "kid" of a key, which is its thumbprint if it has no ID.
func idOf(k keys.Key) (string, error) {
	k.SignsFrom, k.RetiresAt = time.Time{}, time.Time{}
	set, err := keys.NewSet(k)
	if err != nil {
		return "", err
	}
	if only := set.Only(k.Algorithm, time.Time{}); only != nil {
		return only.ID(), nil
	}
	return k.ID, nil
}

// toJWKS returns keys as a JWK Set of the host's own.
func toJWKS(all []keys.Key) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, k := range all {
		j, err := toJWK(k)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, j)
	}
	text, err := json.MarshalIndent(set, "", "  ")
	return append(text, '\n'), err
}

// toPEM returns a private key in PKCS #8.
func toPEM(k keys.Key) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func number(n *big.Int) string { return b64(n.Bytes()) }
