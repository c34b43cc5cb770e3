package resourceservers_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A Verifier accepts the tokens that other libraries sign as their documentation
// shows it, by the settings of an Issuer, and without them none.
func TestVerifierAcceptsTokensThatOtherLibrariesSign(t *testing.T) {
	t.Parallel()
	const issuer = "https://old.example.com"
	secret := keys.Secret(rand.Text() + rand.Text()) // which an environment can carry
	var rsa keys.Key
	for _, k := range sharedKeys(t) {
		if k.Algorithm == "RS256" {
			rsa = k
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(rsa.Private)
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	set, err := keys.NewSet(keys.Key{Algorithm: "HS256", Secret: secret}, rsa)
	if err != nil {
		t.Fatal(err)
	}
	strict := tokens.Issuer{Issuer: issuer, Audiences: []string{audience}, Keys: set}
	loose := strict
	loose.AcceptTypJWT, loose.AcceptWithoutKeyID, loose.AcceptWithoutTokenID = true, true, true
	loose.Claims = &tokens.ClaimNames{Scopes: []string{"scope"}, Tier: "tier"}

	for name, sign := range map[string]func(t *testing.T) map[string]string{
		"jose": func(t *testing.T) map[string]string {
			t.Helper()
			return signed(t, "node", "sign.mjs", issuer, string(secret), block)
		},
		"PyJWT": func(t *testing.T) map[string]string {
			t.Helper()
			return signed(t, python, "sign.py", issuer, string(secret), block)
		},
		"golang-jwt": func(t *testing.T) map[string]string {
			t.Helper()
			return signedByGolangJWT(t, issuer, []byte(secret), rsa.Private)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := sign(t)
			if len(all) != 7 {
				t.Fatalf("%d tokens", len(all))
			}
			for what, token := range all {
				p, err := verify(t, loose, token)
				switch what {
				case "HS256", "RS256":
					if err != nil || p.Subject != "17" || p.Tier != "premium" || p.Scope != "read write" || p.Issuer != issuer {
						t.Errorf("%s: %+v, %v", what, p, err)
					}
				case "expired":
					if !errors.Is(err, tokens.ErrExpiredToken) {
						t.Errorf("expired: %v", err)
					}
				default:
					if !errors.Is(err, tokens.ErrInvalidToken) {
						t.Errorf("%s: %v", what, err)
					}
				}
				if _, err := verify(t, strict, token); !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("%s without the settings: %v", what, err)
				}
				if what == "none" {
					continue
				}
				if _, err := verify(t, loose, forged(token)); !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("%s, forged: %v", what, err)
				}
			}
		})
	}
}

func verify(t *testing.T, i tokens.Issuer, token string) (tokens.Principal, error) {
	t.Helper()
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Issuers: []tokens.Issuer{i}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(t.Context(), tokens.Secret(token))
}

// signed returns the tokens that a script prints.
func signed(t *testing.T, runs, script, issuer, secret, rsa string) map[string]string {
	t.Helper()
	needs(t, runs)
	command := exec.CommandContext(t.Context(), runs, script)
	command.Dir = "testdata"
	command.Env = append(os.Environ(), "ISSUER="+issuer, "AUDIENCE="+audience, "SECRET="+secret, "RSA="+rsa)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, token, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name] = token
	}
	return all
}

func signedByGolangJWT(t *testing.T, issuer string, secret []byte, rsa any) map[string]string {
	t.Helper()
	now := time.Now()
	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		claims := jwt.MapClaims{
			"sub": "17", "iss": issuer, "aud": audience, "iat": now.Unix(), "exp": now.Add(2 * time.Hour).Unix(),
			"scope": []string{"read", "write"}, "tier": "premium",
		}
		if change != nil {
			change(claims)
		}
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	set := func(name string, value any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[name] = value } }
	return map[string]string{
		"HS256":     sign(jwt.SigningMethodHS256, secret, nil),
		"RS256":     sign(jwt.SigningMethodRS256, rsa, nil),
		"expired":   sign(jwt.SigningMethodHS256, secret, set("exp", now.Add(-time.Minute).Unix())),
		"unlimited": sign(jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) { delete(c, "exp") }),
		"elsewhere": sign(jwt.SigningMethodHS256, secret, set("aud", "https://other.example")),
		"unknown":   sign(jwt.SigningMethodHS256, secret, set("iss", "https://other.example")),
		"none":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
	}
}
