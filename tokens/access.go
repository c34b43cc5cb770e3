package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/internal/strictjson"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// MaxAccessToken is the maximum length of an access token, in bytes. Login,
// Refresh and ExchangeKey return ErrClaims instead of a longer one, and Verify
// rejects a longer one without reading it.
const MaxAccessToken = 8 << 10

// registered are the claims that only Sallyport sets: those of RFC 9068 §2.2 and
// RFC 7519 §4.1, and its own.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "acct", "tier", "seats", "restricted", "auth_time", "amr", "acr", "act", "sub_kind"}

// clockDifference is how many seconds "nbf" is before "iat", so that nodes whose
// clocks are slightly behind accept a new token at once.
const clockDifference = 10

// claims are the claims of an access token: those of RFC 9068 §2.2, and
// Sallyport's own.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  aud    `json:"aud"`
	ExpiresAt *int64 `json:"exp"`
	NotBefore *int64 `json:"nbf,omitempty"`
	IssuedAt  *int64 `json:"iat"`
	TokenID   string `json:"jti"`
	ClientID  string `json:"client_id"`
	Scope     string `json:"scope,omitempty"`
	SessionID string `json:"sid,omitempty"`
	Account   string `json:"acct,omitempty"`
	Tier      string `json:"tier,omitempty"`
	Seats     int    `json:"seats,omitempty"`

	Restricted bool `json:"restricted,omitempty"`

	AuthenticatedAt *int64 `json:"auth_time,omitempty"`
	Methods         texts  `json:"amr,omitempty"`
	ContextClass    string `json:"acr,omitempty"`
	Actor           *actor `json:"act,omitempty"`
	SubjectKind     string `json:"sub_kind,omitempty"`
}

// actor is who acts for the subject (RFC 8693 §4.1).
type actor struct {
	Subject string `json:"sub"`
}

var errActor = errors.New("act has no sub")

// UnmarshalJSON reads an object with a "sub". Its other members are not read, but no
// name may be there twice.
func (a *actor) UnmarshalJSON(text []byte) error {
	fields, err := strictjson.Members(text)
	if err != nil {
		return err
	}
	for name := range fields {
		if name != "sub" && strings.EqualFold(name, "sub") { // encoding/json would read it
			return errActor
		}
	}
	if err := json.Unmarshal(fields["sub"], &a.Subject); err != nil || a.Subject == "" {
		return errActor
	}
	return nil
}

// minted is claims as they are minted: with one audience, as a string.
type minted struct {
	claims

	Audience string `json:"aud"`
}

// aud is a string or an array of strings: RFC 7519 §4.1.3.
type aud []string

func (a *aud) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = aud{one}
		return nil
	}
	return json.Unmarshal(text, (*texts)(a))
}

// texts is an array of strings, none of which is null.
type texts []string

func (t *texts) UnmarshalJSON(text []byte) error {
	var all []*string
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, one := range all {
		if one == nil {
			return errors.New("null in an array of strings")
		}
		*t = append(*t, *one)
	}
	return nil
}

// mint signs c with the key. The host's extra claims are added, and must not have
// the name of a registered claim.
func mint(key *keys.Member, c minted, extra map[string]any) (string, Principal, error) {
	payload := c.append(make([]byte, 0, 512)) // most tokens are shorter
	if len(extra) > 0 {
		for name := range extra {
			if looksRegistered(name) {
				return "", Principal{}, fmt.Errorf("%w: %q is not the host's to set", ErrClaims, name)
			}
		}
		more, err := json.Marshal(extra)
		if err != nil {
			return "", Principal{}, fmt.Errorf("%w: %w", ErrClaims, err)
		}
		payload = append(payload[:len(payload)-1], ',')
		payload = append(payload, more[1:]...)
		if _, err := strictjson.Members(payload); err != nil { // two names of extra may be equal after they are encoded
			return "", Principal{}, fmt.Errorf("%w: %w", ErrClaims, err)
		}
	}
	token, err := signed(key, payload)
	if err != nil {
		return "", Principal{}, err
	}
	return token, c.principal(payload), nil
}

