package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckOfAStore(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, s *shell) {
		s.runs(0)
		isRedis := s.storage(t).place.isRedis()
		all := s.objects(t, "check")
		for _, c := range all {
			if c["ok"] != true || members(c) != "detail name ok type" {
				t.Errorf("%v", c)
			}
		}
		s.runs(-time.Minute)
		s.refuses(t, "check", exitNegative, "the server's clock differs")
		s.runs(0)
		if !isRedis {
			s.refuses(t, "check --store-prefix other_", exitNegative, "pending", "sallyport migrate up")
		}
	})
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.runs(0)
	s.must(t, "migrate up --store sqlite:DIR/auth.db")
	s.must(t, "keys secret --out DIR/refresh.key")
	config := `{"store":{"url_file":"url"},"refresh_key":{"file":"refresh.key"},"tiers":{"free":{"limit":-1,"period":"1500ms"}},"brute_force":{"logins":{"burst":1,"every":"1s"}}}`
	s.write(t, "c.json", config)
	s.write(t, "url", "sqlite:"+s.dir+"/auth.db")
	if err := os.Chmod(filepath.Join(s.dir, "refresh.key"), 0o644); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	r := s.run("check --config DIR/c.json")
	for _, words := range []string{`Tiers["free"].Limit`, `Tiers["free"].Period`, `"logins"`, "every user of this machine can read it: chmod 600", "2 checks failed"} {
		if !strings.Contains(r.out+r.err, words) {
			t.Errorf("does not say %q:\n%s%s", words, r.out, r.err)
		}
	}
	if r.code != exitNegative || strings.Contains(r.out, s.read(t, "refresh.key")) {
		t.Errorf("exit code %d", r.code)
	}
	s.refuses(t, "check", exitNegative, "which store?")
	s.refuses(t, "check --store postgres://a@127.0.0.1:1/a", exitNegative, "cannot be reached")

	// SQLite as another program has made it
	s.write(t, "plain.db", "")
	s.refuses(t, "check --store sqlite:DIR/plain.db", exitNegative, "journal_mode")
	s.refuses(t, "check --store sqlite:DIR/none.db", exitNegative, "no such file")
}
