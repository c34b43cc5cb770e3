package main

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The servers are this program: in a test that is the test's.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-serve" {
		if err := serveAs(contextOfProgram(), os.Args[2], os.Stdout, os.Stdin); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// The command prints every table, with a figure in each cell.
func TestThePeersAreMeasured(t *testing.T) { //nolint:paralleltest // it sets the garbage collector's pace
	var out bytes.Buffer
	m := measure{ctx: t.Context(), out: &out}
	m.shorten()
	if err := m.printAll(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| verify HS256 | **Sallyport** |", "| verify EdDSA | jwx |", "| a token that expired long ago, ES256 | **Sallyport** |",
		"| Bearer, ES256 | auth0 |", "| Protect, HS256 | **Sallyport**, Echo |", "| 8000 dots | chi jwtauth |",
		"| refused | httprate: 3 headers |", "| refresh, HS256 | gin-jwt v2", "| Echo alone |", "log in at once",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "refuses") {
		t.Error(out.String())
	}
}

// Each verifier and each middleware accepts a good token and refuses the others. The
// exceptions are those that the tables name.
func TestThePeersAcceptAndRefuseTheSameTokens(t *testing.T) {
	t.Parallel()
	configuredWithout := map[string]string{
		"echo-jwt as it is": "accepts a wrong issuer, accepts a wrong audience",
		"gin-jwt v2":        "accepts a wrong issuer, accepts a wrong audience",
	}
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		s, err := newSigner(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]func(string) error{}
		for _, v := range verifiers() {
			verify, err := v.open(t.Context(), s)
			if err != nil {
				t.Fatal(v.name, err)
			}
			all[v.name] = verify
		}
		if err := opened(s, func(name string, h http.Handler) error {
			all[name] = verifies(h)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for name, verify := range all {
			if got := strings.Join(mistakes(verify, s.attempts()), ", "); got != configuredWithout[name] {
				t.Errorf("%s, %s: %q, want %q", name, algorithm, got, configuredWithout[name])
			}
		}
	}
}

// -tables prints what it names and nothing else, and says what it does not know.
func TestSingleTables(t *testing.T) { //nolint:paralleltest // it sets the garbage collector's pace
	var out bytes.Buffer
	m := measure{ctx: t.Context(), out: &out, tables: "refused,checks"}
	m.shorten()
	if err := m.printAll(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "| accepts |") || !strings.Contains(got, "a wrong issuer, HS256") || strings.Contains(got, "verify HS256") {
		t.Error(got)
	}
	for tables, docs := range map[string]bool{"refused,nothing": false, "refused": true} {
		if err := (measure{tables: tables}).checkTables(docs); err == nil {
			t.Errorf("%q with -docs %v is accepted", tables, docs)
		}
	}
	if err := m.checkTables(false); err != nil {
		t.Error(err)
	}
}
