package main

import (
	"context"
	"errors"
	"time"
)

const (
	among  = 100    // refreshes before the other side has its turn
	rovers = 10_000 // clients among many sessions, so that it is not always the same pages that are read
)

// grow compares what a refresh costs among few sessions and among many, one
// after the other, time and again; and says what a session takes among many.
func grow(ctx context.Context, o options, c contender, f *figure) (err error) {
	few, fews, err := c.prepare(ctx, o, o.few, o.few)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, few.close(context.WithoutCancel(ctx))) }()
	many, manies, err := c.prepare(ctx, o, o.many, min(o.many/2, rovers))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, many.close(context.WithoutCancel(ctx))) }()
	f.bytes = many.each
	next := 0
	for range o.pairs {
		a, err := fews.walk(ctx, next)
		if err != nil {
			return err
		}
		b, err := manies.walk(ctx, next)
		if err != nil {
			return err
		}
		f.growth = append(f.growth, float64(b)/float64(a))
		next += among
	}
	return nil
}

// walk says how long it takes until some clients have refreshed, one after the
// other, each once.
func (c *clients) walk(ctx context.Context, from int) (time.Duration, error) {
	began := time.Now()
	for i := range among {
		if err := c.refresh(ctx, (from+i)%len(c.tokens)); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
