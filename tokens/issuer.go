package tokens

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Issuer accepts the access tokens of another issuer: of an identity provider such
// as Keycloak, Entra, Okta or Cognito, or of the system that a host migrates from.
//
// Whatever its fields say, a token is accepted only if it names this issuer ("iss"),
// if a key of this issuer has signed it with the algorithm of that key, if it is for
// one of the Audiences, and if it has not expired. A key verifies tokens of the
// issuer that it is configured for, and of no other. The zero value of each optional
// field is the strict rule of RFC 9068, as for tokens of an [Authority]. Each field
// that begins with Accept gives up one check, and says what can then happen.
//
// The principal of such a token has its Issuer and is Restricted, so it cannot manage
// the sessions and API keys that the host keeps itself.
type Issuer struct {
	// Issuer is required: the "iss" of the tokens, for example
	// "https://login.example.com/realms/shop", compared code point by code point: a
	// slash at its end counts. From 1 to 512 bytes of UTF-8 without NUL. It must
	// differ from that of every other issuer.
	Issuer string

	// Audiences is required: a token must be for at least one of them. From 1 to 16,
	// each as VerifierConfig.Audience. List only names of this service: a token for
	// another service must not be accepted here.
	Audiences []string

	// Keys is required: the source of this issuer's public keys, as
	// VerifierConfig.Keys. A set of HMAC keys is allowed, but each service that can
	// verify such tokens can also make them.
	Keys keys.Source

	// SubjectPrefix is put before the "sub", the "act" and the account of the tokens,
	// and before their "sid", so that the user "1" of this issuer is not the user "1" of another:
	// with "okta|" the Subject is "okta|1". No user ID of the host should begin with
	// it. At most 64 bytes of UTF-8 without NUL. Empty: SameUsers must be set if the
	// verifier accepts more than one issuer.
	SubjectPrefix string

	// SameUsers says that this issuer names users and accounts as the host does: its
	// user "1" is the host's user "1". The issuer can then name any user of the host.
	// Set it for the system that the host migrates from. It cannot be set beside
	// SubjectPrefix. False: SubjectPrefix keeps the users apart.
	SameUsers bool

	// AcceptTypJWT also accepts tokens whose header has the "typ" JWT, or none, and an
	// "x5t" or "x5t#S256", which is ignored. Most issuers write such tokens. It gives
	// up what tells an access token from other tokens of the same issuer (RFC 8725
	// §3.11): an ID token, whose "aud" is a client, is accepted if the client's ID is
	// one of the Audiences. Use Require where the issuer marks its access tokens, and
	// an audience that is no client. False: "typ" must be at+jwt.
	AcceptTypJWT bool

	// AcceptWithoutKeyID also accepts tokens whose header has no "kid". Such a token is
	// verified with the only key of its "alg" that has not retired. If there are
	// several, it is rejected, so keys cannot be rotated without rejecting valid
	// tokens. False: a "kid" is required.
	AcceptWithoutKeyID bool

	// AcceptWithoutTokenID also accepts tokens without a "jti". It gives up the ID by
	// which a log names a token: TokenID is then empty. False: a "jti" is required.
	AcceptWithoutTokenID bool

	// AcceptWithoutIssuedAt also accepts tokens without an "iat". It gives up their
	// age: IssuedAt is then the zero time. False: an "iat" is required.
	AcceptWithoutIssuedAt bool

	// AudienceClaim is the claim that has the audience, a string or an array of
	// strings. Set it for an issuer that writes no "aud": the access tokens of Cognito
	// have the client's ID in "client_id" only. Empty: "aud".
	AudienceClaim string

	// Require has claims that a token must have with exactly this string, by their
	// names as in ClaimNames, for example "token_use": "access" for Cognito, or
	// "typ": "Bearer" for Keycloak. Use it where an issuer writes tokens of several
	// uses. Nil: no others.
	Require map[string]string

	// Claims names the claims that a Principal is read from. Nil: those that an
	// Authority writes.
	Claims *ClaimNames
}

