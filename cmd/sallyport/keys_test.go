package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestKeysOfEachAlgorithmAreReadByTheHost(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, algorithm := range []string{"HS256", "HS512", "RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"} {
		for _, format := range []string{"pem", "jwk", "jwks"} {
			name := algorithm + "." + format
			if algorithm == "RS256" && format != "jwk" || algorithm == "PS384" && format != "pem" {
				continue // to make one takes a second
			}
			line := "keys make --algorithm " + algorithm + " --format " + format + " --out DIR/" + name
			if format == "pem" && strings.HasPrefix(algorithm, "HS") {
				s.refuses(t, line, exitUsage, "--format jwk")
				continue
			}
			shown := s.objects(t, line)
			all, err := keys.ReadFiles(os.DirFS(s.dir), name)
			if err != nil || len(all) != 1 {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if format == "pem" && algorithm == "PS384" {
				all[0].Algorithm = algorithm // which a PEM does not have
			}
			ring, err := keys.NewRing(all...)
			if err != nil || all[0].Algorithm != algorithm {
				t.Errorf("%s: %v, %v", name, all[0], err)
				continue
			}
			if id := ring.Current().Signer(noon).ID(); shown[0]["id"] != id {
				t.Errorf("%s: the ID is %v, and the host has %s", name, shown[0]["id"], id)
			}
			if info, err := os.Stat(filepath.Join(s.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	}
	s.refuses(t, "keys make --out DIR/ES256.pem", exitUsage, "is there already")
	s.refuses(t, "keys make --out DIR/x.pem --signs-from 24h", exitUsage, "--format jwk")
	if out := s.must(t, "keys make --out -"); !strings.HasPrefix(out, "-----BEGIN PRIVATE KEY-----") {
		t.Errorf("standard output has %q", out)
	}
}

func TestASecretIsOneOfTheHost(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must(t, "keys secret --out DIR/a")
	out := s.must(t, "keys secret --out -")
	if len(out) != 44 || out == s.read(t, "a") || len(s.read(t, "a")) != 44 {
		t.Errorf("the secrets are %q and %q", out, s.read(t, "a"))
	}
}

func TestARotationRejectsNoToken(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must(t, "keys make --format jwks --out DIR/k.jwks")
	if err := os.Chmod(filepath.Join(s.dir, "k.jwks"), 0o640); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	before := s.read(t, "k.jwks")
	dry := s.objects(t, "keys rotate DIR/k.jwks --dry-run")
	if len(dry) != 2 || s.read(t, "k.jwks") != before {
		t.Errorf("a dry run: %v", dry)
	}
	first := dry[0]["id"]
	got := s.objects(t, "keys rotate DIR/k.jwks --publish 2d --access-ttl 30m")
	want := map[string]any{"id": first, "state": "signs", "signs_until": "2026-06-03T12:00:00Z", "retires_at": "2026-06-03T12:30:00Z"}
	for name, value := range want {
		if got[0][name] != value {
			t.Errorf("the present key: %s = %v, want %v", name, got[0][name], value)
		}
	}
	if got[1]["state"] != "waits" || got[1]["signs_from"] != "2026-06-03T12:00:00Z" || got[1]["retires_at"] != nil {
		t.Errorf("the next key: %v", got[1])
	}
	if info, err := os.Stat(filepath.Join(s.dir, "k.jwks")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode of the file: %v, %v", info.Mode(), err)
	}
	s.refuses(t, "keys rotate DIR/k.jwks", exitUsage, "a rotation has begun already")

	// what the host does with the file at each time
	all, err := keys.ReadFiles(os.DirFS(s.dir), "k.jwks")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(all...)
	if err != nil {
		t.Fatal(err)
	}
	switches := time.Date(2026, time.June, 3, 12, 0, 0, 0, time.UTC)
	for at, id := range map[time.Time]any{noon: first, switches.Add(-time.Second): first, switches: got[1]["id"]} {
		if signer := ring.Current().Signer(at).ID(); signer != id {
			t.Errorf("at %v the key %s signs, want %v", at, signer, id)
		}
	}

	s.now = switches.Add(time.Hour)
	if shown := s.objects(t, "keys show DIR/k.jwks"); shown[0]["state"] != "retired" || shown[1]["state"] != "signs" {
		t.Errorf("after the schedule: %v", shown)
	}
	if again := s.objects(t, "keys rotate DIR/k.jwks --algorithm EdDSA"); len(again) != 2 || again[0]["id"] != got[1]["id"] || again[1]["algorithm"] != "EdDSA" {
		t.Errorf("the next rotation leaves out what has retired: %v", again)
	}
}

func TestAPEMIsRotatedIntoASet(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	made := s.objects(t, "keys make --out DIR/k.pem")
	s.refuses(t, "keys rotate DIR/k.pem", exitUsage, "--out")
	s.refuses(t, "keys rotate DIR/nothing", exitUsage, "no such file")
	if got := s.objects(t, "keys rotate DIR/k.pem --out DIR/k.jwks"); len(got) != 2 || got[0]["id"] != made[0]["id"] {
		t.Errorf("%v", got)
	}
	s.write(t, "public.jwks", `{"keys":[`+publicHalf+`]}`)
	s.refuses(t, "keys show DIR/public.jwks", exitNegative, "no key signs now")
}

const publicHalf = `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"other","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
