package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
)

const (
	answerWithin  = 5 * time.Minute
	maxCeremonies = 10_000
)

// ceremonies are the challenges that have not been answered. Each is bound to the browser
// that asked for it, by a cookie, and is answered once. A host with several nodes has a
// table for them.
type ceremonies struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]ceremony // by the digest of the cookie
}

type ceremony struct {
	session webauthn.SessionData // one of a login has no UserID, and answers no registration
	until   time.Time
}

const ceremonyCookie = "__Host-passkey"

// begin remembers a challenge, and sets the cookie. It reports false if too many have
// not been answered: unauthenticated callers make them.
func (c *ceremonies) begin(w http.ResponseWriter, session *webauthn.SessionData) bool {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it returns no error: see crypto/rand
	value, now := base64.RawURLEncoding.EncodeToString(b), c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxCeremonies {
		for key, x := range c.all {
			if !now.Before(x.until) {
				delete(c.all, key)
			}
		}
	}
	if len(c.all) >= maxCeremonies {
		return false
	}
	c.all[sha256.Sum256([]byte(value))] = ceremony{*session, now.Add(answerWithin)}
	http.SetCookie(w, newCeremonyCookie(value, int(answerWithin/time.Second)))
	return true
}

// take returns the challenge of the request's browser, once, whether it is answered
// rightly or not.
func (c *ceremonies) take(w http.ResponseWriter, r *http.Request) (webauthn.SessionData, bool) {
	cookie, err := r.Cookie(ceremonyCookie)
	if err != nil {
		return webauthn.SessionData{}, false
	}
	http.SetCookie(w, newCeremonyCookie("", -1))
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sha256.Sum256([]byte(cookie.Value))
	x, ok := c.all[key]
	delete(c.all, key)
	return x.session, ok && c.now().Before(x.until)
}

func newCeremonyCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: ceremonyCookie, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
