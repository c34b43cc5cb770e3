package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
)

// authenticator is one with a single passkey, in software. A test changes what it does.
type authenticator struct {
	private *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	count   uint32
	origin  string // of the page, as the browser tells it
	domain  string // that the passkey belongs to
	flags   byte   // 1: the user was there; 4: a PIN or a finger
}

const (
	present, verified, attested = 0x01, 0x04, 0x40
)

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &authenticator{private: private, id: id, origin: origin, domain: domain, flags: present | verified}
}

// options are what the host asks for.
type options struct {
	PublicKey struct {
		Challenge string
		User      struct{ ID string }
	}
}

func parse(t *testing.T, body string) options {
	t.Helper()
	var o options
	if err := json.Unmarshal([]byte(body), &o); err != nil || o.PublicKey.Challenge == "" {
		t.Fatalf("the options are %s, %v", body, err)
	}
	return o
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// client is what the browser signs too.
func (a *authenticator) client(t *testing.T, kind, challenge string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// data is the authenticator data (WebAuthn §6.1).
func (a *authenticator) data(flags byte, rest ...byte) []byte {
	domain := sha256.Sum256([]byte(a.domain))
	b := append(domain[:], flags)
	return append(binary.BigEndian.AppendUint32(b, a.count), rest...)
}

// create answers the options of a registration.
func (a *authenticator) create(t *testing.T, o options) string {
	t.Helper()
	handle, err := base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	a.handle = handle
	point, err := a.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	rest := append([]byte(nil), make([]byte, 16)...) // the model: unknown
	rest = binary.BigEndian.AppendUint16(rest, uint16(len(a.id)))
	rest = append(rest, a.id...)
	rest = append(rest, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20) // COSE: EC2, ES256, P-256, x
	rest = append(append(rest, point[1:33]...), 0x22, 0x58, 0x20)
	data := a.data(a.flags|attested, append(rest, point[33:]...)...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return a.answer(t, map[string]string{
		"clientDataJSON": b64(a.client(t, "webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(append(object, data...)),
	})
}

// get answers the options of a login, and counts.
func (a *authenticator) get(t *testing.T, o options) string {
	t.Helper()
	a.count++
	client, data := a.client(t, "webauthn.get", o.PublicKey.Challenge), a.data(a.flags)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(slices.Clip(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle),
	})
}

func (a *authenticator) answer(t *testing.T, response map[string]string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
