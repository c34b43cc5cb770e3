package main

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

type keysCommands struct {
	Make   keysMake   `cmd:"" help:"Make a signing key."`
	Secret keysSecret `cmd:"" help:"Make a refresh key, or a secret for the names of counters."`
	Rotate keysRotate `cmd:"" help:"Put the next signing key into a file, with a schedule."`
	Show   keysShow   `cmd:"" help:"Show which key of a file signs, from when, and until when."`
}

type keysMake struct {
	Algorithm string `default:"ES256" enum:"HS256,HS384,HS512,RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" help:"${enum}. HS where one service signs and verifies; ES or EdDSA where others verify."`
	Out       string `required:"" placeholder:"FILE" help:"New file for the key, made with mode 0600; - is standard output."`
	Format    string `default:"pem" enum:"pem,jwk,jwks" help:"pem, jwk, or jwks (a JWK Set, which keys rotate adds to). HS keys are jwk or jwks."`
	ID        string `name:"id" placeholder:"NAME" help:"ID (kid) of the key in a JWK. Without it: its thumbprint."`
	SignsFrom moment `placeholder:"TIME" help:"When the key begins to sign, such as 24h from now, or 2026-12-31T00:00:00Z. Not in PEM. Without it: at once."`
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

type keysSecret struct {
	Out string `required:"" placeholder:"FILE" help:"New file for the secret, made with mode 0600; - is standard output."`
}

// Help is the rest of --help.
func (keysSecret) Help() string {
	return `Writes 32 random bytes as 43 characters of base64url and the end of a line. The host uses
the 43 characters, without the end of the line, as one of tokens.Config.RefreshKeys, or as
Config.Secret of rediscounters. Give the same one to every node.

    sallyport keys secret --out refresh.key`
}

type keysRotate struct {
	File      string `arg:"" help:"File that the host reads: a JWK Set (which is replaced, unless --out is given), a JWK or a PEM."`
	Algorithm string `placeholder:"NAME" help:"Algorithm of the next key. Without it: that of the key that signs now."`
	ID        string `name:"id" placeholder:"NAME" help:"ID (kid) of the next key. Without it: its thumbprint."`
	Publish   span   `default:"24h" help:"How long the next key is published before it signs: longer than your deployment takes, and than others keep your JWK Set."`
	AccessTTL span   `name:"access-ttl" default:"1h" help:"Lifetime of your access tokens (AccessTTL): so long the present key verifies after the next one has begun to sign. Add Leeway, if you have set it."`
	Out       string `placeholder:"FILE" help:"New file for the JWK Set, made with mode 0600. Without it FILE is replaced, if that is a JWK Set."`
	DryRun    bool   `help:"Show the schedule, and write nothing."`
}

// Help is the rest of --help.
func (keysRotate) Help() string {
	return `Makes the next signing key, and writes the schedule of both keys into the file: when the next
one begins to sign, and when the present one retires. Keys that have retired are left out. No
token is rejected, if every node has read the file before the next key signs: deploy it, or
let the host read it again (keys.Ring).

    sallyport keys rotate signing.jwks --dry-run
    sallyport keys rotate signing.jwks --publish 48h
    sallyport keys rotate signing.pem --out signing.jwks

JSON: as keys make, one object for each key, with the state that it has now.`
}

type keysShow struct {
	Files []string `arg:"" name:"file" help:"Files that the host reads: PEM, JWK or JWK Set, in its order."`
}

// Help is the rest of --help.
func (keysShow) Help() string {
	return `Shows no secret. The exit code is 3 if no key signs now.

    sallyport keys show signing.jwks

JSON: as keys make, one object for each key.`
}

// key is a key and what it does now.
type key struct {
	Type      string     `json:"type"`
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"`
	Private   bool       `json:"private"`
	SignsFrom *time.Time `json:"signs_from,omitempty"`
	SignsTo   *time.Time `json:"signs_until,omitempty"`
	RetiresAt *time.Time `json:"retires_at,omitempty"`
}

func (key) head() []string {
	return []string{"KEY", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "RETIRES"}
}

func (k key) cells() []string {
	return []string{k.ID, k.Algorithm, k.State, at(k.SignsFrom), at(k.SignsTo), at(k.RetiresAt)}
}

func at(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
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
		text, err = toJWKS([]keys.Key{k})
	case c.Format == "jwk":
		var j jwk
		if j, err = toJWK(k); err == nil {
			text, err = json.MarshalIndent(j, "", "  ")
			text = append(text, '\n')
		}
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

// Run runs the command.
func (c *keysSecret) Run(p *process, out *output) error {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	if err := p.writeSecret(c.Out, []byte(b64(b[:])+"\n")); err != nil || c.Out == stdoutName {
		return err
	}
	out.add(written{"written", c.Out})
	return nil
}

// written is a file that was made.
type written struct {
	Type string `json:"type"`
	File string `json:"file"`
}

func (written) head() []string    { return nil }
func (w written) cells() []string { return []string{"written to " + w.File} }

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

// readKeys reads the keys of a file, and reports whether it is a JWK Set.
func readKeys(path string) (all []keys.Key, isSet bool, err error) {
	text, err := readBounded(path, maxConfig)
	if err != nil {
		return nil, false, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var members map[string]json.RawMessage
	switch {
	case !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		var k keys.Key
		k, err = keys.FromPEM("", text)
		all = []keys.Key{k}
	case json.Unmarshal(text, &members) == nil && members["keys"] != nil:
		isSet = true
		all, err = keys.FromJWKS(text)
	default:
		var k keys.Key
		k, err = keys.FromJWK(text)
		all = []keys.Key{k}
	}
	if err != nil {
		return nil, false, usagef("%s: %w", path, err)
	}
	return all, isSet, nil
}

// Run runs the command.
func (c *keysRotate) Run(p *process, out *output) error {
	all, isSet, err := readKeys(c.File)
	if err != nil {
		return err
	}
	if !isSet && c.Out == "" && !c.DryRun {
		return usagef("%s is no JWK Set, and nothing else has a schedule: give --out FILE, and let the host read that instead", c.File)
	}
	now := p.now()
	all, err = c.rotated(all, now)
	if err != nil {
		return err
	}
	if !c.DryRun {
		text, err := toJWKS(all)
		if err != nil {
			return err
		}
		if c.Out != "" {
			err = p.writeSecret(c.Out, text)
		} else {
			err = replaceSecret(c.File, text)
		}
		if err != nil || c.Out == stdoutName {
			return err
		}
	}
	if err := show(out, all, now); err != nil {
		return err
	}
	next := all[len(all)-1]
	out.notef("Every node must have read %s before %s.", filepath.Base(cmp.Or(c.Out, c.File)), stamp(next.SignsFrom))
	return nil
}

// rotated returns the keys with the next one, and with the schedule.
func (c *keysRotate) rotated(all []keys.Key, now time.Time) ([]keys.Key, error) {
	signer, err := signing(all, now)
	if err != nil {
		return nil, usagef("%s: %w", c.File, err)
	}
	if signer == "" {
		return nil, usagef("%s: no key signs now: make one with sallyport keys make", c.File)
	}
	from := seconds(now.Add(time.Duration(c.Publish)))
	retires := seconds(from.Add(max(time.Duration(c.AccessTTL), time.Second)))
	kept := slices.DeleteFunc(slices.Clone(all), func(k keys.Key) bool { return !k.RetiresAt.IsZero() && !k.RetiresAt.After(now) })
	algorithm := c.Algorithm
	for i, k := range kept {
		id, err := idOf(k)
		if err != nil {
			return nil, err
		}
		kept[i].ID = id
		switch {
		case k.SignsFrom.After(now):
			return nil, usagef("%s: a rotation has begun already: the key %s signs from %s", c.File, id, stamp(k.SignsFrom))
		case id == signer:
			algorithm = cmp.Or(algorithm, k.Algorithm)
			if k.RetiresAt.IsZero() || k.RetiresAt.After(retires) {
				kept[i].RetiresAt = retires
			}
		}
	}
	next, err := newKey(algorithm)
	if err != nil {
		return nil, err
	}
	next.ID, next.SignsFrom = c.ID, from
	kept = append(kept, next)
	if _, err := keys.NewRing(kept...); err != nil {
		return nil, usageError{err}
	}
	return kept, nil
}

// signing returns the ID of the key that signs at a time, "" if none does.
func signing(all []keys.Key, now time.Time) (string, error) {
	set, err := keys.NewSet(all...)
	if err != nil {
		return "", err
	}
	signer := set.Signer(now)
	if signer == nil {
		return "", nil
	}
	return signer.ID(), nil
}

// Run runs the command.
func (c *keysShow) Run(p *process, out *output) error {
	var all []keys.Key
	for _, file := range c.Files {
		more, _, err := readKeys(file)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	now := p.now()
	if err := show(out, all, now); err != nil {
		return err
	}
	if signer, err := signing(all, now); err != nil || signer == "" {
		return negativef("no key signs now")
	}
	return nil
}

// show writes what keys do now.
func show(out *output, all []keys.Key, now time.Time) error {
	signer, err := signing(all, now)
	if err != nil {
		return usagef("%s", strings.TrimPrefix(err.Error(), "keys: "))
	}
	for i, k := range all {
		id, err := idOf(k)
		if err != nil {
			return err
		}
		private := k.Private != nil || k.Secret != ""
		row := key{"key", id, k.Algorithm, "verifies", private, when(k.SignsFrom), until(all, i), when(k.RetiresAt)}
		switch {
		case !k.RetiresAt.IsZero() && !k.RetiresAt.After(now):
			row.State = "retired"
		case id == signer:
			row.State = "signs"
		case private && k.SignsFrom.After(now):
			row.State = "waits"
		}
		if !private {
			row.SignsFrom, row.SignsTo = nil, nil
		}
		out.add(row)
	}
	return nil
}

// until returns when another key takes over from the one at i.
func until(all []keys.Key, i int) *time.Time {
	var next time.Time
	for _, k := range all {
		if (k.Private != nil || k.Secret != "") && k.SignsFrom.After(all[i].SignsFrom) && (next.IsZero() || k.SignsFrom.Before(next)) {
			next = k.SignsFrom
		}
	}
	return when(next)
}
