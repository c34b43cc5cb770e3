package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// What only a secret looks like. A command line with one of these is refused, in whatever
// flag or argument it stands, and is not repeated.
var secretForms = []struct {
	what string
	form *regexp.Regexp
}{
	{"a URL with a password", regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^/?#@]*:[^/?#]*@`)},
	{"a DSN with a password", regexp.MustCompile(`^[^/?#@\s:]*:[^@]*@(?:tcp|unix)\(`)},
	{"a password", regexp.MustCompile(`(?i)(?:^|[\s?&;,])(?:password|passwd|pwd|sslpassword|_pwd)\s*=`)},
	{"an API key or a refresh token", regexp.MustCompile(`\b[a-z0-9]{2,16}_(?:ak_[A-Z2-7]{33}\b|rt_[A-Za-z0-9_-]{20})`)},
	{"a token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.`)},
	{"a private key", regexp.MustCompile(`-{5}BEGIN|"[dk]"\s*:`)},
}

// refuseSecrets returns an error if a secret is in the command line.
func refuseSecrets(args []string) error {
	for _, arg := range args {
		for _, s := range secretForms {
			if s.form.MatchString(arg) {
				return usagef("the command line has %s in it, which every process of this machine can read, and which stays in the history of the shell: "+
					"change it, and pass the new one in a file or in the environment (see --help)", s.what)
			}
		}
	}
	return nil
}

const maxSecretFile = 64 << 10

// readSecret returns the text of a file that has a secret in it, without the end of its
// last line.
func (p *process) readSecret(what, path string) (string, error) {
	text, err := readBounded(path, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", usagef("%s: %s is empty", what, path)
	}
	p.hide(secret)
	return secret, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, usagef("%s: must be at most %d bytes", path, most)
	}
	return text, nil
}

// decoded returns the bytes of a secret that a file has in an encoding.
func decoded(secret, encoding string) ([]byte, error) {
	switch encoding {
	case "", "text":
		return []byte(secret), nil
	case "hex":
		b, err := hex.DecodeString(secret)
		if err != nil {
			return nil, errors.New("must be hexadecimal") // the error of hex quotes the secret
		}
		return b, nil
	case "base64":
		plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(secret), "=")
		b, err := base64.RawStdEncoding.DecodeString(plain)
		if err != nil {
			return nil, errors.New("must be base64")
		}
		return b, nil
	}
	return nil, fmt.Errorf("the encoding must be text, base64 or hex, got %q", encoding)
}

// hide keeps a secret out of all output.
func (p *process) hide(secret string) {
	if len(secret) >= 4 { // a shorter one is in every text
		p.hidden = append(p.hidden, secret)
	}
}

// hideURL keeps the password of a URL out of all output.
func (p *process) hideURL(u *url.URL) {
	if password, ok := u.User.Password(); ok {
		p.hide(password)
		p.hide(url.QueryEscape(password))
	}
}

func (p *process) redact(text string) string {
	for _, secret := range p.hidden {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// stdoutName is standard output as the name of a file.
const stdoutName = "-"

// writeSecret writes a secret to a new file that only its owner can read, or to standard
// output. It never replaces a file.
func (p *process) writeSecret(path string, secret []byte) error {
	if path == stdoutName {
		_, err := p.stdout.Write(secret)
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file that the user names
	if errors.Is(err, os.ErrExist) {
		return usagef("%s is there already: a secret is never overwritten", path)
	}
	if err != nil {
		return usageError{err}
	}
	_, err = file.Write(secret)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replaceSecret replaces a file that has secrets in it, at once: a reader finds the old
// or the new text, and a crash leaves one of them. Owner and mode stay.
func replaceSecret(path string, secret []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".sallyport-*") // 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(secret))
	err = errors.Join(err, file.Chmod(info.Mode().Perm()), keepOwner(file, info), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// appendSecret writes a secret to a file that writeSecret has made empty.
func appendSecret(path, secret string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) //nolint:gosec // the file that the user names
	if err != nil {
		return err
	}
	_, err = file.WriteString(secret)
	return errors.Join(err, file.Sync(), file.Close())
}

// removeEmpty removes a file that writeSecret has made, if nothing was written to it.
func removeEmpty(path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		return err
	}
	return os.Remove(path)
}
