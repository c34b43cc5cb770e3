package stores_test

import (
	"reflect"
	"testing"
	"time"
)

func TestNothingIsForgottenAtARestart(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *place) {
		db := p.db(t)
		s := p.store(t, db)
		must(t, fill(t.Context(), s)...)
		must(t,
			s.AdvanceSession(t.Context(), "s1", 1, noon.Add(time.Hour), noon.Add(2*time.Hour)), s.RevokeSession(t.Context(), "s2", noon),
			s.UseAPIKey(t.Context(), "k1", noon.Add(time.Microsecond)), s.RevokeAPIKey(t.Context(), "k1", noon.Add(time.Second)))
		must(t, db.Close())

		s = p.store(t, p.db(t))
		s1, s2, key := session("s1", 24), session("s2", 24), keyOfAda
		s1.Generation, s1.AdvancedAt, s1.IdleUntil = 2, noon.Add(time.Hour), noon.Add(2*time.Hour)
		s2.RevokedAt = noon
		key.LastUsedAt, key.RevokedAt = noon.Add(time.Microsecond), noon.Add(time.Second)
		same := func(doing string, got any, err error, want any) {
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got\n%+v, %v; want\n%+v", doing, got, err, want)
			}
		}
		got, err := s.Session(t.Context(), "s1")
		same("Session", got, err, s1)
		got, err = s.Session(t.Context(), "s2")
		same("Session, revoked", got, err, s2)
		k, err := s.APIKey(t.Context(), key.Digest)
		same("APIKey", k, err, key)
		u, err := s.Authenticate(t.Context(), "ada", adas)
		same("Authenticate", u, err, ada)
		c, err := s.Client(t.Context(), "web")
		same("Client", c, err, webApp)
		denied, err := s.SessionDenied(t.Context(), "d1")
		same("SessionDenied", denied, err, true)
	})
}
