package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// FromPEM reads a private key (PKCS #8, PKCS #1 or SEC 1) or a public one
// (PKIX) from the first PEM block of text, which is to be the only one. An empty
// algorithm means the usual one of the kind of key: RS256, EdDSA, or the ES
// algorithm of the curve. New checks the key itself.
func FromPEM(algorithm string, text []byte) (Key, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return Key{}, errors.New("keys: no PEM block")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return Key{}, errors.New("keys: more than one PEM block")
	}
	key := Key{Algorithm: algorithm}
	var public any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key.Private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key.Private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key.Private, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
		key.Public = public
	default:
		err = errors.New("wants a private or a public key that is not encrypted")
	}
	if err != nil {
		return Key{}, fmt.Errorf("keys: PEM block %q: %w", block.Type, err)
	}
	if algorithm == "" {
		key.Algorithm = usualAlgorithm(key)
	}
	return key, nil
}

func usualAlgorithm(k Key) string {
	public := k.Public
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		return "RS256"
	case *ecdsa.PrivateKey:
		public = &private.PublicKey
	case ed25519.PrivateKey:
		return "EdDSA"
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		for algorithm, curve := range curves {
			if public.Curve == curve {
				return algorithm
			}
		}
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}
