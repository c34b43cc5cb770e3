package tokens_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// far is a signer that is somewhere else, as a KMS gives one.
type far struct{ crypto.Signer }

func (f far) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return f.Signer.Sign(r, digest, o)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	good := open(t).config
	rsaKey := signerOf("RS256").sign.(*rsa.PrivateKey)
	ecKey := signerOf("ES256").sign.(*ecdsa.PrivateKey)
	edKey := signerOf("EdDSA").sign.(ed25519.PrivateKey)
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // to be refused
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherEd, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hs := keys.Key{ID: "hs", Algorithm: "HS256", Secret: secret("access", 32)}
	// in the second place a key may be public
	second := func(k keys.Key) []keys.Key { return []keys.Key{hs, k} }
	first := func(k keys.Key) []keys.Key { return []keys.Key{k} }

	for _, test := range []struct {
		name string
		keys []keys.Key
		want []string // the ends of the lines
	}{
		{"no keys", nil, []string{"Keys: is required: at least one, the first of which signs"}},
		{"a key without anything", first(keys.Key{}), []string{"Keys[0]: must have a Secret, a Private or a Public key"}},
		{"D118: 31 bytes for HS256", first(keys.Key{Algorithm: "HS256", Secret: secret("a", 31)}), []string{"Keys[0].Secret: must be at least 32 random bytes for HS256, got 31"}},
		{"D118: 47 bytes for HS384", first(keys.Key{Algorithm: "HS384", Secret: secret("a", 47)}), []string{"Keys[0].Secret: must be at least 48 random bytes for HS384, got 47"}},
		{"D118: 63 bytes for HS512", first(keys.Key{Algorithm: "HS512", Secret: secret("a", 63)}), []string{"Keys[0].Secret: must be at least 64 random bytes for HS512, got 63"}},
		{"32 bytes for HS256", first(keys.Key{Algorithm: "HS256", Secret: secret("a", 32)}), nil},
		{"48 bytes for HS384", first(keys.Key{Algorithm: "HS384", Secret: secret("a", 48)}), nil},
		{"64 bytes for HS512", first(keys.Key{Algorithm: "HS512", Secret: secret("a", 64)}), nil},
		{"P24: an empty secret", first(keys.Key{Algorithm: "HS256"}), []string{"Keys[0].Secret: must be at least 32 random bytes for HS256, got 0"}},
		{"one byte again and again", first(keys.Key{Algorithm: "HS256", Secret: keys.Secret(strings.Repeat("a", 64))}), []string{"Keys[0].Secret: must be random, got too few different bytes"}},
		{"zeros", first(keys.Key{Algorithm: "HS256", Secret: keys.Secret(make([]byte, 32))}), []string{"Keys[0].Secret: must be random, got too few different bytes"}},
		{"a few bytes again and again", first(keys.Key{Algorithm: "HS256", Secret: keys.Secret(strings.Repeat("secret!", 8))}), []string{"Keys[0].Secret: must be random, got too few different bytes"}},
		{"P24: alg none", first(keys.Key{Algorithm: "none", Secret: secret("a", 32)}), []string{`Keys[0].Secret: must be empty unless Algorithm is HS256, HS384 or HS512, got Algorithm "none"`}},
		{"an unknown algorithm", first(keys.Key{Algorithm: "XS256", Private: rsaKey}), []string{`Keys[0].Algorithm: must be one of HS, RS, PS and ES with 256, 384 or 512, or EdDSA, got "XS256"`}},
		{"an algorithm in small letters", first(keys.Key{Algorithm: "es256", Private: ecKey}), []string{`Keys[0].Algorithm: must be one of HS, RS, PS and ES with 256, 384 or 512, or EdDSA, got "es256"`}},
		{"no algorithm", first(keys.Key{Private: ecKey}), []string{`Keys[0].Algorithm: must be one of HS, RS, PS and ES with 256, 384 or 512, or EdDSA, got ""`}},
		{"D118: RSA of 1024 bits", first(keys.Key{Algorithm: "RS256", Private: small}), []string{"Keys[0]: must be an RSA key of 2048 to 16384 bits, got 1024"}},
		{"D118: RSA of 1024 bits that only verifies", second(keys.Key{Algorithm: "PS512", Public: &small.PublicKey}), []string{"Keys[1]: must be an RSA key of 2048 to 16384 bits, got 1024"}},
		{"RSA of too many bits", second(keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: new(big.Int).Lsh(rsaKey.N, 16384), E: 65537}}), []string{"Keys[1]: must be an RSA key of 2048 to 16384 bits, got 18432"}},
		{"RSA with an exponent of one", second(keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: rsaKey.N, E: 1}}), []string{"Keys[1]: must be an RSA key with an odd exponent of 65537 to 2147483647, got 1"}},
		{"RSA with no exponent", second(keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: rsaKey.N}}), []string{"Keys[1]: must be an RSA key with an odd exponent of 65537 to 2147483647, got 0"}},
		{"RSA with a negative exponent", second(keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: rsaKey.N, E: -3}}), []string{"Keys[1]: must be an RSA key with an odd exponent of 65537 to 2147483647, got -3"}},
		{"P-384 for ES256", first(keys.Key{Algorithm: "ES256", Private: signerOf("ES384").sign}), []string{"Keys[0]: must be a key on P-256 for ES256"}},
		{"P-256 for ES512", first(keys.Key{Algorithm: "ES512", Private: ecKey}), []string{"Keys[0]: must be a key on P-521 for ES512"}},
		{"P-224 for ES256", first(keys.Key{Algorithm: "ES256", Private: p224}), []string{"Keys[0]: must be a key on P-256 for ES256"}},
		{"ECDSA for RS256", first(keys.Key{Algorithm: "RS256", Private: ecKey}), []string{"Keys[0]: must be an RSA key for RS256, got *ecdsa.PublicKey"}},
		{"RSA for ES256", first(keys.Key{Algorithm: "ES256", Private: rsaKey}), []string{"Keys[0]: must be an ECDSA key for ES256, got *rsa.PublicKey"}},
		{"RSA for EdDSA", first(keys.Key{Algorithm: "EdDSA", Private: rsaKey}), []string{"Keys[0]: must be an Ed25519 key for EdDSA, got *rsa.PublicKey"}},
		{"X25519 for EdDSA", first(keys.Key{Algorithm: "EdDSA", Private: x25519}), []string{"Keys[0].Private: must be an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey, got *ecdh.PrivateKey"}},
		{"a text for RS256", first(keys.Key{Algorithm: "RS256", Private: "-----BEGIN"}), []string{"Keys[0].Private: must be an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey, got string"}},
		{"a signer that is elsewhere", first(keys.Key{Algorithm: "RS256", Private: far{rsaKey}}), []string{"Keys[0].Private: must be an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey, got tokens_test.far"}},
		{"a secret beside a private key", first(keys.Key{Algorithm: "RS256", Private: rsaKey, Secret: secret("a", 32)}), []string{`Keys[0].Secret: must be empty unless Algorithm is HS256, HS384 or HS512, got Algorithm "RS256"`}},
		{"a private key beside a secret", first(keys.Key{Algorithm: "HS256", Private: rsaKey, Secret: secret("a", 32)}), []string{"Keys[0].Secret: must be set instead of Private and Public for HS256"}},
		{"a public key that is another's", first(keys.Key{Algorithm: "ES256", Private: ecKey, Public: &other.PublicKey}), []string{"Keys[0].Public: must be nil, or the public half of Private"}},
		{"a public key of another kind", first(keys.Key{Algorithm: "ES256", Private: ecKey, Public: edKey.Public()}), []string{"Keys[0].Public: must be nil, or the public half of Private"}},
		{"a public key that is the private one's", first(keys.Key{Algorithm: "ES256", Private: ecKey, Public: &ecKey.PublicKey}), nil},
		{"a private key in place of the public one", second(keys.Key{Algorithm: "ES256", Public: ecKey}), []string{"Keys[1]: must be an ECDSA key for ES256, got *ecdsa.PrivateKey"}},
		{"a first key that cannot sign", first(keys.Key{Algorithm: "ES256", Public: &ecKey.PublicKey}), []string{"Keys[0]: must have a Secret or a Private key, because the first key signs, got a Public key only"}},
		{"a second key that cannot sign", second(keys.Key{Algorithm: "ES256", Public: &ecKey.PublicKey}), nil},
		{"an ID with a space", first(keys.Key{ID: "a b", Algorithm: "ES256", Private: ecKey}), []string{"Keys[0].ID: must be printable ASCII without spaces"}},
		{"an ID beyond ASCII", first(keys.Key{ID: "é", Algorithm: "ES256", Private: ecKey}), []string{"Keys[0].ID: must be printable ASCII without spaces"}},
		{"an ID with a line end", first(keys.Key{ID: "a\n", Algorithm: "ES256", Private: ecKey}), []string{"Keys[0].ID: must be printable ASCII without spaces"}},
		{"an ID of 65 characters", first(keys.Key{ID: strings.Repeat("k", 65), Algorithm: "ES256", Private: ecKey}), []string{"Keys[0].ID: must be at most 64 characters, got 65"}},
		{"an ID of 64 characters", first(keys.Key{ID: strings.Repeat("k", 64), Algorithm: "ES256", Private: ecKey}), nil},
		{"an ID that JSON has to escape", first(keys.Key{ID: `"\<&>`, Algorithm: "ES256", Private: ecKey}), nil},
		{"two keys with one ID", second(keys.Key{ID: "hs", Algorithm: "ES256", Private: ecKey}), []string{`Keys[1].ID: must differ from the ID of every other key, got "hs" twice`}},
		{
			"D106: one key under two algorithms",
			[]keys.Key{{ID: "a", Algorithm: "RS256", Private: rsaKey}, {ID: "b", Algorithm: "PS256", Public: &rsaKey.PublicKey}},
			[]string{`Keys[1]: must not be the same key as the one with the ID "a"`},
		},
		{
			"D106: one secret under two algorithms",
			[]keys.Key{{ID: "a", Algorithm: "HS256", Secret: secret("a", 64)}, {ID: "b", Algorithm: "HS512", Secret: secret("a", 64)}},
			[]string{`Keys[1]: must not be the same key as the one with the ID "a"`},
		},
		{
			"one key twice, without an ID",
			[]keys.Key{{Algorithm: "EdDSA", Private: edKey}, {Algorithm: "EdDSA", Public: edKey.Public()}},
			[]string{
				fmt.Sprintf("Keys[1].ID: must differ from the ID of every other key, got %q twice", thumbprintOf(t, edKey.Public())),
				fmt.Sprintf("Keys[1]: must not be the same key as the one with the ID %q", thumbprintOf(t, edKey.Public())),
			},
		},
		{"the secret of the refresh tokens", first(keys.Key{Algorithm: "HS256", Secret: secret("refresh", 32)}), []string{"RefreshKeys[0]: must differ from the Secret of Keys[0]: each secret has one use"}},

		// what a host's own code may make
		{"a nil RSA key", first(keys.Key{Algorithm: "RS256", Private: (*rsa.PrivateKey)(nil)}), []string{"Keys[0].Private: must have its private part, got a *rsa.PrivateKey without it"}},
		{"an RSA key without anything", first(keys.Key{Algorithm: "RS256", Private: &rsa.PrivateKey{}}), []string{"Keys[0]: must be an RSA key for RS256, got none"}},
		{"an RSA key without its primes", first(keys.Key{Algorithm: "RS256", Private: &rsa.PrivateKey{PublicKey: rsaKey.PublicKey, D: rsaKey.D}}), []string{"Keys[0].Private: crypto/rsa: missing primes"}},
		{"a nil ECDSA key", first(keys.Key{Algorithm: "ES256", Private: (*ecdsa.PrivateKey)(nil)}), []string{"Keys[0].Private: must have its private part, got a *ecdsa.PrivateKey without it"}},
		{"an ECDSA key without anything", first(keys.Key{Algorithm: "ES256", Private: &ecdsa.PrivateKey{}}), []string{"Keys[0].Private: must have its private part, got a *ecdsa.PrivateKey without it"}},
		{"an ECDSA key without its secret", first(keys.Key{Algorithm: "ES256", Private: &ecdsa.PrivateKey{PublicKey: ecKey.PublicKey}}), []string{"Keys[0].Private: must have its private part, got a *ecdsa.PrivateKey without it"}},
		{"an ECDSA key with the secret of another", first(keys.Key{Algorithm: "ES256", Private: &ecdsa.PrivateKey{PublicKey: ecKey.PublicKey, D: other.D}}), []string{"Keys[0].Private: must sign what Public verifies"}}, //nolint:staticcheck // put together by hand
		{"an Ed25519 key that is cut", first(keys.Key{Algorithm: "EdDSA", Private: edKey[:31]}), []string{"Keys[0].Private: must be 64 bytes for EdDSA, got 31"}},
		{"an Ed25519 key without anything", first(keys.Key{Algorithm: "EdDSA", Private: ed25519.PrivateKey{}}), []string{"Keys[0].Private: must be 64 bytes for EdDSA, got 0"}},
		{"an Ed25519 key with the public half of another", first(keys.Key{Algorithm: "EdDSA", Private: append(edKey[:32:32], otherEd...)}), []string{"Keys[0].Private: must sign what Public verifies"}},
		{"a nil public RSA key", second(keys.Key{Algorithm: "RS256", Public: (*rsa.PublicKey)(nil)}), []string{"Keys[1]: must be an RSA key for RS256, got none"}},
		{"a public RSA key without anything", second(keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{}}), []string{"Keys[1]: must be an RSA key for RS256, got none"}},
		{"a nil public ECDSA key", second(keys.Key{Algorithm: "ES256", Public: (*ecdsa.PublicKey)(nil)}), []string{"Keys[1]: must be an ECDSA key for ES256, got none"}},
		{"a public ECDSA key without anything", second(keys.Key{Algorithm: "ES256", Public: &ecdsa.PublicKey{}}), []string{"Keys[1]: must be a key on P-256 for ES256"}},
		{"a public ECDSA key without a point", second(keys.Key{Algorithm: "ES256", Public: &ecdsa.PublicKey{Curve: elliptic.P256()}}), []string{"Keys[1]: must be a point on the curve"}},
		{"a public ECDSA key beside its curve", second(keys.Key{Algorithm: "ES256", Public: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}}), []string{"Keys[1]: must be a point on the curve"}}, //nolint:staticcheck // put together by hand
		{"a public Ed25519 key that is cut", second(keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey{1, 2}}), []string{"Keys[1]: must be 32 bytes for EdDSA, got 2"}},
		{"a nil public key beside a good one", first(keys.Key{Algorithm: "RS256", Private: rsaKey, Public: (*rsa.PublicKey)(nil)}), []string{"Keys[0].Public: must be nil, or the public half of Private"}},
		{"a nil ECDSA public key beside a good one", first(keys.Key{Algorithm: "ES256", Private: ecKey, Public: (*ecdsa.PublicKey)(nil)}), []string{"Keys[0].Public: must be nil, or the public half of Private"}},
	} {
		t.Run("New answers "+test.name+" and does not panic", func(t *testing.T) {
			t.Parallel()
			c := good
			c.Keys = test.keys
			var want []string
			for _, line := range test.want {
				want = append(want, "tokens: Config."+line)
			}
			checkNew(t, c, want)
			if want != nil {
				return
			}
			a := authority(t, c) // what New takes works
			p, err := a.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Verify(t.Context(), p.AccessToken); err != nil {
				t.Error(err)
			}
		})
	}
}

