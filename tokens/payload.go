package tokens

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// append appends the payload that encoding/json makes of c, in a fraction of its time.
func (c *minted) append(b []byte) []byte {
	b = appendText(b, `{"iss":`, c.Issuer)
	b = appendText(b, `,"sub":`, c.Subject)
	b = appendNumber(b, `,"exp":`, c.ExpiresAt)
	if c.NotBefore != nil {
		b = appendNumber(b, `,"nbf":`, c.NotBefore)
	}
	b = appendNumber(b, `,"iat":`, c.IssuedAt)
	b = appendText(b, `,"jti":`, c.TokenID)
	b = appendText(b, `,"client_id":`, c.ClientID)
	b = appendIfAny(b, `,"scope":`, c.Scope)
	b = appendIfAny(b, `,"sid":`, c.SessionID)
	b = appendIfAny(b, `,"acct":`, c.Account)
	b = appendIfAny(b, `,"tier":`, c.Tier)
	if c.Seats != 0 {
		b = strconv.AppendInt(append(b, `,"seats":`...), int64(c.Seats), 10)
	}
	if c.Restricted {
		b = append(b, `,"restricted":true`...)
	}
	if c.AuthenticatedAt != nil {
		b = appendNumber(b, `,"auth_time":`, c.AuthenticatedAt)
	}
	before := `,"amr":[`
	for _, method := range c.Methods {
		b = appendText(b, before, method)
		before = ","
	}
	if before == "," {
		b = append(b, ']')
	}
	b = appendIfAny(b, `,"acr":`, c.ContextClass)
	if c.Actor != nil {
		b = append(appendText(b, `,"act":{"sub":`, c.Actor.Subject), '}')
	}
	b = appendIfAny(b, `,"sub_kind":`, c.SubjectKind)
	return append(appendText(b, `,"aud":`, c.Audience), '}')
}

func appendIfAny(b []byte, before, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(b, before, value)
}

// appendNumber appends a number that is not nil.
func appendNumber(b []byte, before string, value *int64) []byte {
	return strconv.AppendInt(append(b, before...), *value, 10)
}

// appendText appends a string as encoding/json does, which writes those that need
// escapes.
func appendText(b []byte, before, value string) []byte {
	b = append(b, before...)
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&':
			text, _ := json.Marshal(value) // a string
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), value...), '"')
}
