package tokens

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"

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
	refreshDigits  = (refreshBytes*8 + 5) / 6                // in base64url
	maxRefresh     = maxPrefix + len("_rt_") + refreshDigits // with the prefix
)

var strict = base64.RawURLEncoding.Strict()

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
	var text [64]byte // enough, so that none is allocated
	sum := sha256.Sum256(strict.AppendEncode(append(text[:0], "sallyport sid\x00"...), s[:]))
	return b64(sum[:secretBytes])
}

// refreshKeys makes tokens with the first key, and opens those of all keys.
type refreshKeys struct {
	prefix string
	keys   []refreshKey
}

type refreshKey struct {
	id   [refreshKeyID]byte
	macs *sync.Pool // of *refreshMAC
}

// refreshMAC is a reused HMAC with the memory that it needs: the key schedule costs
// more than hashing a short text.
type refreshMAC struct {
	hash hash.Hash
	text [64]byte // a label and a refresh token's body; for a longer text memory is allocated
	sum  [sha256.Size]byte
}

func b64(b []byte) string { return strict.EncodeToString(b) }

func newRefreshKeys(prefix string, secrets []keys.Secret) refreshKeys {
	r := refreshKeys{prefix: prefix + "_rt_"}
	for _, s := range secrets {
		secret := []byte(s)
		k := refreshKey{macs: &sync.Pool{New: func() any { return &refreshMAC{hash: hmac.New(sha256.New, secret)} }}}
		sum := k.mac("sallyport refresh key id", nil)
		copy(k.id[:], sum[:])
		r.keys = append(r.keys, k)
	}
	return r
}

// mac returns the MAC of a label and a text.
func (k refreshKey) mac(label string, body []byte) [sha256.Size]byte {
	m := k.macs.Get().(*refreshMAC) //nolint:forcetypeassert // of New
	defer k.macs.Put(m)
	m.hash.Reset()
	text := append(append(append(m.text[:0], label...), 0), body...)
	_, _ = m.hash.Write(text)
	m.hash.Sum(m.sum[:0])
	return m.sum
}

// make returns the token of one generation of a session. It is always the same,
// so that a retry gets the same successor.
func (r refreshKeys) make(p presented) Secret {
	key := r.keys[0]
	var body [refreshBytes]byte
	b := append(body[:0], refreshVersion)
	b = append(b, key.id[:]...)
	b = append(b, p.secret[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.generation)) //nolint:gosec // generations count up from 1
	sum := key.mac(r.prefix, b)
	b = append(b, sum[:]...)
	var text [maxRefresh]byte
	return Secret(strict.AppendEncode(append(text[:0], r.prefix...), b))
}

// open reads a token and reports whether it is genuine. It does not call the
// store, and rejects a token of another length before it decodes it.
func (r refreshKeys) open(token Secret) (presented, bool) {
	text, ok := strings.CutPrefix(string(token), r.prefix)
	if !ok || len(text) != refreshDigits || strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 { // the decoder skips line ends
		return presented{}, false
	}
	var b [refreshBytes]byte
	var digits [refreshDigits]byte
	n, err := strict.Decode(b[:], digits[:copy(digits[:], text)])
	if err != nil || n != refreshBytes || b[0] != refreshVersion {
		return presented{}, false
	}
	body, sum := b[:refreshBody], b[refreshBody:]
	for _, key := range r.keys {
		if !bytes.Equal(key.id[:], body[1:1+refreshKeyID]) {
			continue
		}
		if want := key.mac(r.prefix, body); !hmac.Equal(sum, want[:]) {
			continue
		}
		generation := int64(binary.BigEndian.Uint64(body[refreshBody-8:])) //nolint:gosec // under our own MAC
		return presented{sessionSecret(body[1+refreshKeyID : refreshBody-8]), generation}, true
	}
	return presented{}, false
}
