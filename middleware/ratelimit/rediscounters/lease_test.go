package rediscounters_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

// lending are counters with leases, by the clock of their node and by that of the
// server. A lease of 0 is none.
func lending(t *testing.T, client redis.UniversalClient, prefix string, lease int64, node, server *countertest.Clock) ratelimit.Counters {
	t.Helper()
	c := configured(t, client, prefix, rediscounters.Config{Now: node.Now, Lease: lease})
	rediscounters.WithClock(c, server.Now)
	return c
}

func TestLeases(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	var trips counting
	client.AddHook(&trips)
	clock := countertest.NewClock()
	c := lending(t, client, prefix, 10, clock, clock)
	takes(t, c, charge("warm", 5, 1)) // so that the server has the script
	for round := range 3 {
		trips.n.Store(0)
		for left := int64(99); left >= 0; left-- {
			if d := takes(t, c, charge("hot", 100, 1)); !d.Allowed || d.Status[0].Remaining != left {
				t.Fatalf("round %d: %+v, want %d", round, d, left)
			}
		}
		if d := takes(t, c, charge("hot", 100, 1)); d.Allowed {
			t.Errorf("%+v", d)
		}
		if n := trips.n.Load(); n > 12 {
			t.Errorf("100 decisions cost %d round trips", n)
		}
		clock.Pass(time.Hour)
	}
	// by GCRA as well, if nothing leaks meanwhile
	trips.n.Store(0)
	for left := int64(99); left >= 0; left-- {
		if d := takes(t, c, by(ratelimit.GCRA, charge("bucket", 100, 1))); !d.Allowed || d.Status[0].Remaining != left {
			t.Fatalf("%+v, want %d", d, left)
		}
	}
	if d := takes(t, c, by(ratelimit.GCRA, charge("bucket", 100, 1))); d.Allowed || trips.n.Load() > 12 {
		t.Errorf("%+v, after %d round trips", d, trips.n.Load())
	}
	// what was charged ahead is lost with its window, and is no credit in the next
	takes(t, c, charge("cold", 20, 1))
	takes(t, c, charge("cold", 20, 1))
	clock.Pass(time.Hour)
	for range 20 {
		takes(t, c, charge("cold", 20, 1))
	}
	if d := takes(t, c, charge("cold", 20, 1)); d.Allowed {
		t.Errorf("%+v", d)
	}
}

// bucket is GCRA, exactly: what is in it in units of a limit's millisecond.
type bucket struct {
	ratelimit.Policy

	level int64
}

func (b *bucket) window() int64 { return b.Window.Milliseconds() }

func (b *bucket) pass(milliseconds int64) { b.level = max(b.level-milliseconds*b.Limit, 0) }

// admit puts a cost into the bucket, and reports whether it fitted.
func (b *bucket) admit(cost int64) bool {
	b.level += cost * b.window()
	return b.level <= b.Burst*b.window()
}

// tells checks that a caller is told of no more than there is, and of no sooner
// than it is there again.
func (b *bucket) tells(s ratelimit.Status) error {
	if free := (b.Burst*b.window() - b.level) / b.window(); s.Remaining > free {
		return fmt.Errorf("Remaining is %d, and %d are free", s.Remaining, free)
	}
	if int64(s.ResetAfter)*b.Limit < b.level*int64(time.Millisecond) {
		return fmt.Errorf("ResetAfter is %v, and there are %d/%d in the bucket", s.ResetAfter, b.level, b.window())
	}
	return nil
}