// ClaimNames names the claims of another issuer. A name is that of a member of the
// claims, for example "scp" or "https://example.com/tier". A name that begins with a
// slash is a JSON Pointer (RFC 6901) to a member of a member, for example
// "/realm_access/roles". A claim that is missing is left empty. A claim of another type
// than the field says makes the token invalid.
type ClaimNames struct {
	// Subject is the user's ID, a string that is required of each token, for example
	// "oid". Empty: "sub".
	Subject string

	// TokenID is the token's ID, a string, for example "uti". Empty: "jti".
	TokenID string

	// Scopes have the granted scopes, each an array of strings or a string of
	// scope-tokens separated by spaces. All of them together are the Scope of the
	// Principal. Roles can be named here too: then a role and a scope of the same name
	// grant the same. A value that is no scope-token (RFC 6749 §3.3) is not granted.
	// Nil: none is read.
	Scopes []string

	// ClientID, Account, Tier and SessionID are strings, and Seats is a number of at
	// least 0. Name only claims that users cannot choose themselves: Account and Tier
	// decide about their limits. Empty: not read.
	ClientID, Account, Tier, Seats, SessionID string
}

const (
	maxIssuers       = 64
	maxAudiences     = 16
	maxSubjectPrefix = 64 // bytes
)

// ownNames are the claims that mint writes.
var ownNames = ClaimNames{
	Subject: "sub", TokenID: "jti", Scopes: []string{"scope"},
	ClientID: "client_id", Account: "acct", Tier: "tier", Seats: "seats", SessionID: "sid",
}

// check complains of what is wrong with an Issuer. several is set if the verifier
// accepts others besides.
func (i *Issuer) check(several bool, complain configcheck.Complain) {
	configcheck.Required("Keys", i.Keys, complain)
	switch {
	case i.Issuer == "", len(i.Issuer) > maxString:
		complain("Issuer", "is required, of %d bytes at most", maxString)
	case !isText(i.Issuer):
		complain("Issuer", "must be valid UTF-8 without NUL")
	}
	if len(i.Audiences) == 0 || len(i.Audiences) > maxAudiences {
		complain("Audiences", "is required: from 1 to %d, got %d", maxAudiences, len(i.Audiences))
	}
	for _, name := range i.Audiences {
		if name == "" || !isString(name) {
			complain("Audiences", "must each be from 1 to %d bytes of UTF-8 without NUL", maxString)
		}
	}
	switch {
	case len(i.SubjectPrefix) > maxSubjectPrefix, !isText(i.SubjectPrefix):
		complain("SubjectPrefix", "must be at most %d bytes of UTF-8 without NUL", maxSubjectPrefix)
	case i.SubjectPrefix != "" && i.SameUsers:
		complain("SameUsers", "must be false if SubjectPrefix is set")
	case i.SubjectPrefix == "" && !i.SameUsers && several:
		complain("SubjectPrefix", "is required, or SameUsers: otherwise two issuers could name two people alike")
	}
	i.checkNames(complain)
}

// checkNames complains of each name of a claim that is none.
func (i *Issuer) checkNames(complain configcheck.Complain) {
	check := func(path string, required bool, names ...string) {
		for _, name := range names {
			switch {
			case name == "" && required:
				complain(path, "must not have an empty name")
			case !isClaimName(name):
				complain(path, "must be a name of UTF-8, or a JSON Pointer, got %q", name)
			}
		}
	}
	check("AudienceClaim", false, i.AudienceClaim)
	check("Require", true, slices.Sorted(maps.Keys(i.Require))...)
	if c := i.Claims; c != nil {
		check("Claims.Subject", false, c.Subject)
		check("Claims.TokenID", false, c.TokenID)
		check("Claims.Scopes", true, c.Scopes...)
		check("Claims.ClientID", false, c.ClientID)
		check("Claims.Account", false, c.Account)
		check("Claims.Tier", false, c.Tier)
		check("Claims.Seats", false, c.Seats)
		check("Claims.SessionID", false, c.SessionID)
	}
}

