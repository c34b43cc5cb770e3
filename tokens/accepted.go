package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/strictjson"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// accepted is a checked Issuer. It is immutable.
type accepted struct {
	issuer    string
	audiences []string
	keys      keys.Source
	prefix    string

	typJWT, withoutKeyID, withoutTokenID, withoutIssuedAt bool

	// paths of claims; nil: not read
	audience, subject, tokenID, clientID, account, tier, seats, sessionID []string

	scopes      [][]string
	strictScope bool // a scope is a string
	require     []required
	names       []string // of the outermost members that are read
}

// required is a claim that must have a value.
type required struct {
	path  []string
	value string
}

// issuerOf returns the issuer that a token names. It proves nothing: it selects the
// rules and the keys by which the token is then verified, which compare the issuer
// again.
func issuerOf(payload []byte) (string, error) {
	s := scanner{text: payload}
	name, found := "", false
	s.object(func(member span) bool {
		if string(member.in(payload)) != "iss" {
			return s.skip(0)
		}
		value, ok := s.plain()
		name, found = string(value.in(payload)), ok
		return false // the rest is not needed
	})
	if found {
		return name, nil
	}
	fields, err := strictjson.Members(payload)
	if err != nil {
		return "", errClaims
	}
	var value *string
	if json.Unmarshal(fields["iss"], &value) != nil || value == nil {
		return "", errIssuer
	}
	return *value, nil
}

// verifyAny verifies a token of one of several issuers, each by its own rules, with
// its own keys.
func (v *Verifier) verifyAny(ctx context.Context, token string, p *Principal) error {
	if len(token) > MaxAccessToken {
		return errTooLong
	}
	head, body, sum, ok := parts(token)
	if !ok {
		return errForm
	}
	b := scratches.Get().(*scratch) //nolint:forcetypeassert // of New
	defer scratches.Put(b)
	size, err := strict.Decode(b.claims[:], []byte(body))
	if err != nil {
		return errClaims
	}
	name, err := issuerOf(b.claims[:size])
	if err != nil {
		return err
	}
	if name == v.issuer && v.keys != nil {
		return v.verify(ctx, token, p)
	}
	i := v.others[name]
	if i == nil {
		return errIssuer
	}
	now := v.clock()
	set, key, err := i.keyFor(ctx, head, b, now)
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
	c, err := i.read(b.claims[:size])
	if err != nil {
		return err
	}
	expired, err := v.checkTimes(&c, now)
	if err != nil {
		return err
	}
	if err := proves(key, token[:len(head)+1+len(body)], sum, b); err != nil {
		return err
	}
	if expired {
		return ErrExpiredToken
	}
	*p = i.principal(c, b.claims[:size])
	if remember {
		v.cache.store(&verified{token: k, set: set, key: key, principal: *p, notBefore: c.nbf, at: now})
	}
	return nil
}

// keyFor returns the key of this issuer that a header names, with the algorithm of
// that key, and the set that has it.
func (i *accepted) keyFor(ctx context.Context, head string, b *scratch, now time.Time) (*keys.Set, *keys.Member, error) {
	n, err := strict.Decode(b.header[:], []byte(head))
	if err != nil {
		return nil, nil, errHeader
	}
	algorithm, kid, err := i.readHeader(b.header[:n])
	if err != nil {
		return nil, nil, errHeader
	}
	set, err := keySetOf(ctx, i.keys, "")
	if err != nil {
		return nil, nil, err
	}
	if kid == "" { // readHeader has allowed it
		if k := set.Only(algorithm, now); k != nil {
			return set, k, nil
		}
		return nil, nil, errNoKey
	}
	if !set.Has(kid) && keys.IsID(kid) {
		if set, err = keySetOf(ctx, i.keys, kid); err != nil {
			return nil, nil, err
		}
	}
	if k := set.Named(kid, algorithm, now); k != nil {
		return set, k, nil
	}
	return nil, nil, errNoKey
}