// Whatever nodes do with their leases of a bucket, and however late, what they let
// in together is what the bucket would have let in.
func TestLeasesLeakAsTheBucketDoes(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	var trips counting
	client.AddHook(&trips)
	decisions := int64(0)
	for seed := range uint64(16) {
		chance := rand.New(rand.NewPCG(seed, 26))
		model := bucket{Policy: ratelimit.Policy{Algorithm: ratelimit.GCRA, Limit: 10 + chance.Int64N(100), Window: 12 * time.Second}}
		model.Burst = 10 + chance.Int64N(model.Limit-9)
		clock := countertest.NewClock()
		prefix := redistest.Prefix(t, client)
		nodes := make([]ratelimit.Counters, 1+seed%4)
		for i := range nodes {
			nodes[i] = lending(t, client, prefix, 2+chance.Int64N(12), clock, clock)
		}
		pass := func(milliseconds int64) {
			clock.Pass(time.Duration(milliseconds) * time.Millisecond)
			model.pass(milliseconds)
		}
		one := ratelimit.Charge{Key: "hot", Policy: model.Policy, Cost: 1}
		for range 12 {
			for range 4 + chance.Int64N(model.Burst) {
				if chance.IntN(3) == 0 {
					pass(chance.Int64N(40))
				}
				if len(nodes) > 1 { // others are as good as another cost: who asks knows nothing of them
					one.Cost = 1 + chance.Int64N(3)
				}
				late := int64(0) // is the server's answer
				ctx := context.WithValue(t.Context(), between{}, func(send func() error) error {
					if err := send(); err != nil {
						return err // it has not got the script yet
					}
					late = max(chance.Int64N(60)-30, 0)
					clock.Pass(time.Duration(late) * time.Millisecond)
					return nil
				})
				d, err := nodes[chance.IntN(len(nodes))].Take(ctx, []ratelimit.Charge{one}, nil)
				if err != nil {
					t.Fatal(err)
				}
				decisions++
				if d.Allowed && !model.admit(one.Cost) {
					t.Fatalf("seed %d: in the bucket of %+v are %d/%d", seed, model.Policy, model.level, model.window())
				}
				if err := model.tells(d.Status[0]); err != nil && len(nodes) == 1 {
					t.Fatalf("seed %d: %v, in %+v", seed, err, model.Policy)
				}
				model.pass(late)
			}
			pass(chance.Int64N(model.window() / (1 + chance.Int64N(20))))
		}
	}
	if n := trips.n.Load(); n > decisions/2 {
		t.Errorf("%d decisions cost %d round trips, so there were hardly any leases", decisions, n)
	}
}

// A lease leaks from before the server has counted it, however late its answer is.
func TestLeaseThatIsLate(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	client.AddHook(new(counting))
	prefix := redistest.Prefix(t, client)
	clock := countertest.NewClock()
	c, elsewhere := lending(t, client, prefix, 10, clock, clock), lending(t, client, prefix, 0, clock, clock)
	one := by(ratelimit.GCRA, charge("hot", 60, 1))
	one.Policy.Window = time.Minute
	takes(t, c, one)
	late := context.WithValue(t.Context(), between{}, func(send func() error) error {
		defer clock.Pass(5 * time.Second)
		return send()
	})
	if d, err := c.Take(late, []ratelimit.Charge{one}, nil); err != nil || d.Status[0].Remaining != 58 || d.Status[0].ResetAfter != 12*time.Second {
		t.Errorf("with ten ahead: %+v, %v", d, err)
	}
	clock.Pass(time.Second)
	if s := takes(t, c, one).Status[0]; s.Remaining != 48+3 || s.ResetAfter > 12*time.Second || s.ResetAfter < 6*time.Second {
		t.Errorf("after six seconds and one more: %+v", s)
	}
	n, m := 0, 0
	for takes(t, elsewhere, one).Allowed {
		n++
	}
	for takes(t, c, one).Allowed {
		m++
	}
	if n != 60-6 || m != 3 {
		t.Errorf("%d were let in elsewhere, and %d out of the lease, want 54 and 3", n, m)
	}
}

// A caller who keeps well within a limit is not refused for what leaks out of
// leases.
func TestLeasesOfASteadyCaller(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	clock := countertest.NewClock()
	nodes := make([]ratelimit.Counters, 4)
	for i := range nodes {
		nodes[i] = lending(t, client, prefix, 10, clock, clock)
	}
	one := by(ratelimit.GCRA, charge("steady", 100, 1))
	one.Policy.Window = time.Second
	chance := rand.New(rand.NewPCG(26, 26))
	for i := range 1000 {
		if d := takes(t, nodes[chance.IntN(len(nodes))], one); !d.Allowed {
			t.Fatalf("request %d, of half as many as there may be: %+v", i, d)
		}
		clock.Pass(time.Duration(chance.ExpFloat64() * float64(20*time.Millisecond)))
	}
}

