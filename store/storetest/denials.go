package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	laterOfTwo     = "A session that is on the list already stays on it until the later of the two times."
	forgetsDenials = "DeleteExpiredDenials deletes the sessions whose time is not after before, and no other, and returns how many that was."
)

var denialRules = []rule{
	{
		name:  "DenySession puts a session on the list",
		says:  "DenySession puts a session on the list until a time. It is committed when DenySession returns nil.",
		why:   "a user who was told that they are logged out is still let in with the access token that somebody has copied",
		check: denies,
	},
	{
		name:  "SessionDenied is true of no other session",
		says:  "SessionDenied reports whether a session is on the list.",
		why:   "one user logs out, and others are thrown out with them",
		check: deniesNoOther,
	},
	{
		name:  "DenySession keeps the later of the two times",
		says:  laterOfTwo,
		why:   "a second call that ends a session would make its access tokens valid again before they have expired",
		check: deniesUntilTheLater,
	},
	{
		name:  "DenySessions puts many sessions on the list",
		says:  "DenySessions does what DenySession does for many sessions",
		why:   "a user who logs out everywhere is still let in with the access tokens of the sessions that were left out",
		check: deniesMany,
	},
	{
		name:  "DenySessions takes the same session twice, and none",
		says:  "a session that is passed twice is put on the list once, and an empty list is not an error.",
		why:   "a logout everywhere would be answered with 503, for ever, since the same sessions are found again",
		check: deniesTwiceAndNone,
	},
	{
		name:  "DenySessions keeps the later of the two times",
		says:  "DenySessions does what DenySession does for many sessions",
		why:   "a second logout everywhere would give access tokens back before they have expired",
		check: deniesManyUntilTheLater,
	},
	{
		name:  "DeleteExpiredDenials forgets what has ended",
		says:  forgetsDenials,
		why:   "the list grows with every logout for ever, and is asked about every request",
		check: forgetsEndedDenials,
	},
	{
		name:  "DeleteExpiredDenials keeps what has not ended",
		says:  forgetsDenials,
		why:   "a stolen access token works again whenever the host tidies up",
		check: keepsDenials,
	},
	{
		name:  "A done context is no answer about denials",
		says:  doneContext,
		why:   "a request that ran out of time would let a session in that was ended, or tell a user that they are logged out",
		check: saysNothingOfDenialsWhenDone,
	},
}

// denials returns the deny list, which the fixture need not have.
func (t *trial) denials() store.Revocations {
	if t.Revocations == nil {
		t.skipf("needs Fixture.Revocations")
	}
	return t.Revocations
}

func (t *trial) deniesUntil(sid string, until time.Time) {
	t.must(t.denials().DenySession(t.ctx, sid, until), "DenySession(%q)", sid)
}

// isDenied fails the rule unless SessionDenied says so.
func (t *trial) isDenied(sid string, want bool, after string) {
	got, err := t.denials().SessionDenied(t.ctx, sid)
	t.must(err, "SessionDenied(%q), after %s", sid, after)
	if got != want {
		t.failf("SessionDenied(%q), after %s: said %t", sid, after, got)
	}
}

func (t *trial) deletesDenials(before time.Time) int {
	n, err := t.denials().DeleteExpiredDenials(t.ctx, before)
	t.must(err, "DeleteExpiredDenials")
	return n
}

// pastForDenials is a moment that no denial is as old as.
func (t *trial) pastForDenials() time.Time {
	past := longAgo()
	t.deletesDenials(past.Add(time.Hour))
	return past
}

func denies(t *trial) {
	sid := rand.Text()
	t.isDenied(sid, false, "nothing")
	for range 2 {
		t.deniesUntil(sid, t.now.Add(day))
		for range 3 {
			t.isDenied(sid, true, "DenySession")
		}
	}
	long := strings.Repeat(rand.Text(), 3)[:64]
	t.deniesUntil(long, t.now.Add(100*365*day))
	t.isDenied(long, true, "DenySession of a sid of 64 bytes")
}

