package tokens_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// A session at generation 0 is the step of a login that is not complete.
func TestASessionThatIsNotOpenYetIsGoodForNothing(t *testing.T) {
	t.Parallel()
	r := open(t)
	p := r.login(t)
	c := r.config
	c.Store = altering{&foreign{storeSpy: r.store, session: func(s *store.Session) { s.Generation = 0 }}}
	a := authority(t, c)
	r.unchanged(t, func() {
		_, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
		wantError(t, err, tokens.ErrInvalidRefresh)
		if all, _, err := a.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(all) > 0 {
			t.Errorf("Sessions: %+v, %v", all, err)
		}
		if of, err := a.Introspect(t.Context(), p.AccessToken); err != nil || of.Active {
			t.Errorf("Introspect: %+v, %v", of, err)
		}
		if of, err := a.Introspect(t.Context(), p.RefreshToken); err != nil || of.Active {
			t.Errorf("Introspect of the refresh token: %+v, %v", of, err)
		}
		wantError(t, a.EndOtherSessions(t.Context(), p.Principal), tokens.ErrNoSession)
	})
}
