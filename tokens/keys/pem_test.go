package keys_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

func block(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block("PRIVATE KEY", der, err)
}

func pkix(key any) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	return block("PUBLIC KEY", der, err)
}

func TestFromPEM(t *testing.T) {
	t.Parallel()
	rsaKey := signerOf("RS256").sign.(*rsa.PrivateKey)
	sec1 := func(key *ecdsa.PrivateKey) []byte {
		der, err := x509.MarshalECPrivateKey(key)
		return block("EC PRIVATE KEY", der, err)
	}
	for _, test := range []struct {
		name, algorithm, want string
		text                  []byte
	}{
		{"RSA in PKCS #8", "", "RS256", pkcs8(rsaKey)},
		{"RSA in PKCS #1", "", "RS256", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)},
		{"RSA for PSS", "PS384", "PS384", pkcs8(rsaKey)},
		{"P-256 in PKCS #8", "", "ES256", pkcs8(signerOf("ES256").sign)},
		{"P-384 in SEC 1", "", "ES384", sec1(signerOf("ES384").sign.(*ecdsa.PrivateKey))},
		{"P-521 in PKCS #8", "", "ES512", pkcs8(signerOf("ES512").sign)},
		{"Ed25519 in PKCS #8", "", "EdDSA", pkcs8(signerOf("EdDSA").sign)},
	} {
		t.Run(test.name+" signs as "+test.want+", and its public half verifies", func(t *testing.T) {
			t.Parallel()
			key, err := keys.FromPEM(test.algorithm, append([]byte("a comment\n"), test.text...))
			if err != nil || key.Algorithm != test.want {
				t.Fatalf("FromPEM = %v, %v", key, err)
			}
			agrees(t, setOf(t, key), signerOf(test.want))

			public, err := keys.FromPEM(test.algorithm, pkix(signerOf(test.want).verify))
			if err != nil || public.Algorithm != test.want || public.Private != nil {
				t.Fatalf("FromPEM = %v, %v", public, err)
			}
			signature, err := setOf(t, key).Signer(time.Now()).Sign("text")
			if err != nil {
				t.Fatal(err)
			}
			set := setOf(t, public)
			if set.Signer(time.Now()) != nil {
				t.Error("a public key signs")
			}
			id := setOf(t, key).Signer(time.Now()).ID()
			if err := set.Named(id, test.want, time.Now()).Verify("text", signature); err != nil {
				t.Error(err)
			}
		})
	}

	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		text       []byte
	}{
		{"nothing", "keys: no PEM block", nil},
		{"a text", "keys: no PEM block", []byte("secret")},
		{"two keys", "keys: more than one PEM block", append(pkcs8(rsaKey), pkcs8(rsaKey)...)},
		{"a certificate", `keys: PEM block "CERTIFICATE": is a certificate: take its public key with openssl x509`, block("CERTIFICATE", []byte{1}, nil)},
		{"an encrypted key", `keys: PEM block "ENCRYPTED PRIVATE KEY": is encrypted: decrypt it with openssl pkey`, block("ENCRYPTED PRIVATE KEY", []byte{1}, nil)},
		{"a damaged key in PKCS #8", `keys: PEM block "PRIVATE KEY": `, block("PRIVATE KEY", []byte{1}, nil)},
		{"a damaged key in PKCS #1", `keys: PEM block "RSA PRIVATE KEY": `, block("RSA PRIVATE KEY", []byte{1}, nil)},
		{"a damaged key in SEC 1", `keys: PEM block "EC PRIVATE KEY": `, block("EC PRIVATE KEY", []byte{1}, nil)},
		{"a damaged public key", `keys: PEM block "PUBLIC KEY": `, block("PUBLIC KEY", []byte{1}, nil)},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			t.Parallel()
			key, err := keys.FromPEM("", test.text)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || key.Private != nil || key.Public != nil || key.Algorithm != "" {
				t.Errorf("FromPEM = %v, %v, want %q", key, err, test.want)
			}
		})
	}

	t.Run("a key of a kind that signs nothing of ours is read, and refused by NewSet", func(t *testing.T) {
		t.Parallel()
		for _, text := range [][]byte{pkcs8(x25519), pkix(x25519.PublicKey()), pkcs8(p224), pkix(&p224.PublicKey)} {
			key, err := keys.FromPEM("", text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := keys.NewSet(key); err == nil || !strings.HasPrefix(err.Error(), "keys: Keys[0].") {
				t.Errorf("NewSet: %v", err)
			}
		}
	})
}
