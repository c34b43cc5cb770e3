package remote

import (
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Refusals keeps so many refusals, which end after a wait, and says how many are
// remembered.
func Refusals(n int, wait time.Duration) int {
	d, now := newDenied(), time.Now()
	for i := range n {
		d.keep([2]uint64{uint64(i)}, []ratelimit.Status{{RetryAfter: wait}}, now)
	}
	return len(d.all)
}

// MostRefusals is how many refusals are remembered.
const MostRefusals = mostDenied
