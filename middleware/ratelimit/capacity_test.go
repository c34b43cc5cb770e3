package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

var allGroups = []ratelimit.Group{ratelimit.GroupCallers, ratelimit.GroupAddresses, ratelimit.GroupAttempts, ratelimit.GroupKnown}

// in is a charge in a group, from a source.
func in(g ratelimit.Group, source string, c ratelimit.Charge) ratelimit.Charge {
	c.Group, c.Source = g, source
	return c
}

// takesOne takes one charge, and reports whether it was made.
func takesOne(t *testing.T, c ratelimit.Counters, charge ratelimit.Charge) bool {
	t.Helper()
	d, err := c.Take(t.Context(), []ratelimit.Charge{charge}, nil)
	if err != nil && charge.Group != ratelimit.GroupKnown {
		t.Fatal(err)
	}
	return d.Allowed
}

// exact checks that a caller has a counter of its own, with a limit that is not
// spent.
func exact(t *testing.T, c ratelimit.Counters, what string, charge ratelimit.Charge) {
	t.Helper()
	for i := range charge.Policy.Limit + 1 {
		if got := takesOne(t, c, charge); got != (i < charge.Policy.Limit) {
			t.Fatalf("%s: charge %d of a limit of %d is allowed: %t", what, i+1, charge.Policy.Limit, got)
		}
	}
}

func consistent(t *testing.T, c ratelimit.Counters) {
	t.Helper()
	for _, g := range allGroups {
		if err := ratelimit.Inconsistent(c, g); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
}

const leastCapacity = 1 << 10

func TestFaultA1CapacityInMemory(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			for _, test := range capacityTests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					var clock hands
					c := inMemory(t, leastCapacity, &clock)
					test.check(t, c, &clock, algorithm)
					consistent(t, c)
				})
			}
		})
	}
}

