package resourceservers_test

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/remotekeys"
)

// A Verifier accepts the access tokens of node-oidc-provider, which are JWTs by RFC
// 9068, with each algorithm, and no token for another audience.
func TestVerifierAcceptsTokensOfNodeOIDCProvider(t *testing.T) {
	t.Parallel()
	needs(t, "node")
	issuer, all := provider(t)
	source, err := remotekeys.New(remotekeys.Config{URL: issuer + "/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	for _, algorithm := range algorithms {
		v, err := tokens.NewVerifier(tokens.VerifierConfig{
			Keys: source, Issuer: issuer, Audience: "https://api.example.com/" + algorithm,
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Verify(t.Context(), tokens.Secret(all[algorithm]))
		if err != nil || p.Subject != "robot" || p.ClientID != "robot" || !p.HasScope("read") {
			t.Errorf("%s: %+v, %v", algorithm, p, err)
		}
		// They are strict, so an Issuer needs no settings for them either.
		only, err := tokens.NewVerifier(tokens.VerifierConfig{Issuers: []tokens.Issuer{
			{Issuer: issuer, Audiences: []string{"https://api.example.com/" + algorithm}, Keys: source},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := only.Verify(t.Context(), tokens.Secret(all[algorithm])); err != nil || p.Subject != "robot" || !p.HasScope("read") {
			t.Errorf("%s, as an Issuer: %+v, %v", algorithm, p, err)
		}
		if _, err := v.Verify(t.Context(), tokens.Secret(forged(all[algorithm]))); !errors.Is(err, tokens.ErrInvalidToken) {
			t.Errorf("%s: a forged signature: %v", algorithm, err)
		}
		for _, other := range algorithms {
			if _, err := v.Verify(t.Context(), tokens.Secret(all[other])); other != algorithm && !errors.Is(err, tokens.ErrInvalidToken) {
				t.Errorf("%s: a token for another audience: %v", algorithm, err)
			}
		}
	}
}

// provider starts the provider, and returns its issuer and a token of each
// algorithm.
func provider(t *testing.T) (issuer string, all map[string]string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "provider.mjs")
	command.Dir = "testdata"
	command.Env = append(os.Environ(), "KEYS="+privateKeys(t))
	var complaints bytes.Buffer
	command.Stderr = &complaints
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	all = map[string]string{}
	lines := bufio.NewScanner(out)
	for len(all) < len(algorithms) && lines.Scan() {
		line := lines.Text()
		switch name, token, _ := strings.Cut(line, " "); {
		case slices.Contains(algorithms, name):
			all[name] = token
		case strings.HasPrefix(line, "http://"):
			issuer = line
		}
	}
	if len(all) < len(algorithms) {
		t.Fatalf("the provider gave %d tokens: %s", len(all), complaints.String())
	}
	return issuer, all
}

// privateKeys are the keys of all algorithms, as the provider reads them.
func privateKeys(t *testing.T) string {
	t.Helper()
	all := map[string]string{}
	for _, k := range sharedKeys(t) {
		der, err := x509.MarshalPKCS8PrivateKey(k.Private)
		if err != nil {
			t.Fatal(err)
		}
		all[k.Algorithm] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
