package databases_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// Whatever is created and advanced while a user's sessions are ended: what a call has
// advanced and the other has ended is returned, so that its access token can be denied,
// and nothing is advanced afterwards. The session that is left is never refused.
func TestWhatIsAdvancedWhileAllIsEndedIsReturned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) { advancedWhileEnded(t, p, 15) })
	for _, isolation := range []string{"READ-COMMITTED", "SERIALIZABLE", "REPEATABLE-READ with snapshots"} {
		t.Run("MariaDB "+isolation, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			level, snapshots, _ := strings.Cut(isolation, " ")
			p.set(t, "tx_isolation", "'"+level+"'")
			if snapshots != "" {
				p.set(t, "innodb_snapshot_isolation", "1")
			}
			advancedWhileEnded(t, p, 8)
		})
	}
}

func advancedWhileEnded(t *testing.T, p *place, rounds int) {
	t.Helper()
	const idle = 10
	all := nodes(t, p, 3)
	for round := range rounds {
		user, now := fmt.Sprint("u-", round), noon.Add(24*time.Hour)
		opened := func(id string) store.Session { // and idle for a day
			n := session(id, 48)
			n.UserID = user
			return n
		}
		id := func(i int) string { return fmt.Sprint(round, "-", i) }
		own := id(0)
		for i := range idle {
			must(t, all[0].CreateSession(t.Context(), opened(id(i))))
		}
		advanced, created := make([]error, idle), make([]error, idle)
		var ended []string
		must(t, atOnce(2*idle+1, func(i int) (err error) {
			s := all[i%len(all)]
			switch {
			case i < idle:
				advanced[i] = s.AdvanceSession(t.Context(), id(i), 1, now, now.Add(time.Hour))
				return noFailure(advanced[i])
			case i < 2*idle:
				n := opened(id(i))
				n.CreatedAt, n.AdvancedAt = now, now
				created[i-idle] = s.CreateSession(t.Context(), n)
				return created[i-idle]
			}
			ended, err = s.RevokeUserSessions(t.Context(), user, own, now, now)
			return err
		})...)
		if advanced[0] != nil {
			t.Errorf("the session that is left was not advanced: %v", advanced[0])
		}
		live := 0
		for i := range 2 * idle {
			got, err := all[0].Session(t.Context(), id(i))
			must(t, err)
			lives := got.RevokedAt.IsZero()
			if lives {
				live++
			}
			switch {
			case i == 0 && !lives:
				t.Error("the session that is left has ended")
			case i > 0 && i < idle && lives:
				t.Error("a session lives that was there before")
			case i < idle && (advanced[i] == nil) != (got.Generation == 2):
				t.Errorf("AdvanceSession: %v, and the session has generation %d", advanced[i], got.Generation)
			case !lives && got.AdvancedAt.Equal(now) != slices.Contains(ended, id(i)):
				t.Errorf("a session that was advanced or created at %v, and has ended, is returned: %t", got.AdvancedAt, slices.Contains(ended, id(i)))
			case lives && slices.Contains(ended, id(i)):
				t.Error("a session that lives is returned")
			}
			if !lives {
				wants(t, all[0].AdvanceSession(t.Context(), id(i), got.Generation, now, now.Add(time.Hour)), store.ErrConflict, "AdvanceSession afterwards")
			}
		}
		if page, err := all[0].UserSessions(t.Context(), user, store.Newest(), store.MaxPage); err != nil || len(page) != live {
			t.Errorf("%d sessions are listed, %v; want %d", len(page), err, live)
		}
	}
}

// noFailure returns an error unless it is a sentinel.
func noFailure(err error) error {
	if isSentinel(err) {
		return nil
	}
	return err
}

// Two who end all but their own end both: the second ends what the first has left.
func TestTwoWhoLeaveTheirOwnEndBoth(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 2)
		for round := range 15 {
			user := fmt.Sprint("u-", round)
			own := []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}
			for _, id := range own {
				n := session(id, 24)
				n.UserID = user
				must(t, all[0].CreateSession(t.Context(), n))
			}
			must(t, atOnce(2, func(i int) error {
				_, err := all[i].RevokeUserSessions(t.Context(), user, own[i], noon, noon)
				return err
			})...)
			for _, id := range own {
				wants(t, all[0].AdvanceSession(t.Context(), id, 1, noon, noon), store.ErrConflict, "AdvanceSession")
			}
		}
	})
}