// thumbprintOf follows RFC 7638 §3.2 and §3.3 to the letter.
func thumbprintOf(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	var text string
	switch pub := public.(type) {
	case *rsa.PublicKey:
		text = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, b64(big.NewInt(int64(pub.E)).Bytes()), b64(pub.N.Bytes()))
	case *ecdsa.PublicKey:
		size := (pub.Curve.Params().BitSize + 7) / 8
		point, err := pub.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		text = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, pub.Curve.Params().Name, b64(point[1:1+size]), b64(point[1+size:]))
	case ed25519.PublicKey:
		text = fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":%q}`, b64(pub))
	}
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:])
}

// D131.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	n := "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	modulus, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		t.Fatal(err)
	}
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	good := open(t).config
	for _, test := range []struct {
		name   string
		key    keys.Key
		thumbs string
	}{
		{
			"the example of RFC 7638 §3.1",
			keys.Key{Algorithm: "RS256", Public: &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}},
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		{
			"the example of RFC 8037 §A.3",
			keys.Key{Algorithm: "EdDSA", Public: ed25519.PublicKey(x)},
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
	} {
		t.Run("a key without an ID has the thumbprint of "+test.name, func(t *testing.T) {
			t.Parallel()
			c := good
			c.Keys = []keys.Key{{ID: test.thumbs, Algorithm: "HS256", Secret: secret("access", 32)}, test.key}
			checkNew(t, c, []string{fmt.Sprintf("tokens: Config.Keys[1].ID: must differ from the ID of every other key, got %q twice", test.thumbs)})
		})
	}

	for _, algorithm := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run("tokens of a key of "+algorithm+" without an ID name its thumbprint", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			by.key.ID = ""
			r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
			p := r.login(t)
			head, _ := parts(t, p.AccessToken)
			if want := thumbprintOf(t, by.verify); head["kid"] != want {
				t.Errorf("kid = %v, want %s", head["kid"], want)
			}
			r.verify(t, p.AccessToken)
		})
	}

	t.Run("the kid of a secret without an ID is no plain hash of it", func(t *testing.T) {
		t.Parallel()
		key := secret("access", 32)
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{{Algorithm: "HS256", Secret: key}} })
		head, _ := parts(t, r.login(t).AccessToken)
		kid, _ := head["kid"].(string)
		b64 := base64.RawURLEncoding.EncodeToString
		for _, text := range []string{string(key), fmt.Sprintf(`{"k":%q,"kty":"oct"}`, b64([]byte(string(key))))} {
			sum := sha256.Sum256([]byte(text))
			if kid == "" || strings.HasPrefix(b64(sum[:]), kid[:8]) {
				t.Errorf("kid = %q", kid)
			}
		}
	})

	t.Run("a point whose coordinate begins with zeros keeps them", func(t *testing.T) {
		t.Parallel()
		for range 1 << 14 {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			point, err := key.PublicKey.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if point[1] != 0 && point[33] != 0 {
				continue
			}
			thumb := thumbprintOf(t, &key.PublicKey)
			c := good
			c.Keys = []keys.Key{{ID: thumb, Algorithm: "HS256", Secret: secret("access", 32)}, {Algorithm: "ES256", Public: &key.PublicKey}}
			checkNew(t, c, []string{fmt.Sprintf("tokens: Config.Keys[1].ID: must differ from the ID of every other key, got %q twice", thumb)})
			return
		}
		t.Fatal("there was none")
	})
}

