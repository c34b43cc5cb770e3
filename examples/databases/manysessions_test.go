package databases_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// far is a deny list behind a round trip of a millisecond.
type far struct{ store.Revocations }

func (f far) DenySession(ctx context.Context, sid string, until time.Time) error {
	time.Sleep(time.Millisecond)
	return f.Revocations.DenySession(ctx, sid, until)
}

func (f far) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	time.Sleep(time.Millisecond)
	return f.Revocations.DenySessions(ctx, sids, until)
}

// lately are the sessions of a crowd that were used within the life of an access
// token. The others are a year old.
const lately = 1000

// crowd opens so many sessions of ada's: in a database with one statement.
func (h host) crowd(t *testing.T, many int) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	ends := now.Add(24 * time.Hour)
	opened := func(n int) time.Time {
		if n > many-lately {
			return now.Add(time.Duration(n-many) * time.Microsecond)
		}
		return now.Add(-365*24*time.Hour + time.Duration(n)*time.Microsecond)
	}
	if h.place != nil {
		at := fmt.Sprintf("CASE WHEN n > %d THEN %d + n ELSE %d + n END", many-lately, opened(many).UnixMicro()-int64(many), opened(0).UnixMicro())
		h.place.run(t, h.place.db(t), fmt.Sprintf("INSERT INTO sallyport_sessions "+
			"(id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, methods, actor) "+
			"SELECT 's-' || n, '%s', '', '[]', 1, %[2]s, %[2]s, %[3]d, %[3]d, NULL, '', '', '[]', '' FROM %[4]s", ada.ID, at, ends.UnixMicro(), h.place.numbers(many)))
		return
	}
	var last atomic.Int64 // in the order in which they were opened
	must(t, atOnce(12, func(int) error {
		for {
			n := int(last.Add(1))
			if n > many {
				return nil
			}
			s := session(fmt.Sprintf("s-%d", n), 1)
			s.CreatedAt, s.AdvancedAt, s.IdleUntil, s.ExpiresAt = opened(n), opened(n), ends, ends
			if err := h.store.CreateSession(t.Context(), s); err != nil {
				return err
			}
		}
	})...)
}

