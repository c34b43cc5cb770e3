package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

type keysMake struct {
	Algorithm string `default:"ES256" enum:"HS256,HS384,HS512,RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" help:"${enum}. HS where one service signs and verifies; ES or EdDSA where others verify."`
	Out       string `required:"" placeholder:"FILE" help:"New file for the key, made with mode 0600; - is standard output."`
	Format    string `default:"pem" enum:"pem,jwk,jwks" help:"pem, jwk, or jwks (a JWK Set, which keys rotate adds to). HS keys are jwk or jwks."`
	ID        string `name:"id" placeholder:"NAME" help:"ID (kid) of the key in a JWK. Without it: its thumbprint."`
	SignsFrom moment `placeholder:"TIME" help:"When the key begins to sign, such as 24h from now, or 2026-12-31T00:00:00Z. Until then those before it sign; a key that is alone signs at once. Not in PEM. Without it: at once."`
	RetiresAt moment `placeholder:"TIME" help:"When the key stops to verify. Not in PEM. Without it: never."`
}

// Help is the rest of --help.
func (keysMake) Help() string {
	return `The host reads the file with keys.ReadFiles. The key is written once, and never over a file
that is there. Its public half is what the host publishes at its JWKS endpoint.

    sallyport keys make --out signing.pem
    sallyport keys make --algorithm EdDSA --format jwks --out signing.jwks

JSON: {"type":"key","id","algorithm","state","private","signs_from","retires_at"}; with
--out=- only the key is written. The state is waits (it is published and does not sign yet),
signs, verifies or retired.`
}

// Run runs the command.
func (c *keysMake) Run(p *process, out *output) error {
	k, err := newKey(c.Algorithm)
	if err != nil {
		return err
	}
	now := p.now()
	k.ID, k.SignsFrom, k.RetiresAt = c.ID, c.SignsFrom.when(now), c.RetiresAt.when(now)
	if _, err := keys.NewRing(k); err != nil && k.RetiresAt.IsZero() { // one that retires needs a successor
		return usageError{err}
	}
	if _, err := keys.NewSet(k); err != nil {
		return usageError{err}
	}
	var text []byte
	switch {
	case c.Format == "jwks":
		text, err = asFile(keys.ToJWKS(k))
	case c.Format == "jwk":
		text, err = asFile(keys.ToJWK(k))
	case k.Secret != "":
		return usagef("a key for %s has no PEM: add --format jwk or jwks", c.Algorithm)
	case k.ID != "" || c.SignsFrom.set || c.RetiresAt.set:
		return usagef("--id, --signs-from and --retires-at have no place in a PEM: add --format jwk or jwks")
	default:
		text, err = toPEM(k)
	}
	if err != nil {
		return err
	}
	if err := p.writeSecret(c.Out, text); err != nil || c.Out == stdoutName {
		return err
	}
	return show(out, []keys.Key{k}, now)
}

const rsaBits = 3072

func newKey(algorithm string) (keys.Key, error) {
	k := keys.Key{Algorithm: algorithm}
	var err error
	switch algorithm {
	case "HS256", "HS384", "HS512":
		k.Secret = keys.NewSecret()
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.Private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k.Private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		k.Private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return k, usagef("the algorithm must be one of HS, RS, PS and ES with 256, 384 or 512, or EdDSA, got %q", algorithm)
	}
	return k, err
}
