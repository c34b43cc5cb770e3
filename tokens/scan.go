package tokens

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/store"
)

// maxUnknown is how many of the host's own claims the one-pass reader compares with
// one another; maxDepth is how deep it goes into their values. Claims beyond either
// are read by encoding/json.
const (
	// maxUnknown is how many of the host's own claims the one-pass reader compares
	// with one another; maxDepth is how deep it reads their values. encoding/json
	// reads claims beyond either.
	maxUnknown = 24
	maxDepth   = 32
)

// scanned are the registered claims of a token as the one-pass reader found them.
// A missing string is an empty span, and a missing number has its "has" field
// false.
type scanned struct {
	subject, tokenID, clientID, scope, sessionID, account, tier, contextClass span

	issuer, audience       bool // whether they match the verifier's
	exp, nbf, iat, seats   int64
	hasExp, hasNbf, hasIat bool
	restricted             bool
	authTime               int64
	hasAuthTime            bool
	kind                   kind
}

// scanClaims reads claims. It returns false if decodeClaims must read them.
func scanClaims(text []byte, issuer, audience string) (c scanned, ok bool) { //nolint:gocyclo // a table of names
	if !utf8.Valid(text) {
		return c, false
	}
	s := scanner{text: text}
	var seen uint32
	var unknown [maxUnknown]span
	known := 0
	ok = s.object(func(name span) bool {
		var n int
		switch string(name.in(text)) {
		case "iss":
			var value span
			if value, ok = s.plain(); !ok {
				return false
			}
			c.issuer = string(value.in(text)) == issuer
		case "sub":
			n, c.subject, ok = s.textOf(1)
		case "jti":
			n, c.tokenID, ok = s.textOf(2)
		case "client_id":
			n, c.clientID, ok = s.textOf(3)
		case "scope":
			n, c.scope, ok = s.textOf(4)
		case "sid":
			n, c.sessionID, ok = s.textOf(5)
		case "acct":
			n, c.account, ok = s.textOf(6)
		case "tier":
			n, c.tier, ok = s.textOf(7)
		case "aud":
			n = 8
			c.audience, ok = s.audience(audience)
		case "exp":
			n, c.hasExp = 9, true
			c.exp, ok = s.integer()
		case "nbf":
			n, c.hasNbf = 10, true
			c.nbf, ok = s.integer()
		case "iat":
			n, c.hasIat = 11, true
			c.iat, ok = s.integer()
		case "seats":
			n = 12
			c.seats, ok = s.integer()
		case "restricted":
			n = 13
			c.restricted, ok = s.boolean()
		case "auth_time":
			n, c.hasAuthTime = 14, true
			c.authTime, ok = s.integer()
		case "amr":
			n, ok = 15, s.array(func(span) {})
		case "acr":
			n, c.contextClass, ok = s.textOf(16)
		case "act":
			return false // few tokens have it
		case "sub_kind":
			var value span
			if n, value, ok = s.textOf(17); ok {
				c.kind, ok = kindOf(store.OwnerKind(value.in(text))) // check rejects any other
			}
		default:
			if known == maxUnknown || !isPlainName(name.in(text)) {
				return false
			}
			for _, other := range unknown[:known] {
				if bytes.Equal(other.in(text), name.in(text)) {
					return false
				}
			}
			unknown[known] = name
			known++
			return s.skip(0)
		}
		if !ok || seen&(1<<n) != 0 {
			return false
		}
		seen |= 1 << n
		return true
	})
	return c, ok
}

// scanHeader returns the three members that a header may have, each a string. It
// returns false if readHeader must read the header.
func scanHeader(text []byte) (algorithm, kid, typ span, ok bool) {
	if !utf8.Valid(text) {
		return span{}, span{}, span{}, false
	}
	s := scanner{text: text}
	var seen uint8
	ok = s.object(func(name span) bool {
		n := -1
		var fine bool
		switch string(name.in(text)) {
		case "alg":
			n, algorithm, fine = s.textOf(0)
		case "kid":
			n, kid, fine = s.textOf(1)
		case "typ":
			n, typ, fine = s.textOf(2)
		}
		if !fine || seen&(1<<n) != 0 {
			return false
		}
		seen |= 1 << n
		return true
	})
	return algorithm, kid, typ, ok
}

// isPlainName reports whether a name is ASCII, and none that a reader could take
// for a registered claim.
func isPlainName(name []byte) bool {
	capitals := false
	for _, c := range name {
		if c >= utf8.RuneSelf {
			return false
		}
		capitals = capitals || c >= 'A' && c <= 'Z'
	}
	if !capitals || len(name) > len("restricted") {
		return true // registered names have only small letters, and scanClaims has compared them
	}
	for _, r := range registered {
		if len(r) == len(name) && strings.EqualFold(r, string(name)) {
			return false
		}
	}
	return true
}
