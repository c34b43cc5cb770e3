package remote

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// mostDenied is how many rejections are remembered: a rejection that is forgotten
// costs a round trip.
const mostDenied = 1 << 16

// denied remembers rejections until they end: the same charges get the same
// answer without a round trip. The limits are part of the question, so that a
// changed limit counts at once.
type denied struct {
	seeds [2]maphash.Seed

	mu    sync.Mutex
	reset int64 // the number of the last reset on the server
	all   map[[2]uint64]refusal
}

type refusal struct {
	at, until time.Time
	status    []ratelimit.Status
}

func newDenied() *denied {
	return &denied{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, all: map[[2]uint64]refusal{}}
}

// of returns the name of the charges. A Charge has no pointers except for its
// strings.
func (d *denied) of(charges []ratelimit.Charge) (name [2]uint64) {
	for i, seed := range d.seeds {
		for _, c := range charges {
			c.Policy.Name = ""
			name[i] = name[i]*0x9e3779b97f4a7c15 + maphash.Comparable(seed, c)
		}
	}
	return name
}

// find returns the rejection of the charges, with the times of now.
func (d *denied) find(name [2]uint64, dst []ratelimit.Status, now time.Time) (ratelimit.Decision, bool) {
	d.mu.Lock()
	r, ok := d.all[name]
	d.mu.Unlock()
	if !ok || !now.Before(r.until) {
		return ratelimit.Decision{}, false
	}
	status := slices.Grow(dst[:0], len(r.status))[:len(r.status)]
	copy(status, r.status)
	passed := now.Sub(r.at)
	for i := range status {
		s := &status[i]
		s.ResetAfter = max(s.ResetAfter-passed, 0)
		if s.RetryAfter > 0 {
			s.RetryAfter = max(s.RetryAfter-passed, 1)
		}
	}
	return ratelimit.Decision{Status: status}, true
}

// keep remembers a rejection until the last of its charges can be made.
func (d *denied) keep(name [2]uint64, status []ratelimit.Status, now time.Time) {
	wait := time.Duration(0)
	for _, s := range status {
		wait = max(wait, s.RetryAfter)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) >= mostDenied {
		d.evict(now)
	}
	d.all[name] = refusal{at: now, until: now.Add(wait), status: slices.Clone(status)}
}

// evict deletes several rejections that have ended, or one that has not.
func (d *denied) evict(now time.Time) {
	looked := 0
	for name, r := range d.all {
		looked++
		if looked > 16 && len(d.all) < mostDenied {
			return
		}
		if looked > 16 || !now.Before(r.until) {
			delete(d.all, name)
		}
	}
}

// heard records a reset on any node, after which a rejection may no longer hold.
func (d *denied) heard(reset int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reset != reset {
		d.reset = reset
		clear(d.all)
	}
}