// readHeader returns the algorithm of a header, and its kid, which is empty only if
// the header may have none. A header with a member that is not known is rejected:
// crit, b64, jwk, jku, x5u and x5c among them.
func (i *accepted) readHeader(text []byte) (algorithm, kid string, err error) {
	fields, err := strictjson.Members(text)
	if err != nil {
		return "", "", err
	}
	values := map[string]string{}
	for name, raw := range fields {
		known := name == "alg" || name == "kid" || name == "typ" || i.typJWT && (name == "x5t" || name == "x5t#S256")
		var value *string
		if !known || json.Unmarshal(raw, &value) != nil || value == nil {
			return "", "", errors.New("a member that is not known, or no string")
		}
		values[name] = *value
	}
	typ, hasType := values["typ"]
	if !isAccessToken(typ) && (!i.typJWT || hasType && !strings.EqualFold(typ, "JWT")) {
		return "", "", errors.New("typ")
	}
	kid, hasKeyID := values["kid"]
	if kid == "" && (hasKeyID || !i.withoutKeyID) {
		return "", "", errors.New("kid")
	}
	return values["alg"], kid, nil
}

// read reads claims by the names of this issuer, and checks those whose values are
// known. What it returns has exp, nbf, iat and auth_time, which are not checked.
func (i *accepted) read(payload []byte) (c unverified, err error) {
	c = unverified{read: &claims{}}
	fields, err := strictjson.Members(payload)
	if err != nil {
		return c, errClaims // the text of the cause may contain claims
	}
	for name := range fields {
		if !slices.Contains(i.names, name) && slices.ContainsFunc(i.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return c, errClaims // a reader could take one for the other
		}
	}
	m := members{fields: fields}
	if m.text([]string{"iss"}) != i.issuer {
		return c, errIssuer
	}
	c.issuer = true
	if !slices.ContainsFunc(m.texts(i.audience, false), func(name string) bool { return slices.Contains(i.audiences, name) }) || m.wrong {
		return c, errAudience
	}
	c.audience = true
	for _, r := range i.require {
		if m.text(r.path) != r.value {
			return c, errClaims
		}
	}
	r := c.read
	r.Subject, r.TokenID = m.text(i.subject), m.text(i.tokenID)
	r.ClientID, r.Account, r.Tier, r.SessionID = m.text(i.clientID), m.text(i.account), m.text(i.tier), m.text(i.sessionID)
	if seats := m.number(i.seats); seats != nil {
		r.Seats = int(*seats)
		m.wrong = m.wrong || *seats < 0 || *seats > 1<<31
	}
	if i.strictScope {
		r.Scope = m.text(i.scopes[0])
	} else {
		r.Scope = m.scope(i.scopes)
	}
	r.ContextClass, r.Actor = m.text([]string{"acr"}), m.actor()
	r.ExpiresAt, r.NotBefore, r.IssuedAt, r.AuthenticatedAt = m.number([]string{"exp"}), m.number([]string{"nbf"}), m.number([]string{"iat"}), m.number([]string{"auth_time"})
	if m.wrong || i.lacks(r) {
		return c, errClaims
	}
	c.times()
	return c, nil
}

// lacks reports whether a claim is missing that this issuer's tokens must have.
func (i *accepted) lacks(c *claims) bool {
	return c.Subject == "" || c.ExpiresAt == nil || c.TokenID == "" && !i.withoutTokenID || c.IssuedAt == nil && !i.withoutIssuedAt
}

// principal returns the principal of claims that were verified.
func (i *accepted) principal(c unverified, payload []byte) Principal {
	p := c.read.principal(payload)
	p.Issuer, p.Restricted = i.issuer, true
	p.Subject = i.prefix + p.Subject
	if p.Actor != "" {
		p.Actor = i.prefix + p.Actor
	}
	if p.Account != "" {
		p.Account = i.prefix + p.Account
	}
	if p.SessionID != "" {
		p.SessionID = i.prefix + p.SessionID
	}
	return p
}
