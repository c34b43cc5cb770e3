package tokens

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A refresh token is a prefix and 61 bytes in base64url:
//
//	version 1 | key 4 | secret of the session 16 | generation 8 | HMAC-SHA-256 32
//
// The next token of a session is computed from the one that is presented and the
// refresh key, so the store keeps no token, and a crash between the write and the
// response loses none. The session's row has a hash of the secret: neither the row
// nor the refresh key, nor both, are enough to compute a token.
const (
	refreshVersion = 1
	refreshKeyID   = 4
	secretBytes    = 16
	refreshBody    = 1 + refreshKeyID + secretBytes + 8
	refreshBytes   = refreshBody + sha256.Size
)

var (
	strict        = base64.RawURLEncoding.Strict()
	refreshLength = strict.EncodedLen(refreshBytes)
)

// presented is the content of a genuine refresh token.
type presented struct {
	secret     sessionSecret
	generation int64
}

// sessionSecret are the random bytes by which the refresh tokens of a session name
// it. They are in no other place.
type sessionSecret [secretBytes]byte

func newSessionSecret() (s sessionSecret) {
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// id returns the ID of the session, a hash of its secret. It is in the store and in
// access tokens ("sid"), and does not help to forge a refresh token.
func (s sessionSecret) id() string {
	sum := sha256.Sum256([]byte("sallyport sid\x00" + b64(s[:])))
	return b64(sum[:secretBytes])
}

// refreshKeys makes tokens with the first key, and opens those of all keys.
type refreshKeys struct {
	prefix string
	keys   []refreshKey
}

type refreshKey struct {
	id     [refreshKeyID]byte
	secret []byte
}

func b64(b []byte) string { return strict.EncodeToString(b) }

func newRefreshKeys(prefix string, secrets []keys.Secret) refreshKeys {
	r := refreshKeys{prefix: prefix + "_rt_"}
	for _, s := range secrets {
		k := refreshKey{secret: []byte(s)}
		copy(k.id[:], k.mac("sallyport refresh key id", nil))
		r.keys = append(r.keys, k)
	}
	return r
}

func (k refreshKey) mac(label string, body []byte) []byte {
	m := hmac.New(sha256.New, k.secret)
	_, _ = io.WriteString(m, label)
	_, _ = m.Write([]byte{0})
	_, _ = m.Write(body)
	return m.Sum(nil)
}

// make returns the token of one generation of a session. It is always the same,
// so that a retry gets the same successor.
func (r refreshKeys) make(p presented) Secret {
	key := r.keys[0]
	b := make([]byte, 0, refreshBytes)
	b = append(b, refreshVersion)
	b = append(b, key.id[:]...)
	b = append(b, p.secret[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.generation)) //nolint:gosec // generations count up from 1
	b = append(b, key.mac(r.prefix, b)...)
	return Secret(r.prefix + strict.EncodeToString(b))
}

// open reads a token and reports whether it is genuine. It does not call the
// store, and rejects a token of another length before it decodes it.
func (r refreshKeys) open(token Secret) (presented, bool) {
	text, ok := strings.CutPrefix(string(token), r.prefix)
	if !ok || len(text) != refreshLength || strings.ContainsAny(text, "\r\n") { // the decoder skips line ends
		return presented{}, false
	}
	b, err := strict.DecodeString(text)
	if err != nil || len(b) != refreshBytes || b[0] != refreshVersion {
		return presented{}, false
	}
	body, sum := b[:refreshBody], b[refreshBody:]
	for _, key := range r.keys {
		if !bytes.Equal(key.id[:], body[1:1+refreshKeyID]) || !hmac.Equal(sum, key.mac(r.prefix, body)) {
			continue
		}
		generation := int64(binary.BigEndian.Uint64(body[refreshBody-8:])) //nolint:gosec // under our own MAC
		return presented{sessionSecret(body[1+refreshKeyID : refreshBody-8]), generation}, true
	}
	return presented{}, false
}