// Of many who ask at once some were counted after a lease was, and are answered
// before it is there.
func TestLeaseAmongOtherAnswers(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	client.AddHook(new(counting))
	for _, a := range algorithms {
		clock := countertest.NewClock()
		c := lending(t, client, redistest.Prefix(t, client), 5, clock, clock)
		one := by(a, charge("hot", 100, 1))
		takes(t, c, one)
		counted, answered, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			late := context.WithValue(t.Context(), between{}, func(send func() error) error {
				err := send()
				close(counted)
				<-answered
				return err
			})
			if d, err := c.Take(late, []ratelimit.Charge{one}, nil); err != nil || !d.Allowed {
				t.Errorf("%v: %+v, %v", a, d, err)
			}
		}()
		<-counted
		for range 10 {
			takes(t, c, one)
		}
		close(answered)
		<-done
		if s := takes(t, c, one).Status[0]; s.Remaining != 100-13 || s.RetryAfter != 0 {
			t.Errorf("%v: the 13th of 100: %+v", a, s)
		}
	}
}

func TestLeasesOfNothing(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	for _, a := range algorithms {
		clock := countertest.NewClock()
		c := lending(t, client, redistest.Prefix(t, client), 5, clock, clock)
		for _, limit := range []int64{0, -1, -1000} {
			for range 4 {
				if d := takes(t, c, by(a, charge("none", limit, 1))); d.Allowed {
					t.Errorf("%v, a limit of %d: %+v", a, limit, d)
				}
				clock.Pass(10 * time.Millisecond)
			}
		}
	}
}

// A node whose clock is set back has no more for it.
func TestLeaseWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	for _, a := range algorithms {
		clock, server := countertest.NewClock(), countertest.NewClock()
		c := lending(t, client, redistest.Prefix(t, client), 5, clock, server)
		n := int64(0)
		for takes(t, c, by(a, charge("hot", 20, 1))).Allowed {
			n++
			if n == 3 {
				clock.Pass(-50 * time.Minute)
			}
		}
		if n != 20 {
			t.Errorf("%v: %d were let in, want 20", a, n)
		}
	}
}

// What an expired lease had is not told as more than there is, when the clock is set
// back while another is asked for.
func TestLeaseThatIsBackWhileAnotherIsAskedFor(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	client.AddHook(new(counting))
	for _, a := range algorithms {
		clock, server := countertest.NewClock(), countertest.NewClock()
		c := lending(t, client, redistest.Prefix(t, client), 5, clock, server)
		one := by(a, charge("hot", 100, 1))
		for range 3 { // of the five that were charged ahead four are left
			takes(t, c, one)
		}
		clock.Pass(2 * time.Hour)
		takes(t, c, one)
		asked := context.WithValue(t.Context(), between{}, func(send func() error) error {
			clock.Pass(-2 * time.Hour)
			if s := takes(t, c, one).Status[0]; !s.Allowed || s.Remaining < 0 || s.Remaining > 96 || s.ResetAfter > time.Hour+5*time.Minute {
				t.Errorf("%v: %+v", a, s)
			}
			return send()
		})
		if _, err := c.Take(asked, []ratelimit.Charge{one}, nil); err != nil {
			t.Error(err)
		}
	}
}

// What was charged ahead of a Reset is spent on top of the limit, and no more is.
func TestLeaseOutlivesAReset(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	for _, a := range algorithms {
		clock := countertest.NewClock()
		c := lending(t, client, redistest.Prefix(t, client), 5, clock, clock)
		one := by(a, charge("hot", 20, 1))
		takes(t, c, one)
		takes(t, c, one) // five more are here
		if err := c.Reset(t.Context(), []ratelimit.Charge{one}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for takes(t, c, one).Allowed {
			n++
		}
		if n != 20+5 {
			t.Errorf("%v: %d were let in, want 25", a, n)
		}
	}
}
