package ratelimit

import (
	"sync/atomic"
	"time"
)

// clock is the default of Config.Now. It reads the time of day once a second, and
// otherwise the monotonic clock alone, which takes half the time. It is therefore at most
// a second behind when the time of day is set.
type clock struct{ read atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if read := c.read.Load(); read != nil {
		if since := time.Since(*read); since < time.Second { //nolint:forbidigo // the default clock
			return read.Add(since)
		}
	}
	now := time.Now() //nolint:forbidigo // the default clock
	c.read.Store(&now)
	return now
}