// Whatever a user has done before, each of their requests has a bound. How many
// sessions the user has is crowdOfOne; only for as many as SALLYPORT_SESSIONS says a
// time is demanded.
func TestFaultA16C16AUserWithManySessions(t *testing.T) {
	t.Parallel()
	many, timed := 3000, os.Getenv("SALLYPORT_SESSIONS") != ""
	if timed {
		many = crowdOfOne(t)
	}
	hosts(t, func(t *testing.T, name string, h host) {
		within := func(what string, most time.Duration, do func() error) {
			t.Helper()
			began := time.Now()
			must(t, do())
			took := time.Since(began)
			t.Logf("%s, %d sessions: %s: %v", name, many, what, took)
			if timed && took > most {
				t.Errorf("%s: %s took %v, want %v at most", name, what, took, most)
			}
		}
		a := h.authority(t, far{h.store})
		few := h.authority(t, far{h.store}, func(c *tokens.Config) { c.MaxSessions = 5 })
		var pairs []tokens.Pair
		login := func(a *tokens.Authority) func() error {
			return func() error {
				p, err := a.Login(t.Context(), tokens.LoginRequest{Login: "ada", Password: adas})
				pairs = append(pairs, p)
				return err
			}
		}
		must(t, login(a)())
		h.crowd(t, many)

		within("a login", time.Second, login(a))
		within("a refresh", time.Second, func() error {
			p, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: pairs[1].RefreshToken})
			pairs[1] = p
			return err
		})
		var next string
		for _, page := range []string{"the first page", "the page behind it"} {
			within(page, time.Second, func() error {
				all, after, err := a.Sessions(t.Context(), ada.ID, tokens.Page{After: next, Limit: 100})
				next = after
				if len(all) != 100 || after == "" {
					return fmt.Errorf("%d sessions, behind them %q: %w", len(all), after, err)
				}
				return err
			})
		}
		within("a page in the middle", time.Second, func() error {
			middle, err := h.store.Session(t.Context(), fmt.Sprint("s-", many/2))
			must(t, err)
			all, err := h.store.UserSessions(t.Context(), ada.ID, middle.Cursor(), 100)
			if len(all) != 100 || all[0].ID != fmt.Sprint("s-", many/2-1) {
				return fmt.Errorf("%d sessions: %w", len(all), err)
			}
			return err
		})
		for what, token := range map[string]tokens.Secret{"an access token": pairs[0].AccessToken, "a refresh token": pairs[0].RefreshToken} {
			within("introspection of "+what, time.Second, func() error {
				of, err := a.Introspect(t.Context(), token)
				if !of.Active {
					return fmt.Errorf("it is not active: %w", err)
				}
				return err
			})
		}
		within("the end of one session", time.Second, func() error {
			ok, err := a.EndSession(t.Context(), ada.ID, fmt.Sprint("s-", many/3))
			if !ok {
				return fmt.Errorf("there is no such session: %w", err)
			}
			return err
		})
		within("a login that ends 100 sessions, as MaxSessions is new", time.Second, login(few))
		within("another one", time.Second, login(few))
		within("a logout", time.Second, func() error { return a.Logout(t.Context(), tokens.RefreshRequest{Token: pairs[3].RefreshToken}) })
		wants(t, h.store.AdvanceSession(t.Context(), fmt.Sprint("s-", many-400), 1, noon, noon), nil, "a session that is left")

		// The client has disconnected before it begins.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		within("the end of all others", time.Second, func() error { return a.EndOtherSessions(gone, pairs[1].Principal) })
		if left, err := h.store.UserSessions(t.Context(), ada.ID, store.Newest(), store.MaxPage); err != nil || len(left) != 1 {
			t.Errorf("%d sessions are open, %v", len(left), err)
		}
		within("a login afterwards", time.Second, login(few))
		within("a page afterwards", time.Second, func() error {
			all, after, err := a.Sessions(t.Context(), ada.ID, tokens.Page{Limit: 100})
			if len(all) != 2 || after != "" {
				return fmt.Errorf("%d sessions, behind them %q: %w", len(all), after, err)
			}
			return err
		})
		within("a logout everywhere, which looks at what ended lately", time.Second, func() error { return a.LogoutEverywhere(gone, ada.ID) })
		for _, p := range pairs {
			if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); !errors.Is(err, tokens.ErrRevokedRefresh) {
				t.Errorf("a refresh token: %v", err)
			}
			if _, err := a.Verify(t.Context(), p.AccessToken); !errors.Is(err, tokens.ErrRevokedToken) {
				t.Errorf("an access token: %v", err)
			}
		}
		for _, n := range []int{1, many / 2, many} {
			wants(t, h.store.AdvanceSession(t.Context(), fmt.Sprint("s-", n), 1, noon, noon), store.ErrConflict, "a session that has ended")
		}
		if denied, err := h.store.SessionDenied(t.Context(), fmt.Sprint("s-", many)); err != nil || !denied {
			t.Errorf("the newest session is denied: %t, %v", denied, err)
		}
	})
}

// MariaDB reads a page from where it begins, and not from the newest session.
func TestFaultC16APageReadsNoMoreRowsThanItHas(t *testing.T) {
	t.Parallel()
	p := inMariaDB(t)
	db := p.db(t)
	db.SetMaxOpenConns(1) // which counts the rows that it reads
	s := p.store(t, db)
	manySessions(t, p, db, 5000)
	p.run(t, db, "ANALYZE TABLE sallyport_sessions")
	read := func() (n int) {
		must(t, db.QueryRowContext(t.Context(), "SELECT SUM(variable_value) FROM information_schema.session_status WHERE variable_name LIKE 'HANDLER_READ%'").Scan(&n))
		return n
	}
	middle, err := s.Session(t.Context(), "id-2500")
	must(t, err)
	read()
	alone := -read() + read() // for the status has rows of its own
	before := read()
	if page, err := s.UserSessions(t.Context(), "u1", middle.Cursor(), 100); err != nil || len(page) != 100 || page[0].ID != "id-2499" {
		t.Fatalf("%d sessions, %v", len(page), err)
	}
	if n := read() - before - alone; n > 500 {
		t.Errorf("a page of 100 reads %d rows", n)
	}
}
