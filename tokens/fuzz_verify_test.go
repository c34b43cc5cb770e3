package tokens_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// FuzzVerifyAsOthersDo signs any header and any claims with a good key. What Verify
// accepts, golang-jwt's parser and encoding/json accept too, with the same claims.
func FuzzVerifyAsOthersDo(f *testing.F) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	by := signerOf("HS256")
	cases, err := tokentest.Target{
		Keys: []keys.Key{by.key}, Issuer: issuer, Audience: audience, Subject: alice.ID, Now: func() time.Time { return now },
	}.Cases()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		part := strings.Split(string(c.Token), ".")
		if len(part) != 3 || len(c.Token) > tokens.MaxAccessToken {
			continue
		}
		head, err := base64.RawURLEncoding.DecodeString(part[0])
		claims, err2 := base64.RawURLEncoding.DecodeString(part[1])
		if errors.Join(err, err2) == nil {
			f.Add(string(head), string(claims))
		}
	}
	good := draftOf(by, now)
	for _, more := range []string{
		`"a":-0.5e+3`, `"a":[{"b":"\ud800\\\"\u00e9"},true,null]`, `"aud":[` + `"x",` + `"y"]`, `"seats":-3`, `"Seats":3`, `"acr":"g\u006fld"`, `"act":{"sub":"a","Sub":"b"}`, `"restricted":true`, `"restricted": false`, `"restricted":"true"`, `"restricted":tru`, `"Restricted":true`, `"a":"é"`, `"é":1`,
		`"auth_time":1772600767`, `"sub_kind":"service"`, `"sub_kind":"group"`, `"sub_kind":""`, `"sub_kind":1`, `"sub_k\u0069nd":"account"`, `"auth_time":0`, `"auth_time":1.5`, `"amr":["pwd","otp"]`, `"amr":[]`, `"amr":["p\u0077d"]`, `"amr":[null]`, `"amr":"pwd"`, `"acr":"gold"`, `"acr":1`, `"acr":null`, `"act":{"sub":"u-staff"}`, `"act":{}`, `"act":{"sub":"a","act":{"sub":"b"}}`, `"amr":{}`, `"Amr":[]`,
		`"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40), `"a":01`, `"a":.5`, `"a":1.`, `"a":1e`, `"a":"\x"`, `"a":"\u00g0"`, `"a":1e308`, `"a":17726e0767`, `"a":[{"b":-1E999}]`, `"a":` + strings.Repeat("9", 310), `"a":"` + "\x7f" + `"`, `"sid":""`,
	} {
		f.Add(good.Header.Text(), strings.TrimSuffix(good.Claims.Text(), "}")+","+more+"}")
	}
	v, err := tokens.NewVerifier(tokens.VerifierConfig{
		Keys: setOf(f, by.key), Issuer: issuer, Audience: audience, Now: func() time.Time { return now },
	})
	if err != nil {
		f.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithJSONNumber())

	f.Fuzz(func(t *testing.T, head, text string) {
		if err := tokens.ReadersDiffer([]byte(text), issuer, audience); err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		signed := b64([]byte(head)) + "." + b64([]byte(text))
		signature, err := by.method.Sign(signed, by.sign)
		if err != nil {
			t.Fatal(err)
		}
		token := signed + "." + b64(signature)
		p, err := v.Verify(t.Context(), tokens.Secret(token))
		if err != nil {
			if !reflect.DeepEqual(p, tokens.Principal{}) || !errors.Is(err, tokens.ErrInvalidToken) && !errors.Is(err, tokens.ErrExpiredToken) {
				t.Errorf("%+v, %v", p, err)
			}
			if strings.Contains(err.Error(), alice.ID) {
				t.Errorf("the refusal quotes a claim: %v", err)
			}
			return
		}
		theirs, err := parser.Parse(token, func(*jwt.Token) (any, error) { return by.verify, nil })
		if err != nil {
			t.Fatalf("golang-jwt refuses it: %v", err)
		}
		var c struct {
			Iss, Sub, Jti, Scope, Sid, Acct, Tier string
			ClientID                              string `json:"client_id"`
			Aud                                   any
			Exp, Iat                              int64
			Nbf                                   *int64
			Seats                                 int
			Restricted                            bool
			AuthTime                              *int64 `json:"auth_time"`
			Amr                                   []string
			Acr                                   string
			SubKind                               string `json:"sub_kind"`
			Act                                   *struct{ Sub string }
		}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		want := tokens.Principal{
			Issuer:  c.Iss,
			Subject: c.Sub, Account: c.Acct, Tier: c.Tier, Seats: c.Seats, ClientID: c.ClientID, Scope: c.Scope, SessionID: c.Sid, TokenID: c.Jti,
			IssuedAt: time.Unix(c.Iat, 0).UTC(), ExpiresAt: time.Unix(c.Exp, 0).UTC(), Restricted: c.Restricted,
		}
		want.ContextClass = c.Acr
		if p.Kind() != store.OwnerKind(c.SubKind) {
			t.Errorf("Kind = %q, encoding/json %q", p.Kind(), c.SubKind)
		}
		if c.Act != nil {
			want.Actor = c.Act.Sub
		}
		if c.AuthTime != nil {
			want.AuthenticatedAt = time.Unix(*c.AuthTime, 0).UTC()
		}
		if !slices.Equal(p.Methods(), c.Amr) {
			t.Errorf("Methods = %q, encoding/json %q", p.Methods(), c.Amr)
		}
		all := map[string]any{}
		if err := p.Claims(&all); err != nil || !reflect.DeepEqual(all, unmarshalled(t, text)) {
			t.Errorf("Claims = %v, %v", all, err)
		}
		if got := withoutClaims(p); !reflect.DeepEqual(got, want) || c.Iss != issuer {
			t.Errorf("Verify = %+v\nencoding/json %+v", got, want)
		}
		mapped := theirs.Claims.(jwt.MapClaims)
		for name, value := range map[string]string{"sub": p.Subject, "jti": p.TokenID, "client_id": p.ClientID, "scope": p.Scope, "sid": p.SessionID, "acct": p.Account, "tier": p.Tier} {
			if got, _ := mapped[name].(string); got != value {
				t.Errorf("golang-jwt reads %s as %q, Verify as %q", name, got, value)
			}
		}
		if exp, err := mapped.GetExpirationTime(); err != nil || !exp.Equal(p.ExpiresAt) {
			t.Errorf("golang-jwt reads exp as %v, Verify as %v", exp, p.ExpiresAt)
		}
		if to, err := mapped.GetAudience(); err != nil || !slices.Contains(to, audience) {
			t.Errorf("golang-jwt reads aud as %v", to)
		}
	})
}

func unmarshalled(tb testing.TB, text string) map[string]any {
	tb.Helper()
	all := map[string]any{}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// withoutClaims is a principal that can be compared with one that was not read from
// a token.
func withoutClaims(p tokens.Principal) tokens.Principal {
	return tokens.Principal{
		Issuer: p.Issuer, Subject: p.Subject, Account: p.Account, Tier: p.Tier, Seats: p.Seats, ClientID: p.ClientID, Scope: p.Scope,
		SessionID: p.SessionID, TokenID: p.TokenID, IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt, Restricted: p.Restricted, AuthenticatedAt: p.AuthenticatedAt,
		ContextClass: p.ContextClass, Actor: p.Actor,
	}
}

func setOf(tb testing.TB, all ...keys.Key) *keys.Set {
	tb.Helper()
	set, err := keys.NewSet(all...)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}
