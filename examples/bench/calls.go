package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	batch  = 999                      // expired sessions of a sweep that is compared: it takes one batch, and does not rest
	ended  = 20                       // users whose sessions are ended before the other side has its turn
	sweeps = 15                       // that are compared
	long   = 2 * 365 * 24 * time.Hour // ago: all that such a session leaves has expired, too
	beside = 4                        // clients that refresh beside the large sweep
)

// calls is what was measured of a store that grows.
type calls struct {
	name, server              string
	bytes                     float64
	refresh, list, end, sweep []float64     // what each costs among many, in units of what it costs among few
	swept, quiet              time.Duration // the longest refresh beside a sweep, and as long without
	sweeping                  time.Duration
}

// growCalls compares each call among few sessions and among many, and prints the table.
func growCalls(ctx context.Context, o options, stdout io.Writer) error {
	var rows strings.Builder
	var errs []error
	servers := []string{fmt.Sprintf("%s, %d cores", runtime.Version(), runtime.GOMAXPROCS(0))}
	for _, c := range o.contenders {
		f, err := c.grow(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		servers = append(servers, f.server)
		fmt.Fprintf(&rows, "| %s | %.0f | %.2f | %.2f | %.2f | %.2f | %s | %s | %s |\n", f.name, f.bytes, median(f.refresh), median(f.list), median(f.end), median(f.sweep),
			short(milliseconds(f.swept)), short(milliseconds(f.quiet)), f.sweeping.Round(100*time.Millisecond))
		for what, times := range map[string][]float64{"a refresh": f.refresh, "a list": f.list, "the end of a user's sessions": f.end, "a sweep": f.sweep} {
			if m := median(times); m > o.flat {
				errs = append(errs, fmt.Errorf("%s: %s costs %.2f times as much among %d sessions as among %d", f.name, what, m, o.many, o.few))
			}
		}
	}
	fmt.Fprintf(stdout, "%s\n\n| among %d sessions, of what it costs among %d | bytes a session | a refresh | a list | the end of a user's sessions | a sweep of %d |"+
		" the longest refresh while %d are swept | as long without a sweep | that sweep |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n%s",
		strings.Join(servers, "; "), o.many, o.few, batch, o.crowded, rows.String())
	return errors.Join(errs...)
}

// grow compares the calls on one store.
func (c contender) grow(ctx context.Context, o options) (f calls, err error) {
	users := o.pairs * ended
	few, fews, err := c.prepare(ctx, o, o.few, users)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, few.close(context.WithoutCancel(ctx))) }()
	began := time.Now()
	many, manies, err := c.prepare(ctx, o, o.many, users)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, many.close(context.WithoutCancel(ctx))) }()
	fmt.Fprintf(o.progress, "%s: %d sessions, %.0f bytes each, made in %v\n", c.name, o.many, many.each, time.Since(began).Round(time.Second))
	f.name, f.server, f.bytes = c.name, many.server, many.each
	both := func(call func(p *place, c *clients, i int) error, n int) ([]float64, error) {
		var ratios []float64
		for pair := range o.pairs {
			var took [2]time.Duration
			for side, p := range []*place{few, many} {
				live := []*clients{fews, manies}[side]
				began := time.Now()
				for i := range n {
					if err := call(p, live, pair*n+i); err != nil {
						return nil, err
					}
				}
				took[side] = time.Since(began)
			}
			ratios = append(ratios, float64(took[1])/float64(took[0]))
		}
		fmt.Fprintf(o.progress, "%s: %.2f\n", c.name, median(ratios))
		return ratios, nil
	}
	if f.refresh, err = both(func(_ *place, c *clients, i int) error { return c.refresh(ctx, i%users) }, among); err != nil {
		return f, err
	}
	if f.list, err = both(func(p *place, _ *clients, i int) error {
		found, err := p.UserSessions(ctx, userOf(i%users), store.Newest(), store.MaxPage)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("user %d has %d sessions", i%users, len(found))
		}
		return err
	}, among); err != nil {
		return f, err
	}
	if f.sweep, err = sweep(ctx, few, many); err != nil {
		return f, err
	}
	if f.swept, f.quiet, f.sweeping, err = hold(ctx, many, manies, o.crowded); err != nil {
		return f, err
	}
	f.end, err = both(func(p *place, _ *clients, i int) error {
		now := time.Now()
		gone, err := p.RevokeUserSessions(ctx, userOf(i), "", now, now.Add(-24*time.Hour))
		if err == nil && len(gone) != 1 {
			err = fmt.Errorf("user %d had %d sessions", i, len(gone))
		}
		return err
	}, ended)
	return f, err
}

// userOf is the ID of the user with this login.
func userOf(i int) string { return "01J9ZQ4YJ0000000000000" + strconv.Itoa(i) }

// sweep compares what it takes to delete a batch.
func sweep(ctx context.Context, few, many *place) (ratios []float64, err error) {
	for range sweeps {
		var took [2]time.Duration
		for side, p := range []*place{few, many} {
			if took[side], err = p.sweep(ctx, batch); err != nil {
				return nil, err
			}
		}
		ratios = append(ratios, float64(took[1])/float64(took[0]))
	}
	return ratios, nil
}

// sweep adds sessions that have expired, and says how long it takes to delete them.
func (p *place) sweep(ctx context.Context, n int) (time.Duration, error) {
	if err := p.fill(ctx, n, time.Now().Add(-long)); err != nil {
		return 0, err
	}
	began := time.Now()
	gone, err := p.DeleteExpiredSessions(ctx, time.Now())
	if err == nil && gone != n {
		err = fmt.Errorf("a sweep has deleted %d sessions of %d", gone, n)
	}
	return time.Since(began), err
}

// hold says how long the longest refresh takes while a sweep runs, and as long without.
func hold(ctx context.Context, p *place, c *clients, crowd int) (swept, quiet, took time.Duration, err error) {
	if err := p.fill(ctx, crowd, time.Now().Add(-long)); err != nil {
		return 0, 0, 0, err
	}
	over := make(chan struct{})
	var failed error
	began := time.Now()
	go func() {
		defer close(over)
		_, failed = p.DeleteExpiredSessions(ctx, time.Now())
	}()
	swept, err = c.longest(ctx, over)
	<-over
	took = time.Since(began)
	if err != nil || failed != nil {
		return 0, 0, 0, errors.Join(err, failed)
	}
	later, stop := context.WithTimeout(ctx, took)
	defer stop()
	quiet, err = c.longest(ctx, later.Done())
	return swept, quiet, took, err
}

// longest lets some clients refresh until the end, and returns how long the longest took.
func (c *clients) longest(ctx context.Context, end <-chan struct{}) (time.Duration, error) {
	var all sync.WaitGroup
	most, errs := make([]time.Duration, beside), make([]error, beside)
	for i := range beside {
		all.Go(func() {
			for n := i; errs[i] == nil; n = (n + beside) % (len(c.tokens) / beside * beside) {
				select {
				case <-end:
					return
				default:
				}
				began := time.Now()
				errs[i] = c.refresh(ctx, n)
				most[i] = max(most[i], time.Since(began))
			}
		})
	}
	all.Wait()
	return slices.Max(most), errors.Join(errs...)
}
