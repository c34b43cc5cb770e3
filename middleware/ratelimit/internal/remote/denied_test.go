package remote_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const more = 1000
	for _, wait := range []time.Duration{time.Hour, 0} { // they last, or have ended
		if n := remote.Refusals(remote.MostRefusals+more, wait); n > remote.MostRefusals || n < remote.MostRefusals-16 {
			t.Errorf("%d refusals are remembered, want %d", n, remote.MostRefusals)
		}
	}
}
