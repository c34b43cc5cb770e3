package middleware_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// Support staff sees a login that is locked out, and lifts it.
func TestFaultC9SupportInspectsAndLiftsALockout(t *testing.T) {
	t.Parallel()
	const office = "198.51.100.9"
	at, none := netip.MustParseAddr(office), netip.Addr{}
	t.Run("of a login from an address", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		if l, err := d.InspectLogin(t.Context(), "alice", at); err != nil || l.Locked || l.Known {
			t.Errorf("before: %+v, %v", l, err)
		}
		d.fail(t, "alice", office)
		wantStatus(t, d.try(t, "alice", password, office), http.StatusTooManyRequests)
		l, err := d.InspectLogin(t.Context(), " Alice", at)
		if err != nil || !l.Locked || l.Known || l.Policy != "bruteforce/pair" || l.RetryAfter <= 0 {
			t.Errorf("locked out: %+v, %v", l, err)
		}
		if other, err := d.InspectLogin(t.Context(), "bob", at); err != nil || other.Locked {
			t.Errorf("another login: %+v, %v", other, err)
		}
		if err := d.LiftLockout(t.Context(), "alice", none); err != nil {
			t.Error(err)
		}
		wantStatus(t, d.try(t, "alice", password, office), http.StatusTooManyRequests) // the budget of the pair needs the address
		if err := d.LiftLockout(t.Context(), "ALICE", at); err != nil {
			t.Error(err)
		}
		wantStatus(t, d.try(t, "alice", password, office), http.StatusOK)
		if l, err := d.InspectLogin(t.Context(), "alice", at); err != nil || l.Locked || !l.Known {
			t.Errorf("afterwards: %+v, %v", l, err)
		}
	})
	t.Run("of a known login", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.try(t, "alice", password, office), http.StatusOK)
		for range 2 { // the open budgets, then those of a known user
			d.fail(t, "alice", office)
		}
		for range 40 {
			d.try(t, "alice", "wrong", office)
		}
		if l, err := d.InspectLogin(t.Context(), "alice", at); err != nil || !l.Locked || !l.Known {
			t.Errorf("locked out: %+v, %v", l, err)
		}
		if err := d.LiftLockout(t.Context(), "alice", at); err != nil {
			t.Error(err)
		}
		d.fail(t, "alice", office) // the open budgets again, and the first of those of a known user
		wantStatus(t, d.try(t, "alice", password, office), http.StatusOK)
	})
	t.Run("of a login from everywhere, and of an address", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for i := range 100 {
			d.try(t, "alice", "wrong", address(i))
		}
		if l, err := d.InspectLogin(t.Context(), "alice", none); err != nil || !l.Locked || l.Policy != "bruteforce/login" {
			t.Errorf("a login: %+v, %v", l, err)
		}
		if err := d.LiftLockout(t.Context(), "alice", none); err != nil {
			t.Error(err)
		}
		wantStatus(t, d.try(t, "alice", password, address(200)), http.StatusOK)
		for i := range 100 {
			d.try(t, "user-"+address(i), "wrong", office)
		}
		if l, err := d.InspectLogin(t.Context(), "", at); err != nil || !l.Locked || l.Policy != "bruteforce/address" || l.Pseudonym != "" {
			t.Errorf("an address: %+v, %v", l, err)
		}
		if err := d.LiftLockout(t.Context(), "", at); err != nil {
			t.Error(err)
		}
		wantStatus(t, d.try(t, "alice", password, office), http.StatusOK)
	})
	t.Run("of nothing", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		if _, err := d.InspectLogin(t.Context(), "", none); err == nil {
			t.Error("InspectLogin: no error")
		}
		if err := d.LiftLockout(t.Context(), "", none); err == nil {
			t.Error("LiftLockout: no error")
		}
	})
}

// The refusals of one name have one pseudonym, which does not tell the name.
func TestFaultC9EventsCarryAPseudonymOfTheLogin(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.fail(t, "alice", home)
	d.try(t, " Alice", "wrong", home)
	d.try(t, "bob", "wrong", home)
	l, err := d.InspectLogin(t.Context(), "alice", netip.Addr{})
	if err != nil || len(l.Pseudonym) != 22 {
		t.Fatalf("InspectLogin: %+v, %v", l, err)
	}
	told := d.journal.Take()
	for i, e := range told {
		last := i == len(told)-1
		if e.Kind != events.LoginRefused && e.Kind != events.Throttled || (e.LoginPseudonym == l.Pseudonym) == last || e.LoginPseudonym == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}