func deniesNoOther(t *trial) {
	sid := strings.Repeat(rand.Text(), 3)[:61] + "_aB"
	t.deniesUntil(sid, t.now.Add(day))
	for _, other := range []string{strings.Map(swapCase, sid), strings.ReplaceAll(sid, "_", "x"), sid[:63] + "C", sid[:63], sid[1:], rand.Text(), ""} {
		t.isDenied(other, false, "DenySession of one that looks alike")
	}
	t.isDenied(sid, true, "looks at others")
}

// mostDenials is how many sessions a caller gives DenySessions at most.
const mostDenials = 1000

func (t *trial) deniesAll(sids []string, until time.Time) {
	t.must(t.denials().DenySessions(t.ctx, sids, until), "DenySessions of %d", len(sids))
}

func deniesMany(t *trial) {
	sids := make([]string, mostDenials)
	for i := range sids {
		sids[i] = rand.Text()
	}
	sids[mostDenials-1] = strings.Repeat(rand.Text(), 3)[:61] + "_aB"
	given := slices.Clone(sids)
	t.deniesAll(given, t.now.Add(day))
	spoil(given)
	for i, sid := range sids {
		if i < 3 || i > mostDenials-4 || i%97 == 0 {
			t.isDenied(sid, true, "DenySessions")
		}
	}
	last := sids[mostDenials-1]
	for _, other := range []string{strings.Map(swapCase, last), last[:63], last[1:], strings.ReplaceAll(last, "_", "x"), rand.Text(), "everything", ""} {
		t.isDenied(other, false, "DenySessions of one that looks alike")
	}
	one := rand.Text()
	t.deniesAll([]string{one}, t.now.Add(day))
	t.isDenied(one, true, "DenySessions of one")
}

func deniesTwiceAndNone(t *trial) {
	t.deniesAll(nil, t.now.Add(day))
	t.deniesAll([]string{}, t.now.Add(day))
	one, two := rand.Text(), rand.Text()
	for range 2 {
		t.deniesAll([]string{one, two, one, one}, t.now.Add(day))
		t.isDenied(one, true, "DenySessions of the same session twice")
		t.isDenied(two, true, "DenySessions of the same session twice")
	}
}

func deniesManyUntilTheLater(t *trial) {
	if t.ForgetsExpired {
		sids := []string{rand.Text(), rand.Text()}
		for _, until := range []time.Duration{2 * day, day} {
			t.deniesAll(sids, t.now.Add(until))
			t.isDenied(sids[1], true, "DenySessions twice")
		}
		return // a method that returns the end does not exist
	}
	past := t.pastForDenials()
	at := func(i int) time.Time { return past.Add(time.Duration(i) * time.Second) }
	for _, order := range [][]int{{1, 2}, {2, 1}, {2, 2}, {1, 2, 1}} {
		sids := []string{rand.Text(), rand.Text(), rand.Text()}
		for _, i := range order {
			t.deniesAll(sids, at(i))
		}
		for _, want := range []struct {
			before time.Time
			gone   int
		}{{at(2).Add(-time.Microsecond), 0}, {at(2), len(sids)}} {
			if n := t.deletesDenials(want.before); n != want.gone {
				t.failf("DeleteExpiredDenials, after DenySessions of %d more than once: said %d, not %d", len(sids), n, want.gone)
			}
		}
	}
	list := t.denials()
	for range rounds / 4 { // in another order each, as two nodes would
		sids := []string{rand.Text(), rand.Text(), rand.Text(), rand.Text()}
		errs := atOnce(8, func(i int) error {
			mine := slices.Clone(sids)
			slices.Reverse(mine[:i%len(mine)+1])
			return list.DenySessions(t.ctx, mine, at(i+1))
		})
		t.must(errors.Join(errs...), "DenySessions of the same sessions by 8 callers")
		if n := t.deletesDenials(at(8).Add(-time.Microsecond)) + t.deletesDenials(at(8)); n != len(sids) {
			t.failf("DeleteExpiredDenials, after DenySessions by many callers: said %d in all, of %d", n, len(sids))
		}
	}
}

