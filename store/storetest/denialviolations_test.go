package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sallyport-go/sallyport/store"
)

// overrideDenials is a deny list with some of its methods replaced.
type overrideDenials struct {
	store.Revocations

	deny   func(ctx context.Context, sid string, until time.Time) error
	many   func(ctx context.Context, sids []string, until time.Time) error
	denied func(ctx context.Context, sid string) (bool, error)
	drop   func(ctx context.Context, before time.Time) (int, error)
}

func (b overrideDenials) DenySession(ctx context.Context, sid string, until time.Time) error {
	if b.deny == nil {
		return b.Revocations.DenySession(ctx, sid, until)
	}
	return b.deny(ctx, sid, until)
}

func (b overrideDenials) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	if b.many == nil {
		return b.Revocations.DenySessions(ctx, sids, until)
	}
	return b.many(ctx, sids, until)
}

func (b overrideDenials) SessionDenied(ctx context.Context, sid string) (bool, error) {
	if b.denied == nil {
		return b.Revocations.SessionDenied(ctx, sid)
	}
	return b.denied(ctx, sid)
}

func (b overrideDenials) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	if b.drop == nil {
		return b.Revocations.DeleteExpiredDenials(ctx, before)
	}
	return b.drop(ctx, before)
}

// denying replaces what DenySession does.
func denying(deny func(ctx context.Context, l *referenceLists, sid string, until time.Time) error) func(r *rig) {
	return func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, deny: func(ctx context.Context, sid string, until time.Time) error {
			return deny(ctx, r.lists, sid, until)
		}}
	}
}

// namingDenied changes the sids, wherever they are named.
func namingDenied(change func(sid string) string) func(r *rig) {
	return func(r *rig) {
		r.Revocations = overrideDenials{
			Revocations: r.lists,
			deny: func(ctx context.Context, sid string, until time.Time) error {
				return r.lists.DenySession(ctx, change(sid), until)
			},
			denied: func(ctx context.Context, sid string) (bool, error) { return r.lists.SessionDenied(ctx, change(sid)) },
		}
	}
}

// undenying replaces which sessions DeleteExpiredDenials takes off the list.
func undenying(unwanted func(until, before time.Time) bool) func(r *rig) {
	return func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, drop: func(ctx context.Context, before time.Time) (int, error) {
			return r.lists.undeny(ctx, func(_ string, until time.Time) bool { return unwanted(until, before) })
		}}
	}
}

// until overwrites the time of a session.
func (p *referenceLists) until(sid string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied[sid] = until
}

