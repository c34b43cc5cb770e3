package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	inSQL(t, func(t *testing.T, s *shell) {
		dry := s.objects(t, "migrate up --dry-run")
		if len(dry) < 2 || dry[0]["state"] != "pending" {
			t.Errorf("a dry run: %v", dry)
		}
		if ran := s.objects(t, "migrate up"); len(ran) != len(dry) || ran[0]["state"] != "applied" || ran[0]["name"] != "00001_sessions.sql" {
			t.Errorf("migrate up: %v", ran)
		}
		if out := s.must(t, "migrate up"); !strings.HasPrefix(out, "nothing to do") {
			t.Errorf("once more: %q", out)
		}
		if status := s.objects(t, "migrate status"); len(status) != len(dry) || members(status[0]) != "name of state type" {
			t.Errorf("the status: %v", status)
		}
		s.refuses(t, "migrate status --store-prefix other_", exitNegative, "pending", "run sallyport migrate up")

		s.env["SALLYPORT_COUNTERS"] = s.env["SALLYPORT_STORE"]
		for _, line := range []string{"migrate up --dry-run", "migrate up"} {
			if ran := s.objects(t, line); len(ran) != 1 || ran[0]["of"] != "counters" || ran[0]["name"] != "00001_counters.sql" {
				t.Errorf("%s with counters: %v", line, ran)
			}
		}
		if status := s.objects(t, "migrate status"); len(status) != len(dry)+1 || status[len(dry)]["state"] != "applied" {
			t.Errorf("the status with counters: %v", status)
		}
		s.refuses(t, "migrate status --counters-prefix other_", exitNegative, "1 migration pending")
	})
}

func TestAFileOfSQLiteIsMadeByMigrateUpOnly(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, line := range []string{"migrate status", "migrate up --dry-run", "migrate up --dry-run --counters sqlite:DIR/other.db", "sessions list --all", "sessions end --user u1"} {
		r := s.run(line + " --store sqlite:DIR/typing-error.db")
		if left, _ := os.ReadDir(s.dir); len(left) > 0 {
			t.Fatalf("%s has made %v: %v", line, left, r)
		}
	}
	s.must(t, "migrate up --store sqlite:DIR/auth.db")
	if info, err := os.Stat(filepath.Join(s.dir, "auth.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRedisHasNoMigrations(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.refuses(t, "migrate status --store redis://127.0.0.1:1/0", exitUsage, "needs no migration")
}
