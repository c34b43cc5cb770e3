package tokens

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport-go/sallyport/store"
)

// ErrContract is wrapped by an ErrUnavailable if a store returned a value that
// the contract of package store does not allow. The text has the field and the
// defect, for example "User.ID: must be UTF-8 without NUL", and never the value.
// It is reported as events.Fault, because only the host can repair it.
var ErrContract = errors.New("tokens: the store broke its contract")

// checkedStore returns ErrContract for a value of the store that breaks the
// contract. Every call goes through it, so that no such value is written into a
// token, compared or stored again.
type checkedStore struct {
	store.Store

	// otherOwners: keys may have owners that are not users.
	otherOwners bool
}

// checkUser also rejects an ID that could be taken for that of another owner of keys.
func (c checkedStore) checkUser(u *store.User) error {
	if c.otherOwners && isOwnerSubject(u.ID) {
		return broken("User.ID", `must not begin with "account:" or "service:" if Config.KeyOwner is set`)
	}
	return checkUser(u)
}

func (c checkedStore) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := c.Store.Authenticate(ctx, login, password)
	if err == nil {
		err = c.checkUser(&u)
	}
	if wrong := checkRefusal(err); wrong != nil {
		err = wrong
	}
	return orNothing(u, err)
}

func (c checkedStore) User(ctx context.Context, id string) (store.User, error) {
	u, err := c.Store.User(ctx, id)
	if err == nil {
		err = c.checkUser(&u)
	}
	if err == nil && u.ID != id {
		err = broken("User.ID", notAsked)
	}
	return orNothing(u, err)
}

func (c checkedStore) Session(ctx context.Context, id string) (store.Session, error) {
	s, err := c.Store.Session(ctx, id)
	if err == nil {
		err = checkSession(&s)
	}
	if err == nil && s.ID != id {
		err = broken("Session.ID", notAsked)
	}
	return orNothing(s, err)
}

func (c checkedStore) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	all, err := c.Store.UserSessions(ctx, userID, after, limit)
	if len(all) > limit && err == nil {
		err = broken("UserSessions", tooLong)
	}
	for i := range all {
		if err != nil {
			return nil, err
		}
		switch err = checkSession(&all[i]); {
		case err != nil:
		case all[i].UserID != userID:
			err = broken("Session.UserID", notTheirs)
		case after.Passed(all[i].CreatedAt, all[i].ID):
			err = broken("UserSessions", outOfOrder)
		}
		after = all[i].Cursor()
	}
	return orNothing(all, err)
}

func (c checkedStore) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	ids, err := c.Store.RevokeUserSessions(ctx, userID, except, at, since)
	for _, id := range ids {
		if err == nil && !isStoreID(id) {
			err = broken("Session.ID", badID)
		}
	}
	return orNothing(ids, err)
}

// checkedKeys checks API keys as checkedStore checks users and sessions.
type checkedKeys struct{ store.APIKeys }

func (c checkedKeys) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	k, err := c.APIKeys.APIKey(ctx, digest)
	if err == nil {
		err = checkKey(&k)
	}
	if err == nil && k.Digest != digest {
		err = broken("APIKey.Digest", notAsked)
	}
	return orNothing(k, err)
}

func (c checkedKeys) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	k, err := c.APIKeys.APIKeyByID(ctx, id)
	if err == nil {
		err = checkKey(&k)
	}
	if err == nil && k.ID != id {
		err = broken("APIKey.ID", notAsked)
	}
	return orNothing(k, err)
}

func (c checkedKeys) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	all, err := c.APIKeys.OwnerAPIKeys(ctx, owner, after, limit)
	if len(all) > limit && err == nil {
		err = broken("OwnerAPIKeys", tooLong)
	}
	for i := range all {
		if err != nil {
			return nil, err
		}
		switch err = checkKey(&all[i]); {
		case err != nil:
		case all[i].Owner != owner:
			err = broken("APIKey.Owner", notTheirs)
		case after.Passed(all[i].CreatedAt, all[i].ID):
			err = broken("OwnerAPIKeys", outOfOrder)
		}
		after = all[i].Cursor()
	}
	return orNothing(all, err)
}

// checkedClients checks clients as checkedStore checks users and sessions.
type checkedClients struct{ store.Clients }

func (c checkedClients) Client(ctx context.Context, id string) (store.Client, error) {
	found, err := c.Clients.Client(ctx, id)
	if err == nil {
		err = checkClient(&found)
	}
	if err == nil && found.ID != id {
		err = broken("Client.ID", notAsked)
	}
	return orNothing(found, err)
}

