package tokens

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// The reasons why a token is rejected. They are made once, so that many bad
// tokens allocate nothing. None contains a claim of a token that was not
// verified.
var (
	errTooLong   = fmt.Errorf("%w: too long", ErrInvalidToken)
	errForm      = fmt.Errorf("%w: not three parts", ErrInvalidToken)
	errHeader    = fmt.Errorf("%w: header", ErrInvalidToken)
	errNoKey     = fmt.Errorf("%w: header: no key with this kid and alg", ErrInvalidToken)
	errClaims    = fmt.Errorf("%w: claims", ErrInvalidToken)
	errIssuer    = fmt.Errorf("%w: issuer", ErrInvalidToken)
	errAudience  = fmt.Errorf("%w: audience", ErrInvalidToken)
	errSignature = fmt.Errorf("%w: signature", ErrInvalidToken)
)

const maxSignature = 2048 // bytes: of an RSA key of 16384 bits

// scratch is the memory in which a token is decoded.
type scratch struct {
	header, claims [MaxAccessToken]byte
	token          [sha256.Size + MaxAccessToken]byte // for the cache, behind its seed
	signature      [maxSignature]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// verify sets p to the principal of a token that one of the keys has signed, for
// this issuer and audience, and that is valid now. If it returns an error, p is as it was.
// A Principal is large, so it is not returned.
//
// It checks the claims before the signature, which costs up to a hundred times as
// much: a token that would be rejected whatever its signature is rejected there.
// No such claim leaves this function. Only a token whose signature is right gets
// ErrExpiredToken.
func (v *Verifier) verify(ctx context.Context, token string, p *Principal) error {
	if len(token) > MaxAccessToken {
		return errTooLong
	}
	head, body, sum, ok := parts(token)
	if !ok {
		return errForm
	}
	now := v.clock()
	b := scratches.Get().(*scratch) //nolint:forcetypeassert // of New
	defer scratches.Put(b)
	set, key, err := v.keyFor(ctx, head, b, now)
	if err != nil {
		return err
	}
	remember := v.cache.wants(key)
	var k cacheKey
	if remember {
		k = v.cache.keyOf(token, b.token[:])
		if e := v.cache.find(k, set, key, now, v.leeway); e != nil {
			*p = e.principal
			return nil
		}
	}
	if strict.DecodedLen(len(sum)) > len(b.signature) {
		return errSignature
	}
	size, err := strict.Decode(b.claims[:], []byte(body))
	if err != nil {
		return errClaims
	}
	c, err := v.read(b.claims[:size])
	if err != nil {
		return err
	}
	expired, err := v.check(&c, now)
	if err != nil {
		return err
	}
	if err := proves(key, token[:len(head)+1+len(body)], sum, b); err != nil {
		return err
	}
	if expired {
		return ErrExpiredToken
	}
	*p = c.principal(b.claims[:size])
	p.Issuer = v.issuer
	if remember {
		v.cache.store(&verified{token: k, set: set, key: key, principal: *p, notBefore: c.nbf, at: now})
	}
	return nil
}

// parts returns the three parts of a token.
func parts(token string) (head, body, sum string, ok bool) {
	head, rest, ok := strings.Cut(token, ".")
	body, sum, ok2 := strings.Cut(rest, ".")
	ok = ok && ok2 && strings.IndexByte(sum, '.') < 0 &&
		strings.IndexByte(token, '\n') < 0 && strings.IndexByte(token, '\r') < 0 // the decoder would skip them
	return head, body, sum, ok
}

// proves returns nil if sum, in base64url, is the key's signature of the text signed.
func proves(key *keys.Member, signed, sum string, b *scratch) error {
	n, err := strict.Decode(b.signature[:], []byte(sum))
	if err != nil {
		return errSignature
	}
	if err := key.Verify(signed, b.signature[:n]); err != nil {
		return errSignature
	}
	return nil
}

// unverified are the claims of a token before its signature was verified.
type unverified struct {
	scanned

	// read is set if encoding/json read the claims; the spans are empty then.
	read *claims
}

// read reads claims in one pass, or with encoding/json if that is not possible.
func (v *Verifier) read(payload []byte) (c unverified, err error) {
	var ok bool
	if c.scanned, ok = scanClaims(payload, v.issuer, v.audience); ok {
		return c, nil
	}
	c = unverified{read: &claims{}}
	if err := decodeClaims(payload, c.read); err != nil {
		return c, errClaims // the text of the cause may contain claims
	}
	c.issuer, c.audience = c.read.Issuer == v.issuer, slices.Contains(c.read.Audience, v.audience)
	c.times()
	return c, nil
}

// times takes over the times that encoding/json read.
func (c *unverified) times() {
	for _, n := range []struct {
		from *int64
		to   *int64
		has  *bool
	}{{c.read.ExpiresAt, &c.exp, &c.hasExp}, {c.read.NotBefore, &c.nbf, &c.hasNbf}, {c.read.IssuedAt, &c.iat, &c.hasIat}, {c.read.AuthenticatedAt, &c.authTime, &c.hasAuthTime}} {
		if n.from != nil {
			*n.to, *n.has = *n.from, true
		}
	}
}

// isComplete reports whether the token has the claims that RFC 9068 §2.2
// requires.
func (c *unverified) isComplete() bool {
	if c.read != nil {
		return c.read.Subject != "" && c.read.TokenID != "" && c.hasExp && c.hasIat
	}
	return c.subject.a < c.subject.b && c.tokenID.a < c.tokenID.b && c.hasExp && c.hasIat
}

func (c *unverified) principal(payload []byte) Principal {
	if c.read != nil {
		return c.read.principal(payload)
	}
	var authenticated time.Time
	if c.hasAuthTime {
		authenticated = time.Unix(c.authTime, 0).UTC()
	}
	text := string(payload) // shared by the strings of the Principal
	return Principal{
		Subject: text[c.subject.a:c.subject.b], Account: text[c.account.a:c.account.b], Tier: text[c.tier.a:c.tier.b],
		Seats: int(c.seats), ClientID: text[c.clientID.a:c.clientID.b], Scope: text[c.scope.a:c.scope.b],
		SessionID: text[c.sessionID.a:c.sessionID.b], TokenID: text[c.tokenID.a:c.tokenID.b],
		IssuedAt: time.Unix(c.iat, 0).UTC(), ExpiresAt: time.Unix(c.exp, 0).UTC(),
		Restricted: c.restricted, AuthenticatedAt: authenticated, ContextClass: text[c.contextClass.a:c.contextClass.b],
		kind:   c.kind,
		claims: text,
	}
}

// check returns what is wrong with claims, whatever the signature. expired is
// true for claims that expired so recently that a token with the right signature
// gets ErrExpiredToken.
func (v *Verifier) check(c *unverified, now time.Time) (expired bool, err error) {
	switch {
	case !c.issuer:
		return false, errIssuer
	case !c.audience:
		return false, errAudience
	case !c.isComplete():
		return false, errClaims
	}
	return v.checkTimes(c, now)
}

// checkTimes is check for the times alone.
func (v *Verifier) checkTimes(c *unverified, now time.Time) (expired bool, err error) {
	switch {
	case !inRange(c.exp), c.hasIat && !inRange(c.iat), c.hasNbf && !inRange(c.nbf), c.hasAuthTime && !inRange(c.authTime):
		return false, errClaims
	case c.read != nil && !isKind(store.OwnerKind(c.read.SubjectKind)):
		return false, errClaims
	case c.hasNbf && now.Add(v.leeway).Before(time.Unix(c.nbf, 0)):
		return false, errClaims
	}
	past := now.Add(-v.leeway).Sub(time.Unix(c.exp, 0))
	if past > v.accessTTL {
		return false, errClaims
	}
	return past >= 0, nil
}

// inRange reports whether a token may have this time: after 1970, and not in
// milliseconds.
func inRange(unix int64) bool { return unix > 0 && unix < 1<<40 }

// keyFor returns the key that a header names, with the algorithm of that key, and
// the set that has it.
func (v *Verifier) keyFor(ctx context.Context, head string, b *scratch, now time.Time) (*keys.Set, *keys.Member, error) {
	set, err := keySetOf(ctx, v.keys, "")
	if err != nil {
		return nil, nil, err
	}
	if k := set.WithHeader(head, now); k != nil {
		return set, k, nil
	}
	n, err := strict.Decode(b.header[:], []byte(head))
	if err != nil {
		return nil, nil, errHeader
	}
	algorithm, kid, err := readHeader(b.header[:n])
	if err != nil {
		return nil, nil, errHeader
	}
	// the source is not asked for a kid that no key can have
	if !set.Has(kid) && keys.IsID(kid) {
		if set, err = keySetOf(ctx, v.keys, kid); err != nil {
			return nil, nil, err
		}
	}
	if k := set.Named(kid, algorithm, now); k != nil {
		return set, k, nil
	}
	return nil, nil, errNoKey
}
