package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	lifetime = 10 * time.Minute
	most     = 3 // links of one user at a time, so that their mailbox is not flooded
)

// link is a link that was sent. The token itself is not stored.
type link struct {
	userID  string
	version string // the CredentialVersion of the user: a link from before a new password ends with it
	browser digest // of the cookie of the browser that has asked
	until   time.Time
}

type digest [sha256.Size]byte

// links are the links that can be used. A host has a table for them: token (primary
// key), user_id, version, browser, until.
type links struct {
	mu  sync.Mutex
	all map[digest]link // by the digest of their token
}

// add remembers a link, unless its user has too many already.
func (l *links) add(token string, x link, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for key, other := range l.all {
		switch {
		case !now.Before(other.until):
			delete(l.all, key)
		case other.userID == x.userID:
			n++
		}
	}
	if n >= most {
		return false
	}
	l.all[sha256.Sum256([]byte(token))] = x
	return true
}

// use returns a link once, and to the browser that has asked for it. Another browser
// does not use it up. In SQL it is one statement:
//
//	DELETE FROM links WHERE token = $1 AND browser = $2 AND until > $3 RETURNING user_id, version
func (l *links) use(token, browser string, now time.Time) (link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := digest(sha256.Sum256([]byte(token)))
	x, ok := l.all[key]
	if !ok || x.browser != sha256.Sum256([]byte(browser)) || !now.Before(x.until) {
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
