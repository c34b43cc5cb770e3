package countertest

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

func canPass(f Fixture) bool { return f.Pass != nil }

// groups are in the order in which they are filled.
var groups = []ratelimit.Group{ratelimit.GroupAttempts, ratelimit.GroupAddresses, ratelimit.GroupKnown, ratelimit.GroupCallers}

// of returns a charge in a group, by a source.
func (t *trial) of(g ratelimit.Group, source int, c ratelimit.Charge) ratelimit.Charge {
	c.Group, c.Source = g, strconv.Itoa(source)
	return c
}

// many returns how many counters fill a group.
func (t *trial) many() int {
	if t.Capacity > 0 {
		return 2 * t.Capacity
	}
	return 512
}

var rules = []rule{
	{
		name: "what is spent is counted, up to the limit",
		why:  "a wrong limit is what a customer notices first",
		check: func(t *trial) {
			for left := int64(4); left >= 0; left-- {
				if d := t.take(true, t.hour("a", 5, 1)); d.Status[0].Remaining != left {
					t.errorf("%d are left, want %d", d.Status[0].Remaining, left)
				}
			}
			t.take(false, t.hour("a", 5, 1))
			t.take(true, t.hour("b", 5, 5))
			t.take(false, t.hour("c", 0, 1))
			t.take(false, t.hour("d", 5, 6))
			t.take(true)
		},
	},
	{
		name: "what is refused spends nothing",
		why:  "one rejected costly request would use up the limit of the cheap ones",
		check: func(t *trial) {
			t.take(true, t.hour("a", 100, 95))
			for range 20 {
				t.take(false, t.hour("a", 100, 10))
			}
			for range 5 {
				t.take(true, t.hour("a", 100, 1))
			}
			t.take(false, t.hour("a", 100, 1))
		},
	},
	{
		name: "all charges are made, or none",
		why:  "a request that the limit of a second rejects would use up the limit of the hour",
		check: func(t *trial) {
			for i := range 3 {
				charges := []ratelimit.Charge{t.hour("a", 9, 2), t.hour("b", 9, 2), t.hour("c", 9, 2)}
				charges[i].Policy.Limit = 1
				d := t.take(false, charges...)
				for j, s := range d.Status {
					if s.Allowed != (i != j) || s.Remaining != charges[j].Policy.Limit {
						t.errorf("charge %d of %d, where %d is too much: %+v", j+1, len(charges), i+1, s)
					}
				}
			}
			t.take(true, t.hour("a", 9, 9), t.hour("b", 9, 9), t.hour("c", 9, 9))
		},
	},
	{
		name: "of callers at once exactly the limit is let in",
		why:  "concurrent requests would get more than sequential ones",
		check: func(t *trial) {
			const limit = 200
			var let, failed atomic.Int64
			var all sync.WaitGroup
			for range 32 {
				all.Go(func() {
					for range 20 {
						// so long a window that nothing comes back meanwhile
						d, err := t.Counters.Take(t.ctx, []ratelimit.Charge{t.hour("wide", 1<<30, 1), t.charge("a", limit, 1, 100_000*time.Hour/2)}, nil)
						switch {
						case err != nil:
							failed.Add(1)
						case d.Allowed:
							let.Add(1)
						}
					}
				})
			}
			all.Wait()
			if let.Load() != limit || failed.Load() > 0 {
				t.errorf("of 640 calls %d were let in and %d failed, want %d and none", let.Load(), failed.Load(), limit)
			}
			if t.algorithm != ratelimit.GCRA { // which gives some back meanwhile
				t.left("wide", 1<<30, 1<<30-limit)
			}
		},
	},
	{
		name: "a limit that has changed counts at once, and changes nothing that was spent",
		why:  "a customer who has paid for more would have to wait for it",
		check: func(t *trial) {
			t.take(true, t.hour("a", 5, 5))
			for range 100 {
				t.take(false, t.hour("a", 5, 1))
			}
			t.take(true, t.hour("a", 7, 1))
			t.take(false, t.hour("a", 6, 1))
			t.take(false, t.hour("a", 0, 1))
			t.take(true, t.hour("a", 7, 1))
			t.take(false, t.hour("a", 7, 1))
		},
	},
	{
		name: "a refund gives back what there is, and no credit",
		why:  "refunds would add up to more than the limit",
		check: func(t *trial) {
			refund := func(cost int64) {
				t.must("Refund", t.Counters.Refund(t.ctx, []ratelimit.Charge{t.hour("a", 10, cost)}))
			}
			refund(5)
			t.left("a", 10, 10)
			t.take(true, t.hour("a", 10, 10))
			refund(4)
			t.take(false, t.hour("a", 10, 5))
			t.take(true, t.hour("a", 10, 4))
			t.take(false, t.hour("a", 10, 1))
			refund(1000)
			t.take(true, t.hour("a", 10, 10))
			t.take(false, t.hour("a", 10, 1))
		},
	},
	{
		name:  "a counter that was given back completely is as if it had never been",
		why:   "what costs a caller nothing would leave something behind",
		wants: func(f Fixture) bool { return f.Pass != nil && !f.KeepsWindows },
		check: func(t *trial) {
			t.take(true, t.hour("a", 10, 3), t.hour("b", 10, 4))
			t.Pass(40 * time.Minute)
			t.must("Refund", t.Counters.Refund(t.ctx, []ratelimit.Charge{t.hour("a", 10, 3), t.hour("b", 10, 4)}))
			d := t.take(true, t.hour("a", 10, 2), t.hour("never charged", 10, 2))
			if d.Status[0] != d.Status[1] {
				t.errorf("the Status is %+v, that of a new counter %+v", d.Status[0], d.Status[1])
			}
			t.Pass(40 * time.Minute)
			t.take(true, t.hour("b", 10, 10))
		},
	},
	{
		name: "counters of other groups are others, and a flood of one costs the others nothing",
		why:  "failed logins of callers who are not authenticated would use up what customers have paid for",
		check: func(t *trial) {
			for full, flooded := range groups {
				for i := range t.many() {
					_, _ = t.Counters.Take(t.ctx, []ratelimit.Charge{t.of(flooded, i%3, t.hour("flood"+strconv.Itoa(i), 3, 1))}, nil)
				}
				for _, g := range groups[full+1:] {
					name := "after " + flooded.String()
					for range 3 {
						t.take(true, t.of(g, 7, t.hour(name, 3, 1)))
					}
					t.take(false, t.of(g, 7, t.hour(name, 3, 1)))
				}
			}
		},
	},
	{
		name: "a mark of GroupKnown is never shared, however full the group is",
		why:  "an attacker's address would be taken for one that the user has logged in from",
		check: func(t *trial) {
			for i := range t.many() {
				_, _ = t.Counters.Take(t.ctx, []ratelimit.Charge{t.of(ratelimit.GroupKnown, i, t.hour("mark"+strconv.Itoa(i), 1, 1))}, nil)
			}
			for i := range 512 {
				t.peek(true, t.of(ratelimit.GroupKnown, i, t.hour("never marked"+strconv.Itoa(i), 1, 1)))
			}
		},
	},
	{
		name: "a look writes nothing",
		why:  "a caller that reads its quota would have less",
		check: func(t *trial) {
			for range 20 {
				t.peek(true, t.hour("a", 5, 5))
				t.peek(false, t.hour("a", 5, 6))
			}
			t.take(true, t.hour("a", 5, 4))
			for range 20 {
				t.left("a", 5, 1)
			}
			t.take(true, t.hour("a", 5, 1))
		},
	},
	{
		name: "a reset forgets what was counted, of this counter and no other",
		why:  "support staff could not reset a customer, or would reset another",
		check: func(t *trial) {
			t.take(true, t.hour("a", 5, 5), t.hour("b", 5, 5))
			t.take(false, t.hour("a", 5, 1))
			t.must("Reset", t.Counters.Reset(t.ctx, []ratelimit.Charge{t.hour("a", 5, 1)}))
			t.take(true, t.hour("a", 5, 5))
			t.take(false, t.hour("b", 5, 1))
		},
	},
	{
		name: "work that is done is charged beyond the limit, and refuses nothing",
		why:  "a caller with little left would get the largest responses for nothing",
		check: func(t *trial) {
			done := t.hour("a", 10, 15)
			done.Done = true
			t.take(true, t.hour("a", 10, 9))
			if d := t.take(true, t.hour("b", 10, 1), done); d.Status[0].Remaining != 9 || d.Status[1].Allowed || d.Status[1].Remaining != 0 {
				t.errorf("the decision is %+v", d)
			}
			t.take(false, t.hour("a", 10, 1))
		},
	},
	{
		name: "counters of other names, windows and algorithms are others",
		why:  "requests would be counted as failed logins",
		check: func(t *trial) {
			for _, key := range []string{"a", "A", "a ", "a:", "a:b", "a/b", "ab", "\x00", "ä"} {
				t.take(true, t.hour(key, 1, 1))
			}
			t.take(true, t.charge("a", 1, 1, time.Minute), t.charge("a", 1, 1, time.Second), t.charge("a", 1, 1, 24*time.Hour))
			t.take(false, t.hour("a", 1, 1))
			for _, other := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
				c := t.hour("a", 1, 1)
				c.Policy.Algorithm = other
				if other != t.algorithm && t.Counters.Check(c.Policy) == nil {
					t.take(true, c)
				}
			}
		},
	},
	{
		name: "a decision does not change when the next one reuses dst",
		why:  "two requests would be told what only one of them has left",
		check: func(t *trial) {
			a, b := t.hour("a", 9, 1), t.hour("b", 9, 2)
			kept := t.take(true, a)
			was := kept.Status[0]
			used := make([]ratelimit.Status, 5)
			for i := range used {
				used[i] = ratelimit.Status{Allowed: true, Remaining: -7, ResetAfter: -1, RetryAfter: -1}
			}
			for _, dst := range [][]ratelimit.Status{nil, {}, used[:0:1], used[:1], used} {
				d, err := t.Counters.Take(t.ctx, []ratelimit.Charge{a, b}, dst)
				t.decided("Take", d, err, d.Status[1].Allowed, []ratelimit.Charge{a, b})
				d, err = t.Counters.Peek(t.ctx, []ratelimit.Charge{b, a}, dst)
				t.decided("Peek", d, err, d.Status[0].Allowed, []ratelimit.Charge{b, a})
			}
			if kept.Status[0] != was {
				t.errorf("a decision was %+v and has become %+v", was, kept.Status[0])
			}
			t.left("a", 9, 4)
			t.left("b", 9, 1)
		},
	},
	{
		name: "a charge that is none is an error, and makes none of the others",
		why:  "a mistake in a host's code would admit all callers",
		check: func(t *trial) {
			for _, bad := range []ratelimit.Charge{
				t.hour("", 1, 1), t.hour("b", 1, 0), t.hour("b", 1, -1), t.hour("b", 1, math.MaxInt64),
				t.charge("b", 1, 1, 0), t.charge("b", 1, 1, time.Millisecond), t.charge("b", 1, 1, 1500*time.Millisecond),
			} {
				if d, err := t.Counters.Take(t.ctx, []ratelimit.Charge{t.hour("a", 5, 5), bad}, nil); err == nil {
					t.errorf("Take of %+v is %+v", bad, d)
				}
				if d, err := t.Counters.Peek(t.ctx, []ratelimit.Charge{bad}, nil); err == nil {
					t.errorf("Peek of %+v is %+v", bad, d)
				}
			}
			t.take(true, t.hour("a", 5, 5))
		},
	},
	{
		name:  "a call returns when its context is done",
		why:   "requests would wait for a server that does not answer, until the host has no memory left for more",
		check: returnsWhenDone,
	},
	{
		name:  "who waits as long as it is told gets in",
		why:   "clients wait as long as Retry-After says, and would be rejected again and again",
		wants: canPass,
		check: waits,
	},
	{
		name:  "all is there again when it is said to be, and a window's end does not move",
		why:   "a window that every request extends rejects a busy caller forever",
		wants: canPass,
		check: resets,
	},
	{
		name:  "any schedule is decided as a plain model of the algorithm decides it",
		why:   "an algorithm that is nearly right is wrong for one caller",
		wants: func(f Fixture) bool { return f.Pass != nil && f.RoundsUp == 0 },
		check: followsModel,
	},
	{
		name:  "a counter that has lost its end gets one",
		why:   "its caller would be rejected forever",
		wants: func(f Fixture) bool { return f.Pass != nil && f.Unend != nil },
		check: func(t *trial) {
			t.take(true, t.hour("a", 5, 5))
			t.Unend()
			t.take(false, t.hour("a", 5, 1))
			t.Pass(2*time.Hour + t.RoundsUp)
			t.take(true, t.hour("a", 5, 5))
		},
	},
}