var capacityTests = []struct {
	name  string
	check func(t *testing.T, c ratelimit.Counters, clock *hands, a ratelimit.Algorithm)
}{
	{"a counter that was refunded or reset takes no capacity", func(t *testing.T, c ratelimit.Counters, _ *hands, a ratelimit.Algorithm) {
		for _, g := range allGroups {
			for i := range 20_000 {
				charges := []ratelimit.Charge{in(g, "192.0.2.0/24", policed(a, strconv.Itoa(i), 20, 1, time.Hour))}
				if !takesOne(t, c, charges[0]) {
					t.Fatalf("%v, %d: refused", g, i)
				}
				back := c.Refund
				if i%2 == 0 {
					back = c.Reset
				}
				if err := back(t.Context(), charges); err != nil {
					t.Fatal(err)
				}
			}
			if n := ratelimit.CountersOf(c, g); n > 0 {
				t.Errorf("%v: %d counters are left", g, n)
			}
		}
	}},
	{"with the least capacity as many callers as there are places have counters of their own", func(t *testing.T, c ratelimit.Counters, clock *hands, a ratelimit.Algorithm) {
		for range 3 { // when all have ended there is as much capacity as before
			for _, g := range allGroups {
				for i := range leastCapacity {
					if !takesOne(t, c, in(g, strconv.Itoa(i%7), policed(a, strconv.Itoa(i), 1, 1, time.Hour))) {
						t.Fatalf("%v: caller %d was refused", g, i)
					}
				}
				for i := range leastCapacity {
					if takesOne(t, c, in(g, strconv.Itoa(i%7), policed(a, strconv.Itoa(i), 1, 1, time.Hour))) {
						t.Fatalf("%v: caller %d has twice the limit", g, i)
					}
				}
				if n := ratelimit.PlacesOf(c, g); n != leastCapacity {
					t.Errorf("%v: %d places are taken", g, n)
				}
			}
			clock.pass(3 * time.Hour)
		}
	}},
	{"a flood of one group costs the others nothing", func(t *testing.T, c ratelimit.Counters, clock *hands, a ratelimit.Algorithm) {
		for _, flooded := range allGroups {
			for i := range 10 * leastCapacity {
				takesOne(t, c, in(flooded, strconv.Itoa(i%300), policed(a, "flood "+strconv.Itoa(i), 3, 1, time.Hour)))
			}
			for _, g := range allGroups {
				for i := range leastCapacity {
					if g != flooded {
						exact(t, c, fmt.Sprintf("%v full, %v %d", flooded, g, i), in(g, strconv.Itoa(i), policed(a, strconv.Itoa(i), 2, 1, time.Hour)))
					}
				}
			}
			clock.pass(3 * time.Hour)
			for _, g := range allGroups { // which sweeps
				for i := range 2 * leastCapacity {
					charges := []ratelimit.Charge{in(g, "sweep", policed(a, "sweep "+strconv.Itoa(i), 3, 1, time.Second))}
					takesOne(t, c, charges[0])
					if err := c.Refund(t.Context(), charges); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}},
	{"in a full group sources that hold few places get counters of their own", func(t *testing.T, c ratelimit.Counters, _ *hands, a ratelimit.Algorithm) {
		for _, g := range []ratelimit.Group{ratelimit.GroupAddresses, ratelimit.GroupAttempts} {
			for i := range 65_536 { // /64s of one /48, and addresses of 40 IPv4 /24s
				takesOne(t, c, in(g, "2001:db8::/48", policed(a, "2001:db8:0:"+strconv.Itoa(i), 5, 1, time.Hour)))
				if i < 10_000 {
					takesOne(t, c, in(g, "10.0."+strconv.Itoa(i%40)+".0/24", policed(a, "10."+strconv.Itoa(i), 5, 1, time.Hour)))
				}
			}
			for i := range 300 {
				exact(t, c, fmt.Sprint(g, " ", i), in(g, "192.0."+strconv.Itoa(i)+".0/24", policed(a, "192."+strconv.Itoa(i), 5, 1, time.Hour)))
			}
			if n := ratelimit.PlacesOf(c, g); n != leastCapacity {
				t.Errorf("%v: %d places are taken", g, n)
			}
			if n := ratelimit.CountersOf(c, g); n > leastCapacity+8 {
				t.Errorf("%v: %d counters", g, n)
			}
			admitted := 0
			for i := range 1000 {
				if takesOne(t, c, in(g, "2001:db8::/48", policed(a, "new "+strconv.Itoa(i), 5, 1, time.Hour))) {
					admitted++
				}
			}
			if admitted > 10 {
				t.Errorf("%v: %d callers of the source that fills the group were let in", g, admitted)
			}
		}
	}},
	{"no counter of which more than half is spent is forgotten, whichever source fills the group and whichever asks", func(t *testing.T, c ratelimit.Counters, _ *hands, a ratelimit.Algorithm) {
		for _, g := range []ratelimit.Group{ratelimit.GroupAddresses, ratelimit.GroupAttempts} {
			spent := func(i int, source string) ratelimit.Charge {
				return in(g, source, policed(a, "spent "+strconv.Itoa(i), 4, 1, time.Hour))
			}
			for i := range 100 {
				for range 3 + i%2 {
					takesOne(t, c, spent(i, "heavy"))
				}
			}
			for i := range 20 * leastCapacity {
				takesOne(t, c, in(g, "heavy", policed(a, strconv.Itoa(i), 5, 1, time.Hour)))
				takesOne(t, c, in(g, strconv.Itoa(i), policed(a, "light "+strconv.Itoa(i), 5, 1, time.Hour)))
			}
			for i := range 100 {
				admitted := 0
				for range 4 {
					if takesOne(t, c, spent(i, "elsewhere")) {
						admitted++
					}
				}
				if admitted != 1-i%2 {
					t.Fatalf("%v, %d: %d more of its limit", g, i, admitted)
				}
			}
		}
	}},
	{"who is displaced gets no limit anew", func(t *testing.T, c ratelimit.Counters, _ *hands, a ratelimit.Algorithm) {
		const each = 6
		let := map[string]int{}
		for round := range 4 * each {
			for i := range 2 * leastCapacity {
				key := strconv.Itoa(i)
				if takesOne(t, c, in(ratelimit.GroupAttempts, strconv.Itoa(i%3), policed(a, key, each, 1, time.Hour))) {
					let[key]++
				}
				if round%2 == 1 && i%2 == 0 { // others take places
					takesOne(t, c, in(ratelimit.GroupAttempts, "s"+key, policed(a, "other "+key+strconv.Itoa(round), each, 1, time.Hour)))
				}
			}
		}
		for key, n := range let {
			if n > each {
				t.Fatalf("%s has %d of %d", key, n, each)
			}
		}
	}},
	{"who shares finds what it has spent, and its refund takes it back", func(t *testing.T, c ratelimit.Counters, _ *hands, a ratelimit.Algorithm) {
		for _, g := range allGroups[:3] {
			for i := range 2 * leastCapacity { // each its own source: there is no counter to displace
				takesOne(t, c, in(g, strconv.Itoa(i), policed(a, strconv.Itoa(i), 1<<20, 1, time.Hour)))
			}
			charges := []ratelimit.Charge{in(g, "new", policed(a, "new", 1<<20, 1<<20, time.Hour))}
			charges[0].Done = true
			for range 3 {
				if d := takes(t, c, true, charges...); d.Status[0].Remaining != 0 {
					t.Fatalf("%v: %+v", g, d)
				}
				if err := c.Refund(t.Context(), charges); err != nil {
					t.Fatal(err)
				}
				charges[0].Cost = 1
				if d := takes(t, c, true, charges...); d.Status[0].Remaining == 0 {
					t.Fatalf("%v: %+v", g, d)
				}
				if err := c.Refund(t.Context(), charges); err != nil {
					t.Fatal(err)
				}
				charges[0].Cost = 1 << 20
			}
		}
	}},
}

func TestFaultA1LeakedAwayTakesNoCapacity(t *testing.T) {
	t.Parallel()
	var clock hands
	c := inMemory(t, leastCapacity, &clock)
	attempt := func(i int) ratelimit.Charge { // one more every half hour, of 50
		return in(ratelimit.GroupAttempts, "192.0.2.0/24", policed(ratelimit.GCRA, strconv.Itoa(i), 50, 1, 25*time.Hour))
	}
	for i := range leastCapacity {
		takesOne(t, c, attempt(i))
	}
	clock.pass(31 * time.Minute)
	for i := range leastCapacity {
		exact(t, c, strconv.Itoa(i), attempt(leastCapacity+i))
		if err := c.Reset(t.Context(), []ratelimit.Charge{attempt(leastCapacity + i)}); err != nil {
			t.Fatal(err)
		}
	}
	consistent(t, c)
}

func TestFaultA1KnownMarks(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	mark := func(user, address int) ratelimit.Charge {
		return in(ratelimit.GroupKnown, "user "+strconv.Itoa(user), charge(fmt.Sprint("mark ", user, " ", address), 1, 1, month))
	}
	known := func(t *testing.T, c ratelimit.Counters, m ratelimit.Charge) bool {
		t.Helper()
		d, err := c.Peek(t.Context(), []ratelimit.Charge{m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return !d.Allowed
	}
	budget := func(user int) ratelimit.Charge {
		return in(ratelimit.GroupKnown, "user "+strconv.Itoa(user), policed(ratelimit.GCRA, "budget "+strconv.Itoa(user), 20, 1, 10*time.Hour))
	}
	t.Run("no address is known without a login from there, however full the group is", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range 10 * leastCapacity {
			takesOne(t, c, mark(i%3, i))
		}
		for i := range 10 * leastCapacity {
			if known(t, c, mark(i, -1)) {
				t.Fatalf("%d is known", i)
			}
		}
		if n := ratelimit.CountersOf(c, ratelimit.GroupKnown); n != leastCapacity {
			t.Errorf("%d counters", n)
		}
		consistent(t, c)
	})
	t.Run("a user who logs in from very many addresses forgets only addresses of that user", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range 500 {
			takesOne(t, c, mark(i, 0))
		}
		for i := range 65_536 {
			takesOne(t, c, mark(-1, i))
		}
		for i := range 500 {
			if !known(t, c, mark(i, 0)) {
				t.Fatalf("user %d is forgotten", i)
			}
		}
		consistent(t, c)
	})
	t.Run("the address of the last login is known in a full group", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range 5 * leastCapacity {
			clock.pass(time.Second)
			if !takesOne(t, c, mark(i, 0)) || !known(t, c, mark(i, 0)) {
				t.Fatalf("%d is not known", i)
			}
		}
		consistent(t, c)
	})
	t.Run("the address of the last login is known in a full group of users with one address each", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range leastCapacity {
			clock.pass(time.Second)
			takesOne(t, c, mark(i, 0))
		}
		for i := range leastCapacity { // a second address of each user, whose first is rarely looked at
			clock.pass(time.Second)
			if !takesOne(t, c, mark(i, 1)) || !known(t, c, mark(i, 1)) {
				t.Fatalf("%d is not known", i)
			}
		}
		consistent(t, c)
	})
	t.Run("a budget has its place in a full group, is exact, and is never forgotten", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range leastCapacity {
			takesOne(t, c, mark(i, 0))
		}
		for i := range 500 {
			exact(t, c, strconv.Itoa(i), budget(i))
		}
		for i := range 5 * leastCapacity {
			takesOne(t, c, mark(i, 1))
		}
		for i := range 500 {
			if takesOne(t, c, budget(i)) {
				t.Fatalf("%d is forgotten", i)
			}
		}
		consistent(t, c)
	})
	t.Run("where there is nothing to forget all charges of a Take fail, or none", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, leastCapacity, &clock)
		for i := range leastCapacity {
			exact(t, c, strconv.Itoa(i), budget(i))
		}
		if d, err := c.Take(t.Context(), []ratelimit.Charge{hour("a", 5, 5), budget(-1)}, nil); err == nil {
			t.Errorf("%+v", d)
		}
		if d, err := c.Take(t.Context(), []ratelimit.Charge{budget(-1)}, nil); err == nil {
			t.Errorf("%+v", d)
		}
		takes(t, c, true, hour("a", 5, 5))
		consistent(t, c)
	})
}

