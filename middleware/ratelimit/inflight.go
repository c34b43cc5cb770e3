package ratelimit

import "sync"

// inflight counts the requests that are being answered, by caller.
type inflight struct {
	mu  sync.Mutex
	now map[string]int
}

// enter takes a place for a request, and reports how many are left. It takes
// none if there are not limit of them.
func (f *inflight) enter(key string, limit int64) (left int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if int64(f.now[key]) >= limit {
		return 0, false
	}
	f.now[key]++
	return limit - int64(f.now[key]), true
}

// leave gives the place back.
func (f *inflight) leave(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now[key]--
	if f.now[key] <= 0 {
		delete(f.now, key)
	}
}

func (f *inflight) count(key string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(f.now[key])
}
