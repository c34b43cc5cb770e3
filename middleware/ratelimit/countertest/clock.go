package countertest

import (
	"math/rand/v2"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

func waits(t *trial) {
	chance := rand.New(rand.NewPCG(18, uint64(t.algorithm)))
	for _, window := range []time.Duration{time.Second, 7 * time.Second, time.Hour, 24 * time.Hour} {
		for _, limit := range []int64{1, 3, 100, 5000} {
			one := t.charge("a", limit, 1+chance.Int64N(limit), window)
			for range 12 {
				d, err := t.Counters.Take(t.ctx, []ratelimit.Charge{one}, nil)
				t.must("Take", err)
				if !d.Allowed {
					t.Pass(d.Status[0].RetryAfter)
					t.peek(true, one)
				}
				t.Pass(time.Duration(chance.Int64N(int64(window) / 4)))
			}
			t.Pass(3 * window)
		}
	}
}

func resets(t *trial) {
	t.take(true, t.hour("a", 60, 30))
	for range 9 {
		t.Pass(6 * time.Minute)
		t.take(true, t.hour("a", 60, 1))
		t.must("Refund", t.Counters.Refund(t.ctx, []ratelimit.Charge{t.hour("a", 60, 1)}))
	}
	d := t.take(true, t.hour("a", 60, 1))
	after := d.Status[0].ResetAfter
	if t.algorithm == ratelimit.FixedWindow {
		if after < 6*time.Minute || after > 6*time.Minute+t.RoundsUp {
			t.errorf("the window ends in %v, and began 54 minutes ago", after)
		}
		t.Pass(6*time.Minute - time.Microsecond)
		t.take(false, t.hour("a", 60, 60))
		t.Pass(after - (6*time.Minute - time.Microsecond))
	} else {
		t.Pass(after)
	}
	t.take(true, t.hour("a", 60, 60))
}

// outlay is an admitted cost.
type outlay struct {
	at   time.Duration
	cost int64
}

// since returns the sum of what was admitted at a time or later.
func since(all []outlay, at time.Duration) (sum int64) {
	for _, o := range all {
		if o.at >= at {
			sum += o.cost
		}
	}
	return sum
}

// A model decides as the algorithm should, from all that it admitted before.
type model func(all []outlay, now time.Duration, limit, cost int64) bool

const modelWindow = 12 * time.Second

// model returns the model of the algorithm. Models are simple and slow. A rolling
// window may reject what a step of a twelfth would, and must never admit what the
// window would not.
func (t *trial) model() model {
	switch t.algorithm {
	case ratelimit.GCRA:
		return leaking
	case ratelimit.Rolling:
		return nil
	default:
		return fixed()
	}
}

func fixed() model {
	ends := time.Duration(0)
	return func(all []outlay, now time.Duration, limit, cost int64) bool {
		began := ends - modelWindow
		if now >= ends {
			began = now
		}
		if since(all, began)+cost > limit {
			return false
		}
		if now >= ends {
			ends = now + modelWindow
		}
		return true
	}
}

// leaking counts in units of a nanosecond times the limit, so that it is exact.
func leaking(all []outlay, now time.Duration, limit, cost int64) bool {
	level, when := int64(0), time.Duration(0)
	for _, o := range all {
		level = max(level-int64(o.at-when)*limit, 0) + o.cost*int64(modelWindow)
		when = o.at
	}
	return max(level-int64(now-when)*limit, 0)+cost*int64(modelWindow) <= limit*int64(modelWindow)
}

func followsModel(t *trial) {
	for seed := range uint64(8) {
		chance := rand.New(rand.NewPCG(seed, uint64(t.algorithm)))
		key, limit := string(rune('a'+seed)), 1+chance.Int64N(20)
		decide, now := t.model(), time.Duration(0)
		var all []outlay
		for range 120 {
			cost := 1 + chance.Int64N(2)
			d, err := t.Counters.Take(t.ctx, []ratelimit.Charge{t.charge(key, limit, cost, modelWindow)}, nil)
			t.must("Take", err)
			switch {
			case decide != nil:
				if want := decide(all, now, limit, cost); d.Allowed != want {
					t.errorf("seed %d, limit %d, cost %d, at %v: Allowed is %t after %v", seed, limit, cost, now, d.Allowed, all)
				}
			case d.Allowed && since(all, now-modelWindow)+cost > limit:
				t.errorf("seed %d: more than %d in a window after %v", seed, limit, all)
			case !d.Allowed && since(all, now-modelWindow-modelWindow/12)+cost <= limit:
				t.errorf("seed %d: refused at %v, a step after it fitted, after %v", seed, now, all)
			}
			if d.Allowed {
				all = append(all, outlay{now, cost})
			}
			// in microseconds: a server may know no less
			wait := time.Duration(chance.Int64N(int64(2*modelWindow)/limit)) / time.Microsecond * time.Microsecond
			now += wait
			t.Pass(wait)
		}
	}
}
