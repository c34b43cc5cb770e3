package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

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
		text, err := asFile(keys.ToJWKS(all...))
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