var denialViolations = []violation{
	{"DenySession does nothing", "DenySession puts a session on the list", denying(func(context.Context, *referenceLists, string, time.Time) error { return nil })},
	{"DenySession is undone by the first look", "DenySession puts a session on the list", func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, denied: func(ctx context.Context, sid string) (bool, error) {
			n, err := r.lists.undeny(ctx, func(other string, _ time.Time) bool { return sid == other })
			return n > 0, err
		}}
	}},
	{"DenySession says ErrConflict when the session is on the list", "DenySession puts a session on the list",
		denying(func(ctx context.Context, l *referenceLists, sid string, until time.Time) error {
			if is, err := l.SessionDenied(ctx, sid); err != nil || is {
				return errors.Join(err, store.ErrConflict)
			}
			return l.DenySession(ctx, sid, until)
		})},
	{"DenySession refuses a sid of 64 bytes", "DenySession puts a session on the list", denying(func(ctx context.Context, l *referenceLists, sid string, until time.Time) error {
		if len(sid) > 63 {
			return errDriver
		}
		return l.DenySession(ctx, sid, until)
	})},
	{"SessionDenied says ErrNotFound of what is not on the list", "DenySession puts a session on the list", func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, denied: func(ctx context.Context, sid string) (bool, error) {
			is, err := r.lists.SessionDenied(ctx, sid)
			if err == nil && !is {
				err = store.ErrNotFound
			}
			return is, err
		}}
	}},
	{"sids are folded", "SessionDenied is true of no other session", namingDenied(strings.ToLower)},
	{"sids are cut at 63 bytes", "SessionDenied is true of no other session", namingDenied(func(sid string) string { return cut(sid, 63) })},
	{"DenySession keeps the last time", "DenySession keeps the later of the two times", denying(func(_ context.Context, l *referenceLists, sid string, until time.Time) error {
		l.until(sid, until)
		return nil
	})},
	{"DenySession keeps the first time", "DenySession keeps the later of the two times", denying(func(ctx context.Context, l *referenceLists, sid string, until time.Time) error {
		if is, err := l.SessionDenied(ctx, sid); err != nil || is {
			return err
		}
		return l.DenySession(ctx, sid, until)
	})},
	{"DenySession looks, then writes", "DenySession keeps the later of the two times", func(r *rig) {
		var times sync.Map
		r.Revocations = overrideDenials{Revocations: r.lists, deny: func(_ context.Context, sid string, until time.Time) error {
			if at, ok := times.Load(sid); ok && at.(time.Time).After(until) {
				return nil
			}
			yields()
			times.Store(sid, until)
			r.lists.until(sid, until)
			return nil
		}}
	}},
	{"DeleteExpiredDenials does nothing", "DeleteExpiredDenials forgets what has ended", undenying(func(time.Time, time.Time) bool { return false })},
	{"DeleteExpiredDenials leaves the last microsecond", "DeleteExpiredDenials forgets what has ended", undenying(time.Time.Before)},
	{"DeleteExpiredDenials says one too many", "DeleteExpiredDenials forgets what has ended", func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, drop: func(ctx context.Context, before time.Time) (int, error) {
			n, err := r.lists.DeleteExpiredDenials(ctx, before)
			return n + 1, err
		}}
	}},
	{"DeleteExpiredDenials empties the list", "DeleteExpiredDenials keeps what has not ended", undenying(func(time.Time, time.Time) bool { return true })},
	{"DeleteExpiredDenials goes by its own clock", "DeleteExpiredDenials keeps what has not ended", undenying(func(until, _ time.Time) bool { return !until.After(time.Now()) })},
	{"SessionDenied takes a done context for no", "A done context is no answer about denials", func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, denied: func(ctx context.Context, sid string) (bool, error) {
			is, err := r.lists.SessionDenied(ctx, sid)
			return is, whenDone(err, nil)
		}}
	}},
	{"DenySession does not look at its context", "A done context is no answer about denials", denying(func(ctx context.Context, l *referenceLists, sid string, until time.Time) error {
		return l.DenySession(context.WithoutCancel(ctx), sid, until)
	})},
}

// denyingMany replaces what DenySessions does.
func denyingMany(deny func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error) func(r *rig) {
	return func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, many: func(ctx context.Context, sids []string, until time.Time) error {
			return deny(ctx, r.lists, sids, until)
		}}
	}
}

const takesTwiceAndNone = "DenySessions takes the same session twice, and none"

var manyDenialViolations = []violation{
	{"DenySessions does nothing", "DenySessions puts many sessions on the list", denyingMany(func(context.Context, *referenceLists, []string, time.Time) error { return nil })},
	{"DenySessions takes 500 and no more", "DenySessions puts many sessions on the list", denyingMany(func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error {
		return l.DenySessions(ctx, sids[:min(500, len(sids))], until)
	})},
	{"DenySessions refuses more than 999 arguments", "DenySessions puts many sessions on the list", denyingMany(func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error {
		if len(sids) > 999 {
			return errDriver
		}
		return l.DenySessions(ctx, sids, until)
	})},
	{"DenySessions folds what DenySession does not", "DenySessions puts many sessions on the list", denyingMany(func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error {
		for _, sid := range sids {
			if err := errors.Join(l.DenySession(ctx, sid, until), l.DenySession(ctx, strings.Map(swapped, sid), until)); err != nil {
				return err
			}
		}
		return nil
	})},
	{"DenySessions cannot write one row twice", takesTwiceAndNone, denyingMany(func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error {
		if sorted := slices.Sorted(slices.Values(sids)); len(slices.Compact(sorted)) < len(sids) {
			return errDriver
		}
		return l.DenySessions(ctx, sids, until)
	})},
	{"DenySessions wants one at least", takesTwiceAndNone, denyingMany(func(ctx context.Context, l *referenceLists, sids []string, until time.Time) error {
		if len(sids) == 0 {
			return errDriver
		}
		return l.DenySessions(ctx, sids, until)
	})},
	{"DenySessions keeps the last time", "DenySessions keeps the later of the two times", denyingMany(func(_ context.Context, l *referenceLists, sids []string, until time.Time) error {
		for _, sid := range sids {
			l.until(sid, until)
		}
		return nil
	})},
}

// swapped is another case.
func swapped(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}