// D132.
func TestReplacingKeys(t *testing.T) {
	t.Parallel()
	t.Run("D132: a key that was published, then signs, then only verifies, is good throughout", func(t *testing.T) {
		t.Parallel()
		old := signerOf("RS256").key
		next := signerOf("ES256").key
		retiring := keys.Key{ID: old.ID, Algorithm: old.Algorithm, Public: signerOf("RS256").verify}
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{old} })
		node := func(all ...keys.Key) *tokens.Authority {
			c := r.config
			c.Keys = all
			return authority(t, c)
		}
		steps := []*tokens.Authority{node(old), node(old, next), node(next, old), node(next, retiring)}
		login := func(a *tokens.Authority) tokens.Secret {
			p, err := a.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			if err != nil {
				t.Fatal(err)
			}
			return p.AccessToken
		}
		for i, a := range steps {
			token := login(a)
			for j, b := range steps {
				if i-j > 1 || j-i > 1 {
					continue // only neighbours run at the same time
				}
				if _, err := b.Verify(t.Context(), token); err != nil {
					t.Errorf("a token of step %d at step %d: %v", i, j, err)
				}
			}
		}
		_, err := node(next).Verify(t.Context(), login(steps[0]))
		wantError(t, err, tokens.ErrInvalidToken)
	})

	t.Run("a refresh token of an older key opens its session while the key is in the list", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		node := func(secrets ...keys.Secret) *tokens.Authority {
			c := r.config
			c.RefreshKeys = secrets
			return authority(t, c)
		}
		older, newer := secret("refresh", 32), secret("next refresh", 48)
		one := r.login(t)
		refresh := func(a *tokens.Authority, token tokens.Secret) (tokens.Pair, error) {
			return a.Refresh(t.Context(), tokens.RefreshRequest{Token: token})
		}
		r.unchanged(t, func() {
			_, err := refresh(node(newer), one.RefreshToken)
			wantError(t, err, tokens.ErrInvalidRefresh)
		})
		two, err := refresh(node(newer, older), one.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		again, err := refresh(node(newer, older), one.RefreshToken)
		if err != nil || again.RefreshToken != two.RefreshToken {
			t.Errorf("the replay: %v", err)
		}
		if _, err := refresh(node(newer), two.RefreshToken); err != nil {
			t.Errorf("the successor has the newer key: %v", err)
		}
		if err := node(older, newer).Logout(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken}); err != nil {
			t.Errorf("a node that is behind knows the newer key: %v", err)
		}
	})

	t.Run("refresh keys are checked as other secrets are", func(t *testing.T) {
		t.Parallel()
		good := open(t).config
		for want, secrets := range map[string][]keys.Secret{
			"RefreshKeys: is required: at least one secret of 32 random bytes":                nil,
			"RefreshKeys[0]: must be at least 32 random bytes, got 31":                        {secret("a", 31)},
			"RefreshKeys[1]: must be at least 32 random bytes, got 0":                         {secret("a", 32), ""},
			"RefreshKeys[1]: must be random, got too few different bytes":                     {secret("a", 32), keys.Secret(make([]byte, 32))},
			"RefreshKeys[2]: must differ from RefreshKeys[0]: each secret has one use":        {secret("a", 32), secret("b", 32), secret("a", 32)},
			"RefreshKeys[1]: must differ from the Secret of Keys[0]: each secret has one use": {secret("a", 32), secret("access", 32)},
			"RefreshKeys[0]: must be random, got too few different bytes\t(text)":             {"passwordpasswordpasswordpassword"},
		} {
			c := good
			c.RefreshKeys = secrets
			checkNew(t, c, []string{"tokens: Config." + strings.TrimSuffix(want, "\t(text)")})
		}
	})
}
