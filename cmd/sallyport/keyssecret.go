package main

import (
	"crypto/rand"
	"encoding/base64"
)

type keysSecret struct {
	Out string `required:"" placeholder:"FILE" help:"New file for the secret, made with mode 0600; - is standard output."`
}

// Help is the rest of --help.
func (keysSecret) Help() string {
	return `Writes 32 random bytes as 43 characters of base64url and the end of a line. The host uses
the 43 characters, without the end of the line, as one of tokens.Config.RefreshKeys, or as
Config.Secret of rediscounters or sqlcounters. Give the same one to every node.

    sallyport keys secret --out refresh.key`
}

// Run runs the command.
func (c *keysSecret) Run(p *process, out *output) error {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	if err := p.writeSecret(c.Out, []byte(base64.RawURLEncoding.EncodeToString(b[:])+"\n")); err != nil || c.Out == stdoutName {
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