func deniesUntilTheLater(t *trial) {
	soon, late := t.now.Add(day), t.now.Add(2*day)
	for _, order := range [][]time.Time{{soon, late}, {late, soon}, {late, late}} {
		sid := rand.Text()
		for _, until := range order {
			t.deniesUntil(sid, until)
		}
		t.isDenied(sid, true, "DenySession twice")
	}
	if t.ForgetsExpired {
		return // a method that returns the end does not exist
	}
	past := t.pastForDenials()
	at := func(i int) time.Time { return past.Add(time.Duration(i) * time.Second) }
	for _, order := range [][]int{{1, 2}, {2, 1}, {2, 2}, {1, 2, 1}} {
		sid := rand.Text()
		for _, i := range order {
			t.deniesUntil(sid, at(i))
		}
		t.endsAt(at(2), "DenySession, one after the other")
	}
	list := t.denials()
	for range rounds {
		sid := rand.Text()
		errs := atOnce(racers, func(i int) error { return list.DenySession(t.ctx, sid, at(i+1)) })
		t.must(errors.Join(errs...), "DenySession by %d callers", racers)
		t.endsAt(at(racers), "DenySession by many callers")
	}
}

// endsAt fails the rule unless the one denial of the past ends at this moment.
func (t *trial) endsAt(until time.Time, after string) {
	if n := t.deletesDenials(until.Add(-time.Microsecond)); n != 0 {
		t.failf("DeleteExpiredDenials, after %s: said %d a microsecond before the later time", after, n)
	}
	if n := t.deletesDenials(until); n != 1 {
		t.failf("DeleteExpiredDenials, after %s: said %d at the later time, of one", after, n)
	}
}

func forgetsEndedDenials(t *trial) {
	past := t.pastForDenials()
	ended := map[string]time.Time{rand.Text(): past, rand.Text(): past.Add(-time.Microsecond), rand.Text(): past.Add(-time.Hour)}
	for sid, until := range ended {
		t.deniesUntil(sid, until)
	}
	if n, want := t.deletesDenials(past), len(ended); n < 0 || n > want || n != want && !t.ForgetsExpired {
		t.failf("DeleteExpiredDenials: said %d, of %d that had ended", n, want)
	}
	for sid := range ended {
		t.isDenied(sid, false, "DeleteExpiredDenials, when ended")
	}
	if n := t.deletesDenials(past); n != 0 {
		t.failf("DeleteExpiredDenials, once more: said %d, of none", n)
	}
}

func keepsDenials(t *trial) {
	past := t.pastForDenials()
	live, soon := rand.Text(), rand.Text()
	t.deniesUntil(live, t.now.Add(day))
	t.deniesUntil(soon, past.Add(time.Microsecond))
	t.deniesUntil(rand.Text(), past)
	t.deletesDenials(past)
	t.isDenied(live, true, "DeleteExpiredDenials, when it has not ended")
	if t.ForgetsExpired {
		return
	}
	if n := t.deletesDenials(past.Add(time.Microsecond)); n != 1 { // before that it may have been reported either way
		t.failf("DeleteExpiredDenials, a microsecond later: said %d, of one that ended then", n)
	}
	t.isDenied(live, true, "DeleteExpiredDenials, when it has not ended")
}

func saysNothingOfDenialsWhenDone(t *trial) { t.sayNothingWhenDone(t.denialCalls()) }

// denialCalls are all methods of the deny list.
func (t *trial) denialCalls() []call {
	denied := rand.Text()
	t.deniesUntil(denied, t.now.Add(day))
	calls := []call{{"DeleteExpiredDenials", func(ctx context.Context) error {
		_, err := t.denials().DeleteExpiredDenials(ctx, longAgo())
		return err
	}}}
	for _, sid := range []string{denied, rand.Text()} {
		calls = append(calls,
			call{"DenySession", func(ctx context.Context) error { return t.denials().DenySession(ctx, sid, t.now.Add(day)) }},
			call{"DenySessions", func(ctx context.Context) error { return t.denials().DenySessions(ctx, []string{sid}, t.now.Add(day)) }},
			call{"SessionDenied", func(ctx context.Context) error {
				_, err := t.denials().SessionDenied(ctx, sid)
				return err
			}},
		)
	}
	return calls
}
