package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTheEventsOfACommandAreLogged(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, s *shell) {
		t.Helper()
		in := s.storage(t)
		s.session(t, in, "s1", "ada", "")
		s.session(t, in, "s2", "grace", "")
		key := s.objects(t, "api-keys make --service nightly --log DIR/admin.log")[0]
		s.must(t, fmt.Sprintf("api-keys revoke %s --log DIR/admin.log", key["id"]))
		s.must(t, "sessions end --user ada --dry-run --log DIR/admin.log")
		s.env["SALLYPORT_LOG"] = s.dir + "/admin.log"
		s.must(t, "sessions end --session s1")
		s.must(t, "sessions end --all --yes")
		delete(s.env, "SALLYPORT_LOG")
		var got []string
		for _, e := range s.objects(t, "events DIR/admin.log") {
			got = append(got, fmt.Sprint(e["kind"], " ", e["user"]))
		}
		if want := "key_created service:nightly, key_revoked service:nightly, logout ada, logout_everywhere grace"; strings.Join(got, ", ") != want {
			t.Errorf("the log has %s, want %s", strings.Join(got, ", "), want)
		}
		text := s.read(t, "admin.log")
		if n := strings.Count(text, `"program":"sallyport"`); n != len(got) || strings.Contains(text, fmt.Sprint(key["key"])) {
			t.Errorf("%d of %d lines name the program, or the key is in one:\n%s", n, len(got), text)
		}
	})
}

func TestALogThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_STORE"] = "sqlite:" + s.dir + "/auth.db"
	s.must(t, "migrate up")
	s.refuses(t, "api-keys make --service a --log DIR/none/admin.log", exitUsage, "no such file")
	if r := s.run("api-keys make --service a --log -"); r.code != exitDone || !strings.Contains(r.err, `"msg":"sallyport"`) {
		t.Errorf("standard error: %v", r)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		return
	}
	s.refuses(t, "api-keys make --service b --log /dev/full", exitFailed, "what was done is not in the log")
}
