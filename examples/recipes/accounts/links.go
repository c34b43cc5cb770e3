package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	lifetime = 30 * time.Minute
	most     = 3 // links to one address at a time, so that its mailbox is not flooded
)

type purpose string

const (
	toRegister purpose = "register"
	toReset    purpose = "reset"
)

// link is a link that was sent. The token itself is not stored.
type link struct {
	purpose purpose
	address string
	userID  string // of a reset
	version string // the CredentialVersion of the user: a new password ends the links of before
	until   time.Time
}

// links are the links that can be used. A host has a table for them.
type links struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]link // by the digest of their token
}

// add remembers a link and returns its token, or "" if the address has too many.
func (l *links) add(x link, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for key, other := range l.all {
		switch {
		case !now.Before(other.until):
			delete(l.all, key)
		case other.address == x.address:
			n++
		}
	}
	if n >= most {
		return ""
	}
	token := newSecret()
	x.until = now.Add(lifetime)
	l.all[sha256.Sum256([]byte(token))] = x
	return token
}

// use returns a link, once. In SQL it is one statement:
//
//	DELETE FROM links WHERE token = $1 AND purpose = $2 AND until > $3 RETURNING address, user_id, version
func (l *links) use(token string, p purpose, now time.Time) (link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := sha256.Sum256([]byte(token))
	x, ok := l.all[key]
	if !ok || x.purpose != p || !now.Before(x.until) {
		return link{}, false
	}
	delete(l.all, key)
	return x, true
}

// newSecret returns 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it returns no error: see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