// isClaimName reports whether a name is one, or empty.
func isClaimName(name string) bool {
	if len(name) > maxString || !utf8.ValidString(name) {
		return false
	}
	for at := strings.IndexByte(name, '~'); name != "" && name[0] == '/' && at >= 0; at = strings.IndexByte(name, '~') {
		if at+1 == len(name) || name[at+1] != '0' && name[at+1] != '1' {
			return false
		}
		name = "/" + name[at+2:]
	}
	return true
}

// claimPath returns the names that lead to a claim, from the outermost to its own.
func claimPath(name string) []string {
	rest, pointer := strings.CutPrefix(name, "/")
	if !pointer {
		return []string{name}
	}
	path := strings.Split(rest, "/")
	for i, part := range path {
		path[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return path
}

// checkIssuers returns the checked issuers by their names. taken is the name of the
// verifier's own issuer, or empty.
func checkIssuers(all []Issuer, taken string, wrong *configcheck.List, parent string) map[string]*accepted {
	if len(all) > maxIssuers {
		wrong.At(parent)("Issuers", "must be at most %d, got %d", maxIssuers, len(all))
		return nil
	}
	checked := make(map[string]*accepted, len(all))
	for n := range all {
		i, complain := &all[n], wrong.At(fmt.Sprintf("%sIssuers[%d].", parent, n))
		i.check(taken != "" || len(all) > 1, complain)
		if _, twice := checked[i.Issuer]; i.Issuer != "" && (twice || i.Issuer == taken) {
			complain("Issuer", "must differ from that of every other issuer, got %q twice", i.Issuer)
		}
		for _, other := range all[:n] {
			if i.SubjectPrefix != "" && other.SubjectPrefix != "" && (strings.HasPrefix(i.SubjectPrefix, other.SubjectPrefix) || strings.HasPrefix(other.SubjectPrefix, i.SubjectPrefix)) {
				complain("SubjectPrefix", "must not begin as that of another issuer, got %q and %q", other.SubjectPrefix, i.SubjectPrefix)
			}
		}
		checked[i.Issuer] = i.accepted()
	}
	return checked
}

// accepted returns a copy that later changes do not affect.
func (i *Issuer) accepted() *accepted {
	names := ownNames
	if i.Claims != nil {
		names = *i.Claims
		names.Subject, names.TokenID = or(names.Subject, "sub"), or(names.TokenID, "jti")
	}
	a := &accepted{
		issuer: i.Issuer, audiences: slices.Clone(i.Audiences), keys: i.Keys, prefix: i.SubjectPrefix,
		typJWT: i.AcceptTypJWT, withoutKeyID: i.AcceptWithoutKeyID, withoutTokenID: i.AcceptWithoutTokenID, withoutIssuedAt: i.AcceptWithoutIssuedAt,
		audience: claimPath(or(i.AudienceClaim, "aud")), subject: claimPath(names.Subject), tokenID: claimPath(names.TokenID),
		strictScope: i.Claims == nil,
	}
	for _, name := range names.Scopes {
		a.scopes = append(a.scopes, claimPath(name))
	}
	for _, mapped := range []struct {
		name string
		to   *[]string
	}{{names.ClientID, &a.clientID}, {names.Account, &a.account}, {names.Tier, &a.tier}, {names.Seats, &a.seats}, {names.SessionID, &a.sessionID}} {
		if mapped.name != "" {
			*mapped.to = claimPath(mapped.name)
		}
	}
	for name, value := range i.Require {
		a.require = append(a.require, required{claimPath(name), value})
	}
	a.names = append([]string{"iss", "exp", "nbf", "iat", "auth_time", "acr", "act"}, a.audience[0], a.subject[0], a.tokenID[0])
	for _, path := range append([][]string{a.clientID, a.account, a.tier, a.seats, a.sessionID}, a.scopes...) {
		if path != nil {
			a.names = append(a.names, path[0])
		}
	}
	for _, r := range a.require {
		a.names = append(a.names, r.path[0])
	}
	return a
}