// checkRefusal returns what is wrong with a refusal of the host's own.
func checkRefusal(err error) error {
	if r, ok := errors.AsType[*store.RefusalError](err); ok {
		switch {
		case !isString(r.UserID):
			return badString("RefusalError.UserID", r.UserID)
		case r.Code == "" || len(r.Code) > 64 || strings.Trim(r.Code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
			return broken("RefusalError.Code", "must be 1 to 64 lower-case letters, digits and underscores")
		case r.Description == "" || !isString(r.Description) || strings.ContainsFunc(r.Description, unicode.IsControl):
			return broken("RefusalError.Description", "must be 1 to 512 bytes of UTF-8 without control characters")
		}
	}
	if r, ok := errors.AsType[*store.SecondFactorError](err); ok {
		switch {
		case !isString(r.UserID):
			return badString("SecondFactorError.UserID", r.UserID)
		case !isString(r.CredentialVersion):
			return badString("SecondFactorError.CredentialVersion", r.CredentialVersion)
		case len(r.Methods) == 0 || !areMethods(r.Methods):
			return broken("SecondFactorError.Methods", "must be 1 to 16, each a scope-token of RFC 6749 section 3.3, of 1 to 128 bytes")
		}
	}
	return nil
}

// orNothing returns the zero value if there is an error.
func orNothing[T any](v T, err error) (T, error) {
	if err != nil {
		var nothing T
		return nothing, err
	}
	return v, nil
}

const (
	tooLong    = "must return no more than the limit"
	notAsked   = "must be the one that was asked for"
	notTheirs  = "must be that of the owner who was asked about"
	outOfOrder = "must return what is behind the cursor, each row once, the newest first"
)

func broken(field, problem string) error {
	return fmt.Errorf("%w: %s: %s", ErrContract, field, problem)
}

// mostSeats is the largest integer that JSON carries exactly (RFC 7493 §2.2).
const mostSeats = 1<<53 - 1

func checkUser(u *store.User) error {
	switch {
	case u.ID == "":
		return broken("User.ID", "must not be empty")
	case !isString(u.ID):
		return badString("User.ID", u.ID)
	case !isString(u.Login):
		return badString("User.Login", u.Login)
	case !isString(u.Account):
		return badString("User.Account", u.Account)
	case !isString(u.Tier):
		return badString("User.Tier", u.Tier)
	case !isString(u.CredentialVersion):
		return badString("User.CredentialVersion", u.CredentialVersion)
	case int64(u.Seats) > mostSeats:
		return broken("User.Seats", "must be less than 2^53")
	}
	return checkScopeList("User.Scopes", u.Scopes)
}

func checkSession(s *store.Session) error {
	switch {
	case !isStoreID(s.ID):
		return broken("Session.ID", badID)
	case s.UserID == "":
		return broken("Session.UserID", "must not be empty")
	case !isString(s.UserID):
		return badString("Session.UserID", s.UserID)
	case !isString(s.ClientID):
		return badString("Session.ClientID", s.ClientID)
	case !isString(s.CredentialVersion):
		return badString("Session.CredentialVersion", s.CredentialVersion)
	case !isString(s.Label):
		return badString("Session.Label", s.Label)
	case !isString(s.Actor):
		return badString("Session.Actor", s.Actor)
	case !areMethods(s.Methods):
		return broken("Session.Methods", badMethods)
	case s.Generation < 0:
		return broken("Session.Generation", "must be 0 or more")
	}
	return checkScopeList("Session.Scopes", s.Scopes)
}

const badMethods = "must be at most 16, each a scope-token of RFC 6749 section 3.3, of 1 to 128 bytes"

// maxMethods is the maximum number of methods of a session.
const maxMethods = 16

// areMethods reports whether names can be the Methods of a session.
func areMethods(names []string) bool {
	return len(names) <= maxMethods && !slices.ContainsFunc(names, func(name string) bool { return !isScopeToken(name) })
}

func checkKey(k *store.APIKey) error {
	switch {
	case !isStoreID(k.ID):
		return broken("APIKey.ID", badID)
	case k.Owner.ID == "":
		return broken("APIKey.Owner.ID", "must not be empty")
	case !isString(k.Owner.ID):
		return badString("APIKey.Owner.ID", k.Owner.ID)
	case !isKind(k.Owner.Kind):
		return broken("APIKey.Owner.Kind", "must be one of the kinds")
	case !isString(k.CredentialVersion):
		return badString("APIKey.CredentialVersion", k.CredentialVersion)
	case !isString(k.Label):
		return badString("APIKey.Label", k.Label)
	case !isString(k.Hint):
		return badString("APIKey.Hint", k.Hint)
	case k.Successor != "" && !isStoreID(k.Successor):
		return broken("APIKey.Successor", badID)
	case len(k.Networks) > store.MaxNetworks:
		return broken("APIKey.Networks", fmt.Sprintf("must be at most %d, got %d", store.MaxNetworks, len(k.Networks)))
	case slices.ContainsFunc(k.Networks, func(n netip.Prefix) bool { return !isNetwork(n) }):
		return broken("APIKey.Networks", "each must be valid, without bits behind its length, and IPv4 as IPv4")
	}
	return checkScopeList("APIKey.Scopes", k.Scopes)
}

func checkClient(c *store.Client) error {
	switch {
	case c.ID == "":
		return broken("Client.ID", "must not be empty")
	case !isString(c.ID):
		return badString("Client.ID", c.ID)
	case !isString(c.Name):
		return badString("Client.Name", c.Name)
	}
	for _, grant := range c.Grants {
		if !isString(grant) {
			return badString("Client.Grants", grant)
		}
	}
	return checkScopeList("Client.Scopes", c.Scopes)
}

func checkScopeList(field string, scopes []string) error {
	for _, name := range scopes {
		if !isScopeToken(name) {
			return broken(field, "each must be one scope-token of RFC 6749 section 3.3, of 1 to 128 bytes")
		}
	}
	return nil
}

// badString returns why isString rejects a string.
func badString(field, value string) error {
	if len(value) > maxString {
		return broken(field, fmt.Sprintf("must be at most %d bytes, got %d", maxString, len(value)))
	}
	return broken(field, "must be UTF-8 without NUL")
}

const badID = "must be 1 to 64 letters, digits or any of -._~"

// isStoreID reports whether the contract allows the ID of a session or a key: the
// unreserved characters of RFC 3986 §2.3.
func isStoreID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
