package main

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"regexp"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

type apiKeysImport struct {
	storeFlags
	importFlags

	Unchecked bool `help:"Import keys of users whom only the host knows, without asking whether there are such users."`
}

// Help is the rest of --help.
func (apiKeysImport) Help() string {
	return `For keys that Sallyport has made, and whose digests are in another store: a host accepts no key of
another form, so the keys of another system cannot be taken over. The columns are digest (the
SHA-256 of the key, in hexadecimal) and one of user, account and service (the ID of the owner),
which are required, and id, label, hint, scopes, networks, created_at and expires_at (RFC 3339).
Without an id the key gets one that is made of its digest. In CSV scopes and networks have
spaces between them; in JSON they are lists. The owner's present password counts as the one that
the key was made with (PasswordEndsAPIKeys).

Lines are checked, written and reported as those of users import.

    sallyport api-keys import keys.csv --dry-run
    sallyport api-keys import keys.csv

The first two lines of a CSV:

    digest,user,label,expires_at
    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,u1,CI,2027-01-01T00:00:00Z

JSON: as users import.`
}

var keyColumns = []string{"digest", "user", "account", "service", "id", "label", "hint", "scopes", "networks", "created_at", "expires_at"}

// Run runs the command.
func (c *apiKeysImport) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return err
	}
	s, err := c.open(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.ownsNo && !c.Unchecked {
		return usagef("the users are not in %s: add --unchecked if you know that the owners exist", s.place)
	}
	first, now := firsts{}, p.now().UTC().Truncate(time.Microsecond)
	job := importing[store.APIKey]{
		flags: c.importFlags, what: "keys", workers: workers,
		check: func(r row, complain func(field, format string, args ...any)) store.APIKey {
			return readKey(r, now, first, complain)
		},
		write: func(ctx context.Context, k store.APIKey) (bool, error) { return addKey(ctx, s, k) },
	}
	return job.run(ctx, p, out, keyColumns)
}

// addKey adds a key, unless it is there.
func addKey(ctx context.Context, s *storage, k store.APIKey) (bool, error) {
	there, err := s.APIKey(ctx, k.Digest)
	switch {
	case err == nil && (there.ID != k.ID || there.Owner != k.Owner):
		return false, negativef("digest: a key with another ID or owner has it")
	case err == nil:
		return false, nil
	case !errors.Is(err, store.ErrNotFound):
		return false, err
	}
	if k.Owner.Kind == store.OwnerUser && !s.ownsNo {
		u, err := s.User(ctx, k.Owner.ID)
		if errors.Is(err, store.ErrNotFound) {
			return false, negativef("user: no such user")
		}
		if err != nil {
			return false, err
		}
		k.CredentialVersion = u.CredentialVersion
	}
	err = s.CreateAPIKey(ctx, k)
	if errors.Is(err, store.ErrConflict) {
		return false, negativef("id: another key has it")
	}
	return err == nil, err
}

// identifier is the form of an ID of a key.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// readKey returns the key of a row.
func readKey(r row, now time.Time, first firsts, complain func(field, format string, args ...any)) store.APIKey {
	k := store.APIKey{ID: r.text("id"), Label: r.text("label"), Hint: r.text("hint"), Scopes: scopes(r, complain), CreatedAt: now}
	digest, err := hex.DecodeString(r.text("digest"))
	if err != nil || len(digest) != len(k.Digest) {
		complain("digest", "must be the SHA-256 of the key, as 64 hexadecimal digits")
	}
	copy(k.Digest[:], digest)
	owners := 0
	for kind, field := range map[store.OwnerKind]string{store.OwnerUser: "user", store.OwnerAccount: "account", store.OwnerService: "service"} {
		if id := r.text(field); id != "" {
			owners++
			k.Owner = store.Owner{Kind: kind, ID: id}
			optional(field, id, complain)
		}
	}
	if owners != 1 {
		complain("user", "must have one of user, account and service")
	}
	if k.ID == "" {
		// The ID is no secret and the digest should be none: so the ID does not tell it.
		sum := sha256.Sum256(append([]byte("sallyport imported key "), digest...))
		k.ID = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	}
	if !identifier.MatchString(k.ID) {
		complain("id", "must be 1 to 64 letters, digits or any of -._~")
	}
	optional("label", k.Label, complain)
	if len(k.Hint) > 4 {
		complain("hint", "must be the last four characters of the key")
	}
	if all := r.list("networks"); len(all) > 0 {
		if k.Networks, err = tokens.ParseNetworks(all); err != nil {
			complain("networks", "must be at most %d addresses or networks in CIDR notation", store.MaxNetworks)
		}
	}
	for field, into := range map[string]*time.Time{"created_at": &k.CreatedAt, "expires_at": &k.ExpiresAt} {
		text := r.text(field)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			complain(field, "must be a time such as 2027-01-01T00:00:00Z")
		}
		*into = t.UTC().Truncate(time.Microsecond)
	}
	first.unique(r, "digest", string(digest), complain)
	first.unique(r, "id", k.ID, complain)
	return k
}