// Whatever many callers do at once in full groups, the places add up, and none that
// has spent its limit is let in.
func TestFaultA1ManyAtOnceInFullGroups(t *testing.T) {
	t.Parallel()
	var clock hands
	c := inMemory(t, leastCapacity, &clock)
	for _, g := range allGroups[:3] {
		for range 4 {
			takesOne(t, c, in(g, "s0", policed(ratelimit.GCRA, "spent", 4, 1, 300*24*time.Hour)))
		}
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 6000 {
				var charges []ratelimit.Charge
				for _, g := range allGroups {
					n := chance.IntN(3 * leastCapacity)
					charges = append(charges, in(g, "s"+strconv.Itoa(chance.IntN(20)), policed(algorithms[n%3], strconv.Itoa(n), 4, 1, time.Duration(1+n%2)*time.Hour)))
				}
				chance.Shuffle(len(charges), func(i, j int) { charges[i], charges[j] = charges[j], charges[i] })
				charges = charges[:1+chance.IntN(4)]
				d, err := c.Take(context.Background(), charges, nil) //nolint:usetesting // very often
				if err == nil && d.Allowed && chance.IntN(3) == 0 {
					_ = c.Refund(context.Background(), charges) //nolint:usetesting // as above
				}
				if chance.IntN(500) == 0 {
					clock.pass(7 * time.Minute)
				}
			}
		})
	}
	all.Wait()
	for _, g := range allGroups[:3] {
		if takesOne(t, c, in(g, "s1", policed(ratelimit.GCRA, "spent", 4, 1, 300*24*time.Hour))) {
			t.Errorf("%v: what was spent is forgotten", g)
		}
	}
	consistent(t, c)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	t.Run("each has a name", func(t *testing.T) {
		t.Parallel()
		for g, want := range map[ratelimit.Group]string{0: "callers", 1: "addresses", 2: "attempts", 3: "known", 4: "Group(4)"} {
			if g.String() != want {
				t.Errorf("%s, want %s", g, want)
			}
		}
	})
	t.Run("each has a capacity, and all that is wrong with them is said at once", func(t *testing.T) {
		t.Parallel()
		_, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: 1, MaxAddresses: 1023, MaxAttempts: 2000, MaxKnown: -1})
		for _, field := range []string{"MaxCounters: must be", "MaxAddresses: must be 1024 to 1073741824, got 1023", "MaxKnown: must be"} {
			wantSays(t, err, field)
		}
	})
	t.Run("counters of different groups are different counters", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		var charges []ratelimit.Charge
		for _, g := range allGroups {
			charges = append(charges, in(g, "", hour("a", 1, 1)))
		}
		takes(t, c, true, charges...)
		for _, x := range charges {
			takes(t, c, false, x)
		}
	})
}

func wantSays(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%v does not say %q", err, part)
	}
}
