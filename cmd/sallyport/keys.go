package main

import (
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
