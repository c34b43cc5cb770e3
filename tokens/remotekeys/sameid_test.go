package remotekeys_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// An issuer may use the ID of a key again for a new one. No token names an unknown ID
// then, so the keys are new after RefreshAfter, and nothing of the old ones is left.
func TestFaultC15AKeyIDThatTheIssuerUsesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, young := jwks(t, "a"), jwks(t, "a")
		i := &issuer{answers: answer(200, old)}
		s := open(t, i)
		want(t, s, "", old)
		i.set(0, answer(200, young))
		want(t, s, "a", old) // it is known, and so it is not fetched
		time.Sleep(5*time.Minute + time.Second)
		if _, err := s.KeySet(t.Context(), "a"); err != nil { // begins the fetch
			t.Fatal(err)
		}
		synctest.Wait()
		for range 3 {
			want(t, s, "a", young)
		}
		if n := i.count(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}
