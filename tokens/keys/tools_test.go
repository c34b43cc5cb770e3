package keys_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestFaultB7KeysAreReadAsToolsWriteThem(t *testing.T) {
	t.Parallel()
	ed := signerOf("EdDSA")
	for _, private := range []bool{true, false} {
		m := jwkOf(t, ed, private)
		m["alg"] = "Ed25519"
		text := jsonOf(t, m)
		key, err := keys.FromJWK(text)
		if err != nil || key.Algorithm != "Ed25519" {
			t.Fatalf("%v, %v", key, err)
		}
		set := setOf(t, key)
		if private {
			agrees(t, set, ed)
			read, err := keys.SetFromJWKS(set.JWKS(time.Now()))
			if err != nil || read.Named(ed.key.ID, "Ed25519", time.Now()) == nil || read.Named(ed.key.ID, "EdDSA", time.Now()) != nil {
				t.Errorf("the key is published under another name: %s, %v", set.JWKS(time.Now()), err)
			}
		} else if set, err := keys.SetFromJWKS([]byte(`{"keys":[` + string(text) + `]}`)); err != nil || !set.Has(ed.key.ID) {
			t.Errorf("a published set of it alone: %v", err)
		}
	}

	der, err := x509.MarshalPKCS8PrivateKey(signerOf("ES256").sign)
	key := string(block("PRIVATE KEY", der, err))
	// the object identifier of P-256
	parameters := string(block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, nil))
	for name, text := range map[string]string{
		"openssl ecparam -genkey":   parameters + key,
		"a byte order mark":         "\ufeff" + key,
		"a byte order mark and \\r": "\ufeff" + strings.ReplaceAll(key, "\n", "\r\n"),
	} {
		if k, err := keys.FromPEM("", []byte(text)); err != nil || k.Algorithm != "ES256" {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	files := fstest.MapFS{"k.json": {Data: append([]byte("\ufeff"), jsonOf(t, jwkOf(t, ed, true))...)}}
	if read, err := keys.ReadFiles(files, "*"); err != nil || len(read) != 1 {
		t.Errorf("a JWK behind a byte order mark: %v", err)
	}
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte{1}}))
	for want, text := range map[string]string{
		"openssl pkey -in FILE":   legacy,
		"openssl x509 -in FILE":   string(block("CERTIFICATE", []byte{1}, nil)),
		"ssh-keygen -p -m PKCS8":  string(block("OPENSSH PRIVATE KEY", []byte{1}, nil)),
		"openssl genpkey":         string(block("X509 CRL", []byte{1}, nil)),
		"no PEM block":            parameters,
		"more than one PEM block": parameters + key + key,
	} {
		if k, err := keys.FromPEM("", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", k, err, want)
		}
	}
}
