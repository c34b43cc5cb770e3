package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// lifetime is how long a ticket can be used: as long as a client needs to open a stream.
const lifetime = 10 * time.Second

var (
	errTicket = errors.New("the ticket is unknown, used, expired or for another path")
	errEnded  = errors.New("the session has ended")
)

// tickets are for one stream each: for a session, for a path, and used once. A ticket is
// a row among the sessions, at generation 0. Of all callers that advance it, on every
// node, one wins; and it is in no list of the user's sessions. The row has a hash of the
// ticket.
type tickets struct {
	store store.Store
	now   func() time.Time
}

// issue returns a ticket for a path, for the session of p.
func (t tickets) issue(ctx context.Context, p tokens.Principal, path string) (string, error) {
	ticket, now := rand.Text(), t.now()
	return ticket, t.store.CreateSession(ctx, store.Session{
		ID: rowOf(ticket), UserID: p.Subject, ClientID: p.ClientID, Scopes: p.Scopes(), Label: p.SessionID + " " + path,
		CreatedAt: now, AdvancedAt: now, IdleUntil: now.Add(lifetime), ExpiresAt: now.Add(lifetime),
	})
}

// redeem uses a ticket up, and returns whom the stream is for. It returns errTicket or
// errEnded, or an error of the store.
func (t tickets) redeem(ctx context.Context, ticket, path string) (tokens.Principal, error) {
	if ticket == "" || len(ticket) > 64 {
		return tokens.Principal{}, errTicket // and ask no store
	}
	row, err := t.store.Session(ctx, rowOf(ticket))
	if err != nil {
		return tokens.Principal{}, ifUnknown(err, errTicket)
	}
	now := t.now()
	sid, made, _ := strings.Cut(row.Label, " ")
	if made != path || !now.Before(row.ExpiresAt) {
		return tokens.Principal{}, errTicket
	}
	session, user, err := t.session(ctx, sid)
	if err != nil {
		return tokens.Principal{}, err
	}
	// Last, because it cannot be undone. The row expires with it, so that it never looks
	// like a session of the user's.
	if err := t.store.AdvanceSession(ctx, row.ID, 0, now, now); err != nil {
		return tokens.Principal{}, ifUnknown(err, errTicket)
	}
	return tokens.Principal{
		Subject: user.ID, Account: user.Account, Tier: user.Tier, Seats: user.Seats, ClientID: row.ClientID,
		Scope: strings.Join(row.Scopes, " "), SessionID: sid, Actor: session.Actor, AuthenticatedAt: session.AuthenticatedAt,
	}, nil
}

// session returns a session that has not ended, and its user.
func (t tickets) session(ctx context.Context, sid string) (store.Session, store.User, error) {
	session, err := t.store.Session(ctx, sid)
	if err != nil {
		return store.Session{}, store.User{}, ifUnknown(err, errEnded)
	}
	now := t.now()
	if !session.RevokedAt.IsZero() || !now.Before(session.IdleUntil) || !now.Before(session.ExpiresAt) {
		return store.Session{}, store.User{}, errEnded
	}
	user, err := t.store.User(ctx, session.UserID)
	if err == nil && user.CredentialVersion != session.CredentialVersion {
		err = errEnded // a new password
	}
	return session, user, ifUnknown(err, errEnded)
}

// ifUnknown replaces what a store says of a row that is not there, or not as it was. Other
// errors are those of a store that fails.
func ifUnknown(err, by error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %w", by, err)
	}
	return err
}

// rowOf returns the ID of a ticket's row, which does not tell the ticket.
func rowOf(ticket string) string {
	sum := sha256.Sum256([]byte("ticket " + ticket))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
