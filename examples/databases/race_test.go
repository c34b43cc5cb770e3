package databases_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// nodes opens the place as so many processes would, each with a pool of its own.
func nodes(t *testing.T, p *place, n int) []*sqlstore.Store {
	t.Helper()
	all := make([]*sqlstore.Store, n)
	for i := range all {
		db := p.db(t)
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
		all[i] = p.store(t, db)
	}
	return all
}

// atOnce calls do(0) to do(n-1), all at once.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	callers.Wait()
	return errs
}

func TestOneOfManyOnManyNodesWins(t *testing.T) {
	t.Parallel()
	always(t, func(t *testing.T, p *place) {
		const racers = 48
		all := nodes(t, p, 4)
		must(t, all[0].CreateSession(t.Context(), session("s1", 1)))
		for from := int64(1); from <= 20; from++ {
			errs := atOnce(racers, func(i int) error {
				return all[i%len(all)].AdvanceSession(t.Context(), "s1", from, noon.Add(time.Duration(i)), noon.Add(time.Hour))
			})
			winners := 0
			for _, err := range errs {
				if err == nil {
					winners++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}
			if winners != 1 {
				t.Fatalf("of %d callers %d advanced the session from %d", racers, winners, from)
			}
		}
	})
}

// Where the database's default isolation is serializable, a caller that loses may get
// an error of the database instead of ErrConflict. Exactly one caller wins.
func TestOneWinsWhereTransactionsAreSerializable(t *testing.T) {
	t.Parallel()
	p := inPostgres(t)
	p.set(t, "default_transaction_isolation", "serializable")
	s := p.store(t, p.db(t))
	must(t, s.CreateSession(t.Context(), session("s1", 1)))
	for from := int64(1); from <= 10; from++ {
		winners := 0
		for _, err := range atOnce(16, func(int) error { return s.AdvanceSession(t.Context(), "s1", from, noon, noon.Add(time.Hour)) }) {
			if err == nil {
				winners++
			} else if !errors.Is(err, store.ErrConflict) {
				wants(t, err, errSome, "AdvanceSession")
			}
		}
		if winners != 1 {
			t.Fatalf("%d callers advanced the session from %d", winners, from)
		}
	}
}

// Statements that write many rows run beside others that write some of them: there
// is no deadlock, no revocation is lost, and nothing that lives is swept
// away.
func TestStatementsOnManyRowsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		const rounds, sessions = 12, 24
		all := nodes(t, p, 4)
		for round := range rounds {
			id := func(i int) string { return fmt.Sprintf("s-%d-%d", round, i) }
			user := fmt.Sprintf("u-%d", round)
			must(t, atOnce(sessions, func(i int) error {
				n := session(id(i), 24-i)
				n.UserID = user
				n.ExpiresAt = noon.Add(48 * time.Hour)
				if i%2 == 0 {
					n.IdleUntil = noon // to be prolonged, or swept away
				}
				return all[i%len(all)].CreateSession(t.Context(), n)
			})...)
			advanced := make([]error, sessions)
			errs := atOnce(3*sessions, func(i int) error {
				s, n := all[i%len(all)], i/3
				switch i % 3 {
				case 0:
					advanced[n] = s.AdvanceSession(t.Context(), id(n), 1, noon, noon.Add(24*time.Hour))
					if isSentinel(advanced[n]) {
						return nil
					}
					return advanced[n]
				case 1:
					_, err := s.DeleteExpiredSessions(t.Context(), noon)
					return err
				}
				return revokesUsers(t.Context(), s, user, noon)
			})
			must(t, errs...)
			for i := range sessions {
				got, err := all[0].Session(t.Context(), id(i))
				switch {
				case i%2 == 0 && errors.Is(advanced[i], store.ErrNotFound):
					wants(t, err, store.ErrNotFound, "Session, which AdvanceSession did not find")
				case i%2 == 1 || advanced[i] == nil:
					if err != nil || got.RevokedAt.IsZero() {
						t.Errorf("Session: %+v, %v; want it, and revoked", got, err)
					}
				}
			}
		}
	})
}

func TestOneOfManyUsersGetsALogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		const racers = 16
		all := nodes(t, p, 2)
		must(t, atOnce(racers, func(i int) error {
			return all[i%len(all)].AddUser(t.Context(), store.User{ID: fmt.Sprint(i), Login: fmt.Sprint("old-", i)}, "x")
		})...)
		one := func(doing string, do func(i int) error) {
			winners := 0
			for _, err := range atOnce(racers, do) {
				if err == nil {
					winners++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: %v", doing, err)
				}
			}
			if winners != 1 {
				t.Errorf("%s: %d have won", doing, winners)
			}
		}
		one("AddUser with one login", func(i int) error {
			return all[i%len(all)].AddUser(t.Context(), store.User{ID: fmt.Sprint("new-", i), Login: "new"}, "x")
		})
		one("SetUser with one login", func(i int) error {
			return all[i%len(all)].SetUser(t.Context(), store.User{ID: fmt.Sprint(i), Login: "other"})
		})
	})
}