// signed returns the token that has this payload.
func signed(key *keys.Member, payload []byte) (string, error) {
	b := scratches.Get().(*scratch) //nolint:forcetypeassert // of New
	defer scratches.Put(b)
	text := append(b.token[:0], key.Header()...)
	text = strict.AppendEncode(text, payload)
	signature, err := key.Sign(string(text))
	if err != nil {
		return "", fmt.Errorf("tokens: sign: %w", err)
	}
	text = strict.AppendEncode(append(text, '.'), signature)
	if len(text) > MaxAccessToken {
		return "", fmt.Errorf("%w: the token would have %d bytes, and %d are the most", ErrClaims, len(text), MaxAccessToken)
	}
	return string(text), nil
}

func (c claims) principal(payload []byte) Principal {
	p := Principal{
		Issuer:     c.Issuer,
		Subject:    c.Subject,
		Account:    c.Account,
		Tier:       c.Tier,
		Seats:      c.Seats,
		ClientID:   c.ClientID,
		Scope:      c.Scope,
		SessionID:  c.SessionID,
		TokenID:    c.TokenID,
		IssuedAt:   instant(c.IssuedAt),
		ExpiresAt:  time.Unix(*c.ExpiresAt, 0).UTC(),
		Restricted: c.Restricted,
		claims:     string(payload),

		AuthenticatedAt: instant(c.AuthenticatedAt), ContextClass: c.ContextClass,
	}
	p.kind, _ = kindOf(store.OwnerKind(c.SubjectKind)) // check has rejected any other
	if c.Actor != nil {
		p.Actor = c.Actor.Subject
	}
	return p
}

// instant is a NumericDate of RFC 7519 §2; the zero time if there is none.
func instant(seconds *int64) time.Time {
	if seconds == nil {
		return time.Time{}
	}
	return time.Unix(*seconds, 0).UTC()
}

// readHeader returns the algorithm and the kid that a header names, if the
// header is one that mint writes: no crit, no b64, no jwk or x5u.
func readHeader(text []byte) (algorithm, kid string, err error) {
	if a, k, typ, ok := scanHeader(text); ok {
		if !isAccessToken(string(typ.in(text))) {
			return "", "", errors.New("typ is not at+jwt")
		}
		return string(a.in(text)), string(k.in(text)), nil
	}
	fields, err := strictjson.Members(text)
	if err != nil {
		return "", "", err
	}
	values := map[string]string{}
	for name, raw := range fields {
		if name != "alg" && name != "kid" && name != "typ" {
			return "", "", errors.New("a member that we do not write")
		}
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return "", "", err
		}
		values[name] = value
	}
	if !isAccessToken(values["typ"]) {
		return "", "", errors.New("typ is not at+jwt")
	}
	return values["alg"], values["kid"], nil
}

// isAccessToken reports whether a typ is that of RFC 9068 §4, in either spelling
// of the media type. ASCII letters are compared without case. A typ with any
// other letter is rejected.
func isAccessToken(typ string) bool {
	for i := range len(typ) {
		if typ[i] >= utf8.RuneSelf {
			return false
		}
	}
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// looksRegistered reports whether a reader could take a name for a registered
// claim: encoding/json, for example, reads "EXP" as exp, and "ſub" as sub.
func looksRegistered(name string) bool {
	return slices.ContainsFunc(registered, func(r string) bool { return strings.EqualFold(r, name) })
}

// decodeClaims is a strict json.Unmarshal: a registered claim must have exactly
// its name, must occur once, and must not be null.
func decodeClaims(payload []byte, c *claims) error {
	fields, err := strictjson.Members(payload)
	if err != nil {
		return err
	}
	for name := range fields {
		if !slices.Contains(registered, name) && looksRegistered(name) {
			return errors.New("a registered claim in other letters")
		}
	}
	exact := []byte{'{'}
	for _, name := range registered {
		raw, ok := fields[name]
		if !ok {
			continue
		}
		if string(raw) == "null" {
			return fmt.Errorf("%s is null", name)
		}
		if len(exact) > 1 {
			exact = append(exact, ',')
		}
		exact = append(exact, `"`+name+`":`...)
		exact = append(exact, raw...)
	}
	return json.Unmarshal(append(exact, '}'), c)
}
