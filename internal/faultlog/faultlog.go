// Package faultlog logs defects of a host that has set no hook for events.
package faultlog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Every is the minimum time between two lines of one kind.
const Every = time.Minute

// Log writes to [slog.Default], at most once in Every for each kind. The zero Log is
// ready for use. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Note logs an event of a kind as a warning, unless one of this kind was logged less
// than Every ago. If the clock was set back, it is logged.
func (l *Log) Note(ctx context.Context, now time.Time, kind string, event slog.Attr) {
	if !l.due(now, kind) {
		return
	}
	slog.Default().LogAttrs(ctx, slog.LevelWarn, "sallyport: set Events to be told of each", event) //nolint:forbidigo // there is no other way to tell the host
}

func (l *Log) due(now time.Time, kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.last[kind]; ok {
		if since := now.Sub(last); since >= 0 && since < Every {
			return false
		}
	}
	if l.last == nil {
		l.last = map[string]time.Time{}
	}
	l.last[kind] = now
	return true
}
