package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/go-webauthn/webauthn/webauthn"
)

// account is a user as authenticators know them. It is a webauthn.User.
type account struct {
	userID, login string
	handle        []byte // random: it is on the user's devices, and says nothing about them
	keys          []webauthn.Credential
}

func (a account) WebAuthnID() []byte                         { return a.handle }
func (a account) WebAuthnName() string                       { return a.login }
func (a account) WebAuthnDisplayName() string                { return a.login }
func (a account) WebAuthnCredentials() []webauthn.Credential { return a.keys }

// passkeys are the public keys of all users. A host has two tables for them: user_id and
// handle (unique); credential ID (primary key), user_id, sign count, and the rest as JSON.
type passkeys struct {
	mu  sync.Mutex
	all map[string]*account // by the ID of the user
}

var errUnknown = errors.New("passkey: unknown")

// account returns a user as they are now, with a handle.
func (p *passkeys) account(userID, login string) account {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[userID] == nil {
		handle := make([]byte, 64)
		_, _ = rand.Read(handle) // it returns no error: see crypto/rand
		p.all[userID] = &account{userID: userID, login: login, handle: handle}
	}
	return p.all[userID].copy()
}

func (a account) copy() account {
	a.keys = slices.Clone(a.keys)
	return a
}

// byHandle is the webauthn.DiscoverableUserHandler: the passkey says whose it is, and
// its signature is checked after that.
func (p *passkeys) byHandle(_, handle []byte) (webauthn.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.all {
		if bytes.Equal(a.handle, handle) {
			return a.copy(), nil
		}
	}
	return nil, errUnknown
}

// add adds a passkey, unless some user has one with its ID.
func (p *passkeys) add(userID string, key webauthn.Credential) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.all {
		if a.find(key.ID) != nil {
			return false
		}
	}
	p.all[userID].keys = append(p.all[userID].keys, key)
	return true
}

func (a *account) find(id []byte) *webauthn.Credential {
	for i := range a.keys {
		if bytes.Equal(a.keys[i].ID, id) {
			return &a.keys[i]
		}
	}
	return nil
}

// used stores the sign count of a passkey that was used, and reports false if that did
// not grow: then there are two copies of the key, and one is not the user's. Most
// passkeys do not count, and send 0 each time. go-webauthn has put the new count into key,
// or has left the old one there if it did not grow. In SQL:
//
//	UPDATE passkeys SET sign_count = $1 WHERE id = $2 AND (sign_count < $1 OR sign_count = 0 AND $1 = 0)
func (p *passkeys) used(userID string, key *webauthn.Credential) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[userID] == nil {
		return false
	}
	stored, count := p.all[userID].find(key.ID), key.Authenticator.SignCount
	if stored == nil || count <= stored.Authenticator.SignCount && count+stored.Authenticator.SignCount > 0 {
		return false
	}
	*stored = *key
	return true
}
