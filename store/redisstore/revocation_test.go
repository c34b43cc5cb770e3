package redisstore_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

func TestDenials(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	sid := rand.Text()
	denied := func() bool {
		t.Helper()
		is, err := l.SessionDenied(t.Context(), sid)
		if err != nil {
			t.Error(err)
		}
		return is
	}
	until := func() time.Duration {
		return l.client.TTL(t.Context(), l.prefix+"denied:"+sid).Val().Round(time.Minute)
	}
	deny := func(d time.Duration) {
		t.Helper()
		if err := l.DenySession(t.Context(), sid, time.Now().Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	if denied() {
		t.Error("a session is denied that was not")
	}
	deny(time.Hour)
	if !denied() || until() != 2*time.Hour {
		t.Errorf("denied is %v, for %v", denied(), until())
	}
	deny(time.Minute)
	if until() != 2*time.Hour {
		t.Errorf("an earlier time has shortened it to %v", until())
	}
	deny(3 * time.Hour)
	if until() != 4*time.Hour {
		t.Errorf("a later time has left it at %v", until())
	}
	sid = strings.ToLower(sid)
	if denied() {
		t.Error("a session that looks alike is denied")
	}
	deny(-2 * time.Hour)
	if denied() {
		t.Error("what is long past is kept")
	}
	if n, err := l.DeleteExpiredDenials(t.Context(), time.Now()); n != 0 || err != nil {
		t.Errorf("DeleteExpiredDenials: %d, %v", n, err)
	}
}
