package tokentest

import (
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens"
)

// names are the claims of a target, by those of an Authority. An empty name is not
// read.
type names map[string]string

// of returns the name of a claim, which stays as it is if the target does not read it.
func (n names) of(name string) string {
	if other := n[name]; other != "" {
		return other
	}
	return name
}

// namesOf returns the names of a target, or nil if they are those of an Authority.
func namesOf(as *tokens.Issuer) names {
	if as == nil {
		return nil
	}
	n := names{
		"sub": "sub", "jti": "jti", "scope": "scope", "client_id": "client_id", "acct": "acct", "tier": "tier", "seats": "seats", "sid": "sid",
		"aud": as.AudienceClaim, "restricted": "", "amr": "", "sub_kind": "",
	}
	if n["aud"] == "" {
		n["aud"] = "aud"
	}
	c := as.Claims
	if c == nil {
		return n
	}
	n["scope"], n["client_id"], n["acct"], n["tier"], n["seats"], n["sid"] = "", c.ClientID, c.Account, c.Tier, c.Seats, c.SessionID
	if len(c.Scopes) > 0 {
		n["scope"] = c.Scopes[0]
	}
	if c.Subject != "" {
		n["sub"] = c.Subject
	}
	if c.TokenID != "" {
		n["jti"] = c.TokenID
	}
	return n
}

// rename gives the claims the names of the target. A claim whose name another gets is
// left out.
func (d *draft) rename() {
	var renamed forge.Object
	for _, m := range d.Claims {
		as := d.as.of(m.Name)
		if as != m.Name {
			d.Claims = d.Claims.Drop(as)
		}
	}
	for _, m := range d.Claims {
		renamed = append(renamed, forge.Member{Name: d.as.of(m.Name), Value: m.Value})
	}
	d.Claims = renamed
}

// verdict returns the verdict of a row, after what the settings of the target allow.
func (t Target) verdict(r row) Verdict {
	as := t.As
	if as == nil || r.verdict == Good {
		return r.verdict
	}
	about, _, _ := strings.Cut(r.name, " ")
	for name, read := range namesOf(as) {
		if strings.EqualFold(about, name) && read != name && (read == "" || r.verdict != Bad || !isAbout(r.name, name)) {
			return Harmless // it is not read, or under another name
		}
	}
	switch {
	case r.name == "an expired token of another type" && as.AcceptTypJWT:
		return Expired
	case slices.Contains([]string{"typ JWT", "no typ", "x5t"}, r.name) && as.AcceptTypJWT,
		r.name == "no kid" && as.AcceptWithoutKeyID,
		strings.HasPrefix(r.name, "scope an array") && as.Claims != nil,
		(r.name == "no jti" || r.name == "jti empty") && as.AcceptWithoutTokenID,
		r.name == "no iat" && as.AcceptWithoutIssuedAt:
		return Harmless
	}
	return r.verdict
}

// isAbout reports whether a row sets a claim by the name that the target has for it.
// The other rows write the name of an Authority's claim.
func isAbout(row, name string) bool {
	return !strings.Contains(row, " beside ") && !strings.Contains(row, " in place of ") && !strings.Contains(row, " twice") && strings.HasPrefix(row, name+" ")
}

// settings returns tokens that a target accepts or rejects because of its settings.
func settings(t Target) (rows []row) {
	as := t.As
	if as == nil {
		return nil
	}
	if as.AcceptTypJWT {
		rows = append(rows, row{"typ JWT, which is accepted", header("typ", `"JWT"`), Good}, row{"no typ, which is accepted", func(d *draft) { d.Header = d.Header.Drop("typ") }, Good},
			row{"typ JWT without a signature", all(header("typ", `"JWT"`), unsigned), bad},
			row{"typ JWT with a bad signature", all(header("typ", `"JWT"`), flip(0)), bad},
			row{"typ JWT and alg none", all(header("typ", `"JWT"`), header("alg", `"none"`), unsigned), bad},
			row{"typ JWT of another issuer", all(header("typ", `"JWT"`), claim("iss", `"https://other.example"`)), bad},
			row{"typ JWT for another audience", all(header("typ", `"JWT"`), claim("aud", `"https://other.example"`)), bad},
			row{"typ JWT without exp", all(header("typ", `"JWT"`), without("exp")), bad},
			row{"typ JWT and a jku", all(header("typ", `"JWT"`), header("jku", `"https://attacker.example/jwks.json"`)), bad},
			row{"x5t a number", header("x5t", "1"), bad})
	}
	if as.AcceptWithoutKeyID {
		rows = append(rows, row{"no kid and a bad signature", all(without("kid"), flip(0)), bad}, row{"no kid and no signature", all(without("kid"), unsigned), bad},
			row{"no kid and an unknown alg", all(without("kid"), header("alg", `"XS256"`)), bad}, row{"no kid and no alg", all(without("kid"), without("alg")), bad})
	}
	if as.AcceptWithoutTokenID {
		rows = append(rows, row{"no jti, which is accepted", without("jti"), Good})
	}
	if as.AcceptWithoutIssuedAt {
		rows = append(rows, row{"no iat, which is accepted", without("iat"), Good})
	}
	for name, value := range as.Require {
		rows = append(rows,
			row{"without the required " + name, func(d *draft) { d.Claims = d.Claims.Drop(name) }, bad},
			row{"another value of the required " + name, func(d *draft) { d.Claims = d.Claims.Set(name, forge.Quoted(value+"x")) }, bad},
			row{"the required " + name + " in an array", func(d *draft) { d.Claims = d.Claims.Set(name, "["+forge.Quoted(value)+"]") }, bad},
			row{"the required " + name + " in capitals", func(d *draft) { d.Claims = d.Claims.Drop(name).Add(strings.ToUpper(name), forge.Quoted(value)) }, bad})
	}
	return rows
}