// One who ends all waits for an advance that waits for somebody else.
func TestEndingAllWaitsForAnAdvance(t *testing.T) {
	t.Parallel()
	p := inPostgres(t)
	db := p.db(t)
	s := p.store(t, db)
	must(t, s.CreateSession(t.Context(), session("s0", 1)))
	mover, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = mover.Rollback() }()
	pid := 0
	must(t, mover.QueryRowContext(t.Context(), "UPDATE sallyport_sessions SET label = 'mine' WHERE id = 's0' RETURNING pg_backend_pid()").Scan(&pid))
	blocked := func(by int) (pid int) {
		for pid == 0 {
			must(t, db.QueryRowContext(t.Context(), "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))", by).Scan(&pid))
		}
		return pid
	}
	advanced, told, now := make(chan error, 1), make(chan []string, 1), noon.Add(time.Hour)
	go func() { advanced <- s.AdvanceSession(t.Context(), "s0", 1, now, now.Add(time.Hour)) }()
	advances := blocked(pid)
	go func() {
		ids, err := s.RevokeUserSessions(t.Context(), "u1", "", now, now)
		must(t, err)
		told <- ids
	}()
	blocked(advances)
	must(t, mover.Commit(), <-advanced)
	if ids := <-told; !slices.Equal(ids, []string{"s0"}) {
		t.Errorf("the call has returned %q", ids)
	}
}

// count returns a number.
func (p *place) count(t *testing.T, query string) (n int) {
	t.Helper()
	must(t, p.db(t).QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// What is kept of a user goes with their sessions, and not before: as long as there is a
// session that has ended with others, it has ended.
func TestWhatIsKeptOfAUserGoesWithTheirSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		s := p.store(t, db)
		must(t, s.CreateSession(t.Context(), session("s1", 1)), s.CreateSession(t.Context(), session("s2", 90*24)))
		must(t, revokesUsers(t.Context(), s, "u1", noon))
		must(t, s.CreateSession(t.Context(), session("s3", 1)))
		sweeps := func(before time.Time, want, epochs int) {
			t.Helper()
			if n, err := s.DeleteExpiredSessions(t.Context(), before); err != nil || n != want {
				t.Errorf("%d sessions are deleted, %v; want %d", n, err, want)
			}
			if n := p.count(t, "SELECT count(*) FROM sallyport_epochs"); n != epochs {
				t.Errorf("%d epochs are left, want %d", n, epochs)
			}
		}
		sweeps(noon.Add(time.Hour), 2, 2)
		p.run(t, db, "UPDATE sallyport_epochs SET until = 0")
		sweeps(noon.Add(time.Hour), 0, 1)
		wants(t, s.AdvanceSession(t.Context(), "s2", 1, noon, noon.Add(time.Hour)), store.ErrConflict, "AdvanceSession of a session that has ended")
		must(t, s.CreateSession(t.Context(), session("s4", 1)))
		if got, err := s.Session(t.Context(), "s2"); err != nil || !got.RevokedAt.Equal(noon) {
			t.Errorf("the session was revoked at %v, %v", got.RevokedAt, err)
		}
		if page, err := s.UserSessions(t.Context(), "u1", store.Newest(), 10); err != nil || len(page) != 1 || page[0].ID != "s4" {
			t.Errorf("the list is %+v, %v", page, err)
		}
		sweeps(noon.Add(200*24*time.Hour), 2, 0)
	})
}

// A session that was revoked by itself is returned too, if it was used since: its access
// token may not have been denied. It keeps nothing of the user.
func TestWhatWasRevokedByItselfIsReturnedAndKeepsNoEpoch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		revokes := func(since time.Time, want ...string) {
			t.Helper()
			ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon.Add(2*time.Hour), since)
			slices.Sort(ids)
			if err != nil || !slices.Equal(ids, want) {
				t.Errorf("since %v: %q is returned, %v; want %q", since, ids, err, want)
			}
		}
		must(t, s.CreateSession(t.Context(), session("s1", 24)), s.RevokeSession(t.Context(), "s1", noon.Add(time.Hour)))
		revokes(noon, "s1") // there is nothing to end
		must(t, s.CreateSession(t.Context(), session("s2", 24)))
		revokes(noon, "s1", "s2")
		revokes(noon.Add(time.Second)) // none was used since
		must(t, s.CreateSession(t.Context(), session("s3", 24)), s.AdvanceSession(t.Context(), "s3", 1, noon.Add(90*time.Minute), noon.Add(24*time.Hour)))
		revokes(noon.Add(90*time.Minute), "s3")
		revokes(time.Time{}, "s1", "s2", "s3")

		must(t, s.RevokeSession(t.Context(), "s2", noon)) // it has ended with its epoch
		db := p.db(t)
		p.run(t, db, "UPDATE sallyport_epochs SET until = 0", "DELETE FROM sallyport_sessions WHERE id <> 's1'")
		if n, err := s.DeleteExpiredSessions(t.Context(), noon); n != 0 || err != nil {
			t.Errorf("%d sessions are deleted, %v", n, err)
		}
		if n := p.count(t, "SELECT count(*) FROM sallyport_epochs"); n != 0 {
			t.Errorf("%d epochs are left", n)
		}
		must(t, s.CreateSession(t.Context(), session("s4", 24)))
		wants(t, s.AdvanceSession(t.Context(), "s1", 1, noon, noon.Add(time.Hour)), store.ErrConflict, "AdvanceSession of what was revoked")
		if page, err := s.UserSessions(t.Context(), "u1", store.Newest(), 10); err != nil || len(page) != 1 || page[0].ID != "s4" {
			t.Errorf("the list is %+v, %v", page, err)
		}
	})
}

