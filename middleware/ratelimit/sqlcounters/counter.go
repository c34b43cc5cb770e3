package sqlcounters

import (
	"math"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const (
	steps    = 12        // in which a rolling window moves
	mostStep = 1<<32 - 1 // that is spent in one
	most     = 1 << 52   // that is spent in a fixed window
	mostAt   = 1 << 60   // what a limit above it counts as
)

// counter is a row. Times are in microseconds. The functions of the other databases
// calculate as it does, in the same order.
type counter struct {
	spent int64   // of FixedWindow
	level float64 // of GCRA
	at    int64   // GCRA: when it had this level; Rolling: the last step
	steps spans   // of Rolling: what was spent, by step modulo their number
	ends  int64   // when nothing of it counts any more; of FixedWindow, its window's end
}

// load moves the counter to a time. A new one is that of no row.
func (n *counter) load(c *order, now int64, isNew bool) {
	switch c.algorithm {
	case ratelimit.FixedWindow:
		if isNew || now >= n.ends {
			n.spent, n.ends = 0, now+c.window
		}
	case ratelimit.GCRA:
		if isNew {
			n.level, n.at = 0, now
		}
		n.level = min(n.level, c.mostLevel())
		if now > n.at {
			n.level = max(n.level-float64(now-n.at)*float64(c.limit)/float64(c.window), 0)
			n.at = now
		}
	case ratelimit.Rolling:
		step := now / c.width()
		if isNew {
			n.at = step
		}
		for k := int64(0); k <= steps && step-k > n.at; k++ {
			n.steps[(step-k)%(steps+1)] = 0
		}
		n.at = max(n.at, step)
	}
}

func (c *order) mostLevel() float64 { return 2 * float64(max(c.limit, 1)) }

// width is the length of a step.
func (c *order) width() int64 { return (c.window + steps - 1) / steps }

func (n *counter) free(c *order) int64 {
	switch c.algorithm {
	case ratelimit.GCRA:
		if c.limit <= 0 {
			return -1
		}
		return int64(math.Floor(float64(c.burst) - n.level + (1e-6 + 1e-12*float64(c.limit))))
	case ratelimit.Rolling:
		return min(c.limit, mostStep) - n.sum()
	default:
		return c.limit - n.spent
	}
}

func (n *counter) sum() (all int64) {
	for _, spent := range n.steps {
		all += spent
	}
	return all
}

// spend charges an amount, or gives it back if it is negative.
func (n *counter) spend(c *order, amount int64) {
	switch c.algorithm {
	case ratelimit.FixedWindow:
		n.spent = min(max(n.spent+amount, 0), most)
	case ratelimit.GCRA:
		n.level = min(max(n.level+float64(amount), 0), c.mostLevel())
		n.ends = n.at + c.leaks(n.level)
		if c.limit <= 0 {
			n.ends = n.at + 2*c.window
		}
	case ratelimit.Rolling:
		for k := int64(steps); amount < 0 && k >= 0; k-- { // the oldest first: what stays, stays longer
			step := &n.steps[(n.at-k)%(steps+1)]
			back := min(*step, -amount)
			*step -= back
			amount += back
		}
		if amount > 0 {
			step := &n.steps[n.at%(steps+1)]
			*step = min(*step+amount, mostStep)
		}
		n.ends = (n.at + steps + 1) * c.width()
	}
}

func (n *counter) nothing(c *order) bool {
	switch c.algorithm {
	case ratelimit.GCRA:
		return n.level <= 0
	case ratelimit.Rolling:
		return n.sum() == 0
	default:
		return n.spent <= 0
	}
}

// leaks returns how long it takes until this much has leaked.
func (c *order) leaks(much float64) int64 {
	if much <= 0 {
		return 0
	}
	if c.limit <= 0 {
		return c.window
	}
	return int64(math.Ceil(min(much*float64(c.window)/float64(c.limit), 2*float64(c.window))))
}

// left returns how long it takes until the whole limit is available again.
func (n *counter) left(c *order, now int64) int64 {
	switch c.algorithm {
	case ratelimit.GCRA:
		return c.leaks(n.level)
	case ratelimit.Rolling:
		for k := range int64(steps + 1) {
			if step := n.at - k; n.steps[step%(steps+1)] > 0 {
				return n.leaves(c, step, now)
			}
		}
		return 0
	default:
		return n.ends - now
	}
}

// leaves returns how long a step remains in the window.
func (*counter) leaves(c *order, step, now int64) int64 { return (step+steps+1)*c.width() - now }

// retry returns how long it takes until the charge can be made, which does not fit now.
func (n *counter) retry(c *order, now int64) int64 {
	if c.cost > c.burst || c.limit <= 0 {
		return c.window
	}
	wait := c.window
	switch c.algorithm {
	case ratelimit.GCRA:
		wait = c.leaks(n.level + float64(c.cost) - float64(c.burst))
	case ratelimit.Rolling:
		over := c.cost - n.free(c)
		for k := int64(steps); k >= 0; k-- {
			step := n.at - k
			if over -= n.steps[step%(steps+1)]; over <= 0 {
				wait = n.leaves(c, step, now)
				break
			}
		}
	default:
		wait = n.ends - now
	}
	return max(wait, 1)
}

// good returns how long what was charged in advance is good for. A lease of GCRA leaks as
// the bucket does.
func (n *counter) good(c *order, now, more int64) int64 {
	switch c.algorithm {
	case ratelimit.GCRA:
		return c.leaks(float64(more))
	case ratelimit.Rolling:
		return (n.at+1)*c.width() - now
	default:
		return n.ends - now
	}
}
