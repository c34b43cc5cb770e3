package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// ada puts a user into a store in SQL, and returns the flag that a store without users needs.
func (s *shell) ada(t *testing.T) (unchecked string) {
	t.Helper()
	if s.storage(t).ownsNo {
		return " --unchecked"
	}
	s.in = "id,login,password_hash,tier,account,seats,scopes\nu1,ada," + bcrypt + ",free,acme,3,read write\n"
	s.must(t, "users import")
	return ""
}

const bcrypt = "$2a$04$pVYRqbZaFUft2HbqhtG/GeFNzPMXbhB5JmbaZfWJgLaXm2kbm7sGa" // of "correct horse & battery+staple%20"

func TestAPIKeysAreMadeListedAndRevoked(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, s *shell) {
		unchecked := s.ada(t)
		in := s.storage(t)
		made := s.run("api-keys make --user u1 --label CI --scope read --scope write --network 192.0.2.0/24 --expires 90d" + unchecked)
		key := strings.TrimSuffix(made.out, "\n")
		if made.code != exitDone || len(key) != 39 || strings.Contains(made.err, key) {
			t.Fatalf("%v", made)
		}
		stored, err := in.APIKey(t.Context(), sha256.Sum256([]byte(key)))
		if err != nil || stored.Owner.ID != "u1" || len(stored.Scopes) != 2 || len(stored.Networks) != 1 || (stored.CredentialVersion == "") != in.ownsNo {
			t.Errorf("the store has %+v, %v", stored, err)
		}
		s.must(t, "api-keys make --user u1 --out DIR/ci.key"+unchecked)
		if info, err := os.Stat(filepath.Join(s.dir, "ci.key")); err != nil || info.Mode().Perm() != 0o600 || len(s.read(t, "ci.key")) != 40 {
			t.Errorf("the file: %v, %v", info, err)
		}
		s.refuses(t, "api-keys make --user u1 --out DIR/ci.key"+unchecked, exitUsage, "is there already")
		if service := s.objects(t, "api-keys make --service nightly"); service[0]["owner_kind"] != "service" || !strings.HasPrefix(fmt.Sprint(service[0]["key"]), "sp_ak_") {
			t.Errorf("of a service account: %v", service)
		}
		s.refuses(t, "api-keys make --user u1 --expires 2020-01-01T00:00:00Z"+unchecked, exitUsage, "would have expired")
		s.refuses(t, "api-keys make --user u1 --network 192.0.2.7/24"+unchecked, exitUsage)
		s.refuses(t, `api-keys make --user u1 --scope a"b`+unchecked, exitUsage)
		if in.ownsNo {
			s.refuses(t, "api-keys make --user u1", exitUsage, "--unchecked")
		} else {
			s.refuses(t, "api-keys make --user u9 --out DIR/other.key", exitNegative, "no user u9")
			if _, err := os.Stat(filepath.Join(s.dir, "other.key")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a key that was not made has a file: %v", err)
			}
		}

		all := s.objects(t, "api-keys list --user u1")
		for _, k := range all {
			if k["label"] == "CI" && members(k) != "created_at expires_at hint id label networks owner owner_kind scopes state type" {
				t.Errorf("%v", k)
			}
		}
		if len(all) != 2 {
			t.Errorf("the list: %v", all)
		}
		id := stored.ID
		s.must(t, "api-keys revoke "+id+" --dry-run")
		if k, err := in.APIKeyByID(t.Context(), id); err != nil || !k.RevokedAt.IsZero() {
			t.Errorf("a dry run has revoked: %v, %v", k, err)
		}
		if got := s.objects(t, "api-keys revoke "+id); got[0]["state"] != "revoked" {
			t.Errorf("%v", got)
		}
		s.refuses(t, "api-keys revoke "+id, exitNegative, "no API key "+id)
		if denied, err := in.SessionDenied(t.Context(), id); err != nil || !denied {
			t.Errorf("its access tokens are denied: %t, %v", denied, err)
		}
		if left := s.objects(t, "api-keys list --user u1"); len(left) != 1 {
			t.Errorf("%d keys are left", len(left))
		}
	})
}

func TestDigestsOfAPIKeysAreImported(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, s *shell) {
		unchecked := s.ada(t)
		in := s.storage(t)
		p := &process{now: func() time.Time { return s.now }}
		a, err := p.authority(assumed{in.records}, &configuration{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		// a key of another store
		secret, row, err := a.CreateAPIKey(t.Context(), store.Owner{Kind: store.OwnerAccount, ID: "elsewhere"}, tokens.KeyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		moved := sha256.Sum256(append([]byte(secret), 'x'))
		s.in = "digest,user,account,id,label,scopes,networks,expires_at\n" +
			hex.EncodeToString(moved[:]) + ",u1,,,CI,read,192.0.2.0/24 2001:db8::/32,2027-01-01T00:00:00Z\n"
		if got := s.objects(t, "api-keys import --dry-run"+unchecked); got[0]["added"] != 0.0 || got[0]["dry_run"] != true {
			t.Errorf("a dry run: %v", got)
		}
		if got := s.objects(t, "api-keys import"+unchecked); got[0]["added"] != 1.0 {
			t.Errorf("%v", got)
		}
		if again := s.objects(t, "api-keys import"+unchecked); again[0]["added"] != 0.0 || again[0]["there"] != 1.0 {
			t.Errorf("once more: %v", again)
		}
		k, err := in.APIKey(t.Context(), moved)
		if err != nil || k.Owner.ID != "u1" || len(k.Networks) != 2 || (k.CredentialVersion == "") != in.ownsNo || strings.Contains(k.ID, hex.EncodeToString(moved[:4])) {
			t.Errorf("%+v, %v", k, err)
		}
		s.in = "digest,user,account,id\n" + hex.EncodeToString(moved[:]) + ",,acme,\n" + // another owner
			strings.Repeat("ab", 32) + ",u1,," + row.ID + "\n" // another key's ID
		r := s.run("api-keys import --json" + unchecked)
		if bad := decodeAll(t, r.out); r.code != exitNegative || len(bad) != 3 || bad[2]["bad"] != 2.0 {
			t.Errorf("conflicts: %v", r)
		}
		for _, line := range []string{"xyz,u1,", strings.Repeat("ab", 32) + ",,", strings.Repeat("ab", 32) + ",u1,acme"} {
			s.in = "digest,user,account\n" + line + "\n"
			s.refuses(t, "api-keys import"+unchecked, exitNegative, "line 2: ")
		}
		if !in.ownsNo {
			s.in = "digest,user\n" + strings.Repeat("cd", 32) + ",u9\n"
			s.refuses(t, "api-keys import", exitNegative, "line 2: user: no such user")
		}
	})
}

// A key that reaches no one is revoked.
func TestAKeyThatCannotBeWrittenIsRevoked(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_STORE"] = "sqlite:" + s.dir + "/auth.db"
	s.must(t, "migrate up")
	s.ada(t)
	p := &process{
		stdout: closed{}, stderr: closed{}, now: func() time.Time { return s.now }, getenv: func(name string) string { return s.env[name] },
	}
	if code := run(context.WithoutCancel(t.Context()), p, []string{"api-keys", "make", "--user", "u1"}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if all := s.objects(t, "api-keys list --user u1"); len(all) != 0 {
		t.Errorf("the keys %v", all)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("the pipe is closed") }