// An index of a column that each refresh changes is paid for by each refresh. Only that of
// the end is worth it.
func TestARefreshChangesOneIndexOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		all := lines(t, db, map[sqlstore.Dialect]string{
			sqlstore.SQLite:     "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'sallyport_sessions' AND sql IS NOT NULL",
			sqlstore.PostgreSQL: "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema AND tablename = 'sallyport_sessions'",
			sqlstore.MySQL:      "SELECT GROUP_CONCAT(column_name) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'sallyport_sessions' GROUP BY index_name",
		}[p.config.Dialect], 0)
		n := 0
		for index := range strings.Lines(all) {
			for _, column := range []string{"generation", "advanced_at", "idle_until", "ends_at"} {
				if strings.Contains(index, column) {
					n++
				}
			}
		}
		if n != 1 {
			t.Errorf("%d indexes, want 1:\n%s", n, all)
		}
	})
}

// Rows that somebody else has written, or that were there before there were epochs, are
// sessions like others.
func TestSessionsWithoutAnEpoch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		s := p.store(t, db)
		for doing, do := range map[string]func() error{
			"AdvanceSession": func() error { return s.AdvanceSession(t.Context(), "s1", 1, noon, noon.Add(time.Hour)) },
			"CreateSession":  func() error { return s.CreateSession(t.Context(), session("s2", 1)) },
			"RevokeUserSessions": func() error {
				ids, err := s.RevokeUserSessions(t.Context(), "u1", "", noon, noon)
				if len(ids) != 2 {
					return fmt.Errorf("it has returned %q: %w", ids, err)
				}
				return err
			},
		} {
			must(t, s.CreateSession(t.Context(), session("s0", 1)), s.CreateSession(t.Context(), session("s1", 1)))
			p.run(t, db, "DELETE FROM sallyport_epochs")
			if page, err := s.UserSessions(t.Context(), "u1", store.Newest(), 10); err != nil || len(page) != 2 {
				t.Errorf("before %s: %d sessions are listed, %v", doing, len(page), err)
			}
			if err := do(); err != nil {
				t.Errorf("%s: %v", doing, err)
			}
			must(t, revokesUsers(t.Context(), s, "u1", noon))
			for _, id := range []string{"s0", "s1"} {
				if got, err := s.Session(t.Context(), id); err != nil || !got.RevokedAt.Equal(noon) {
					t.Errorf("after %s: %s was revoked at %v, %v", doing, id, got.RevokedAt, err)
				}
			}
			p.run(t, db, "DELETE FROM sallyport_sessions", "DELETE FROM sallyport_epochs")
		}
	})
}

// Of many who are the first of a user each creates a session, and all end at once.
func TestManyFirstSessionsOfAUser(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 2)
		must(t, atOnce(16, func(i int) error { return all[i%2].CreateSession(t.Context(), session(fmt.Sprint("s", i), 1)) })...)
		if n := p.count(t, "SELECT count(*) FROM sallyport_epochs"); n != 1 {
			t.Errorf("there are %d epochs", n)
		}
		if ids, err := all[0].RevokeUserSessions(t.Context(), "u1", "", noon, noon); err != nil || len(ids) != 16 {
			t.Errorf("%d have ended, %v", len(ids), err)
		}
	})
}

// A call that loses to another each time has failed, and has not won.
func TestAnEpochThatEndsAgainAndAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		other := p.store(t, p.db(t))
		must(t, s.CreateSession(t.Context(), session("s1", 1)))
		var mu sync.Mutex
		busy, n := false, 0
		recorder.hook(nil, func(statement string) {
			if !strings.HasPrefix(statement, "SELECT e.epoch") {
				return
			}
			mu.Lock()
			skip := busy
			busy = true
			mu.Unlock()
			if skip {
				return
			}
			n++
			must(t, other.CreateSession(t.Context(), session(fmt.Sprint("n", n), 1)), revokesUsers(t.Context(), other, "u1", noon))
			mu.Lock()
			busy = false
			mu.Unlock()
		})
		_, err := s.RevokeUserSessions(t.Context(), "u1", "", noon, noon)
		recorder.hook(nil, nil)
		if errors.Is(err, store.ErrConflict) {
			t.Errorf("RevokeUserSessions: %v", err)
		}
		if got, err := s.Session(t.Context(), "s1"); err != nil || got.RevokedAt.IsZero() {
			t.Errorf("the session was revoked at %v, %v", got.RevokedAt, err)
		}
	})
}
