package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/sallyport-go/sallyport/tokens"
)

// verifier verifies tokens without HTTP. Each reads all claims of the token.
type verifier struct {
	name string
	open func(context.Context, signer) (func(token string) error, error)
}

func verifiers() []verifier {
	ours := func(cache tokens.CacheConfig) func(context.Context, signer) (func(string) error, error) {
		return func(ctx context.Context, s signer) (func(string) error, error) {
			v, err := s.verifier(cache)
			if err != nil {
				return nil, err
			}
			return func(token string) error {
				_, err := v.Verify(ctx, tokens.Secret(token))
				return err
			}, nil
		}
	}
	return []verifier{
		{"golang-jwt, by hand", openGolangJWT},
		{"**Sallyport**", ours(noCache)},
		{"**Sallyport**, from the cache", ours(cached)},
		{"go-jose", openGoJOSE},
		{"jwx", openJWX},
	}
}

// openGolangJWT is what a careful host writes.
func openGolangJWT(_ context.Context, s signer) (func(string) error, error) {
	parse := s.parser()
	return func(token string) error {
		_, err := parse(token)
		return err
	}, nil
}

func (s signer) parser() func(token string) (*jwt.Token, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return s.verify, nil } //nolint:unparam // a Keyfunc has an error
	return func(token string) (*jwt.Token, error) { return parser.ParseWithClaims(token, &claims{}, key) }
}

func openGoJOSE(_ context.Context, s signer) (func(string) error, error) {
	type private struct {
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
		Tier     string `json:"tier"`
	}
	algorithms := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.algorithm)}
	expected := josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}}
	return func(token string) error {
		t, err := josejwt.ParseSigned(token, algorithms)
		if err != nil {
			return err
		}
		var c josejwt.Claims
		var own private
		if err := t.Claims(s.verify, &c, &own); err != nil {
			return err
		}
		if c.Expiry == nil {
			return josejwt.ErrExpired
		}
		return c.ValidateWithLeeway(expected, 0)
	}, nil
}

func openJWX(_ context.Context, s signer) (func(string) error, error) {
	algorithm, ok := jwa.LookupSignatureAlgorithm(s.algorithm)
	if !ok {
		return nil, fmt.Errorf("jwx: no algorithm %s", s.algorithm)
	}
	options := []jwxjwt.ParseOption{
		jwxjwt.WithKey(algorithm, s.verify), jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience),
		jwxjwt.WithRequiredClaim("exp"),
	}
	return func(token string) error {
		_, err := jwxjwt.ParseString(token, options...)
		return err
	}, nil
}

// mistakes names the attempts that verify answers wrongly.
func mistakes(verify func(token string) error, attempts []attempt) (all []string) {
	for _, a := range attempts {
		switch err := verify(a.token); {
		case err == nil && !a.good:
			all = append(all, "accepts "+a.name)
		case err != nil && a.good:
			all = append(all, "refuses "+a.name)
		}
	}
	return all
}

// marked is the name with what is wrong beside it.
func marked(name string, mistakes []string) string {
	if len(mistakes) == 0 {
		return name
	}
	return name + " (" + strings.Join(mistakes, ", ") + ")"
}

// printVerify prints what it costs to verify a good token, beside golang-jwt, which is
// the first, and beside the signature alone, which is the last.
func (m measure) printVerify() error {
	var groups []group
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		s, err := newSigner(algorithm)
		if err != nil {
			return err
		}
		token := s.token(1, nil)
		signed, signature := cut(token)
		g := group{name: "verify " + algorithm, bases: []int{0, len(verifiers())}}
		for _, v := range verifiers() {
			verify, err := v.open(m.ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			g.subjects = append(g.subjects, subject{marked(v.name, mistakes(verify, s.attempts())), func() { ignore(verify(token)) }})
		}
		g.subjects = append(g.subjects, subject{"the signature alone, golang-jwt's", func() { ignore(s.method.Verify(signed, signature, s.verify)) }})
		groups = append(groups, g)
	}
	return m.printGroups("a good token", []string{"golang-jwt", "the signature"}, groups...)
}

// printRefused prints what it costs to refuse a genuine token.
func (m measure) printRefused() error {
	var groups []group
	for _, algorithm := range []string{"HS256", "ES256"} {
		s, err := newSigner(algorithm)
		if err != nil {
			return err
		}
		for _, a := range s.attempts() {
			if a.good || a.name == "alg none" || a.name == "a wrong signature" {
				continue
			}
			g := group{name: a.name + ", " + algorithm, bases: []int{0}}
			for _, v := range verifiers()[:2] {
				verify, err := v.open(m.ctx, s)
				if err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				g.subjects = append(g.subjects, subject{v.name, func() { ignore(verify(a.token)) }})
			}
			groups = append(groups, g)
		}
	}
	return m.printGroups("a token of this key that is refused", []string{"golang-jwt"}, groups...)
}

// ignore drops an error that the accept and refuse table has looked at.
func ignore(error) {}
