package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, s *shell) {
		in := s.storage(t)
		for i, user := range []string{"ada", "ada", "grace", "kurt"} {
			s.session(t, in, fmt.Sprint("s", i), user, "Firefox\x1b[2J on "+user)
		}
		all := s.objects(t, "sessions list --all")
		if len(all) != 4 || members(all[0]) != "client created_at ends_at id label last_used_at scopes type user" {
			t.Errorf("all sessions: %v", all)
		}
		if text := s.must(t, "sessions list --user ada"); strings.Count(text, "\n") != 3 || strings.Contains(text, "\x1b") || !strings.Contains(text, `Firefox\x1b[2J on ada`) {
			t.Errorf("the table of ada: %q", text)
		}

		// looks first
		if got := s.objects(t, "sessions end --all --dry-run"); len(got) != 3 || got[0]["dry_run"] != true {
			t.Errorf("a dry run: %v", got)
		}
		s.objects(t, "sessions end --user ada --dry-run")
		s.objects(t, "sessions end --session s0 --dry-run")
		if all := s.objects(t, "sessions list --all"); len(all) != 4 {
			t.Errorf("after dry runs there are %d sessions", len(all))
		}

		got := s.objects(t, "sessions end --session s0")
		if len(got) != 1 || got[0]["user"] != "ada" || got[0]["session"] != "s0" || got[0]["sessions"] != 1.0 {
			t.Errorf("one ended: %v", got)
		}
		s.refuses(t, "sessions end --session s0", exitNegative, "no active session s0")
		s.refuses(t, "sessions end --session unknown", exitNegative, "no active session unknown")
		if got := s.objects(t, "sessions end --user ada"); len(got) != 1 || got[0]["sessions"] != 1.0 {
			t.Errorf("those of ada ended: %v", got)
		}
		s.refuses(t, "sessions end --all", exitUsage, "--yes")
		if all := s.objects(t, "sessions list --all"); len(all) != 2 {
			t.Errorf("grace and kurt have %d sessions", len(all))
		}
		s.objects(t, "sessions end --all --yes")
		if text := s.must(t, "sessions list --all"); text != "no active sessions\n" {
			t.Errorf("after all have ended: %q", text)
		}
		for i := range 4 {
			if denied, err := in.SessionDenied(t.Context(), fmt.Sprint("s", i)); err != nil || !denied {
				t.Errorf("the access tokens of s%d are denied: %t, %v", i, denied, err)
			}
		}
	})
}

func TestAnInterruptedEndIsGoneOnWith(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_STORE"] = "sqlite:" + s.dir + "/auth.db"
	s.must(t, "migrate up")
	in := s.storage(t)
	for i := range 5 {
		s.session(t, in, fmt.Sprint("s", i), fmt.Sprint("u", i), "")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.ctx = ctx
	out := newOutput(&process{stdout: stopAfter{2, cancel, new(int)}}, true)
	c := &sessionsEnd{All: true, Yes: true}
	p := &process{getenv: func(name string) string { return s.env[name] }, now: func() time.Time { return s.now }}
	err := c.Run(ctx, p, out, &globals{})
	if err == nil || !strings.Contains(err.Error(), "ended the sessions of 2 of 5 users; the same command ends the rest") {
		t.Errorf("interrupted: %v", err)
	}
	s.ctx = t.Context()
	if left := s.objects(t, "sessions list --all"); len(left) != 3 {
		t.Errorf("%d sessions are left", len(left))
	}
	s.must(t, "sessions end --all --yes")
	if left := s.objects(t, "sessions list --all"); len(left) != 0 {
		t.Errorf("%d sessions are left", len(left))
	}
}

// stopAfter interrupts after so many writes.
type stopAfter struct {
	n      int
	stop   func()
	writes *int
}

func (w stopAfter) Write(b []byte) (int, error) {
	*w.writes++
	if *w.writes == w.n {
		w.stop()
	}
	return len(b), nil
}
