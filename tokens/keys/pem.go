package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// FromPEM parses a private key (PKCS #8, PKCS #1 or SEC 1) or a public key (PKIX)
// from the single PEM block of text. A byte order mark, text around the block and
// the EC PARAMETERS that OpenSSL writes before a key are ignored. An empty
// algorithm means the usual one of the key type: RS256, EdDSA, or the ES
// algorithm of the curve.
//
// It returns an error if text has no block, or more than one. For an encrypted
// key and for a certificate the error names the command that converts it. NewSet
// and NewRing check the key itself.
func FromPEM(algorithm string, text []byte) (Key, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return Key{}, errors.New("keys: no PEM block")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return Key{}, errors.New("keys: more than one PEM block")
	}
	key := Key{Algorithm: algorithm}
	var public any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		err = errors.New("is encrypted: decrypt it with openssl pkey -in FILE -out KEY")
	case block.Type == "CERTIFICATE":
		err = errors.New("is a certificate: take its public key with openssl x509 -in FILE -noout -pubkey")
	case block.Type == "OPENSSH PRIVATE KEY":
		err = errors.New("is in OpenSSH's own format: convert a copy with ssh-keygen -p -m PKCS8 -f COPY, or make a key with openssl genpkey -algorithm ed25519")
	}
	if err != nil {
		return Key{}, fmt.Errorf("keys: PEM block %q: %w", block.Type, err)
	}
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
		err = errors.New("must be a private or a public key: make one with openssl genpkey -algorithm ed25519")
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
