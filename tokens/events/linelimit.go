package events

import (
	"sync"
	"time"
)

// mostLines is how many lines of one kind are written in a second, of the kinds that
// repeat.
const mostLines = 10

// repeats reports whether each request can cause an event of this kind, and none
// limits how many.
func (k Kind) repeats() bool {
	switch k {
	case BearerRefused, AccessRefused, RequestRefused, RefreshRefused, Throttled, Limited, ShadowLimited, ClientGone:
		return true
	}
	return k.IsFault()
}

// lineLimit limits the lines of each kind that repeats. The zero lineLimit is ready for
// use. It is safe for concurrent use.
type lineLimit struct {
	mu    sync.Mutex
	kinds map[Kind]*lines
}

// lines counts the lines of one kind in one second.
type lines struct {
	since            time.Time
	written, omitted int64
}

// admit reports whether an event is written, and how many were left out before it. Its
// clock is the time of the events. If that was set back, a new second begins.
func (l *lineLimit) admit(e Event) (omitted int64, ok bool) {
	if !e.Kind.repeats() {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.kinds[e.Kind]
	if n == nil {
		if l.kinds == nil {
			l.kinds = map[Kind]*lines{}
		}
		n = &lines{since: e.At}
		l.kinds[e.Kind] = n
	}
	if past := e.At.Sub(n.since); past < 0 || past >= time.Second {
		n.since, n.written = e.At, 0
	}
	if n.written >= mostLines {
		n.omitted++
		return 0, false
	}
	n.written++
	omitted, n.omitted = n.omitted, 0
	return omitted, true
}
