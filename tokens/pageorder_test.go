package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// misordered is a store whose pages are altered. The full page of the keys of alice's is
// made up, so that a list has another page.
type misordered struct {
	*storeSpy

	sessions func([]store.Session) []store.Session
	blind    bool // to the cursor
	full     bool
	pages    int
}

func (m *misordered) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	if m.blind {
		after = store.Newest()
	}
	all, err := m.storeSpy.UserSessions(ctx, userID, after, limit)
	if m.sessions != nil {
		all = m.sessions(all)
	}
	return all, err
}

func (m *misordered) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	m.pages++
	if m.pages > 5 {
		return nil, errDriver // the caller would never stop
	}
	if m.blind {
		after = store.Newest()
	}
	if !m.full {
		return m.storeSpy.OwnerAPIKeys(ctx, owner, after, limit)
	}
	var all []store.APIKey
	for i := range 1000 {
		all = append(all, store.APIKey{ID: fmt.Sprintf("key-%04d", i), Owner: owner, CreatedAt: time.Unix(int64(5000-i), 0).UTC()})
	}
	return all, nil
}

func TestFaultA16PagesThatAreOutOfOrderEndNothingAndLoopNowhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit  func(*misordered)
		after bool // ask for the second page
		wrong bool
	}{
		"as the contract has it":              {func(*misordered) {}, true, false},
		"the cursor is ignored":               {func(m *misordered) { m.blind = true }, true, true},
		"the first page, whose cursor is all": {func(m *misordered) { m.blind = true }, false, false},
		"the oldest is the first": {func(m *misordered) {
			m.sessions = func(all []store.Session) []store.Session { slices.Reverse(all); return all }
		}, false, true},
		"one is there twice": {func(m *misordered) {
			m.sessions = func(all []store.Session) []store.Session { return append(all[:1:1], all[:1]...) }
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			for range 4 {
				r.login(t)
				r.apiKey(t)
				r.clock.move(time.Second)
			}
			m := &misordered{storeSpy: r.store}
			tt.edit(m)
			c := r.config
			c.Store, c.APIKeys = m, m
			a := authority(t, c)
			page := tokens.Page{Limit: 2}
			if tt.after {
				_, after, err := r.Sessions(t.Context(), alice.ID, page)
				if err != nil {
					t.Fatal(err)
				}
				page.After = after
			}
			if _, _, err := a.Sessions(t.Context(), alice.ID, page); errors.Is(err, tokens.ErrContract) != tt.wrong {
				t.Errorf("Sessions: %v, want an ErrContract: %t", err, tt.wrong)
			} else if err != nil && !strings.Contains(err.Error(), "UserSessions: ") {
				t.Errorf("%v does not name the method", err)
			}
			if m.blind && tt.after {
				_, after, err := r.OwnerAPIKeys(t.Context(), store.Owner{ID: alice.ID}, tokens.Page{Limit: 2})
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := a.OwnerAPIKeys(t.Context(), store.Owner{ID: alice.ID}, tokens.Page{Limit: 2, After: after}); !errors.Is(err, tokens.ErrContract) {
					t.Errorf("OwnerAPIKeys: %v, want %v", err, tokens.ErrContract)
				}
			}
		})
	}
	t.Run("a new password ends with an error where the store returns the same keys again and again", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		m := &misordered{storeSpy: r.store, full: true}
		c := r.config
		c.APIKeys = m
		err := authority(t, c).PasswordChanged(t.Context(), alice.ID, tokens.EndAPIKeys)
		if !errors.Is(err, tokens.ErrContract) || m.pages != 2 {
			t.Errorf("error = %v after %d pages, want %v after 2", err, m.pages, tokens.ErrContract)
		}
	})
}
