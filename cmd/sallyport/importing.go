package main

import (
	"context"
	"errors"
	"sync"

	"github.com/sallyport-go/sallyport/store"
)

// importing is an import of rows that have become values.
type importing[T any] struct {
	flags importFlags
	what  string // for the meter

	// check returns the value of a row, or complains.
	check func(r row, complain func(field, format string, args ...any)) T

	// write writes a value. It reports false if it was there before. An ErrConflict is
	// that of the line.
	write func(ctx context.Context, value T) (added bool, err error)

	workers int
}

// run checks all rows, and then writes them. Whatever ends it, the same import may be made
// again: what was written is there already then.
func (i importing[T]) run(ctx context.Context, p *process, out *output, columns []string) error {
	rows, err := i.flags.rows(p, columns)
	if err != nil {
		return err
	}
	var bad problems
	values := make([]T, len(rows))
	checking := p.meter("lines checked", len(rows))
	for n, r := range rows {
		if r.err != nil {
			bad.addf(r.line, "", "%v", r.err)
		} else {
			values[n] = i.check(r, func(field, format string, args ...any) { bad.addf(r.line, field, format, args...) })
		}
		checking.add()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	checking.end()
	done := imported{Type: "import", Lines: len(rows), DryRun: i.flags.DryRun || len(bad.all) > 0 && !i.flags.SkipBad}
	if !done.DryRun {
		err = i.writeAll(ctx, p, rows, values, &bad, &done)
	}
	for _, wrong := range bad.all {
		out.add(wrong)
	}
	done.Bad = len(bad.all)
	out.add(done)
	switch {
	case err != nil:
		return &partial{"the import has not ended; the same command goes on with it", err}
	case len(bad.all) > 0 && done.DryRun && !i.flags.DryRun:
		return negativef("%s bad, and nothing was written: mend them, or add --skip-bad", areLines(len(bad.all)))
	case len(bad.all) > 0:
		return negativef("%s bad", areLines(len(bad.all)))
	}
	return nil
}

func areLines(n int) string {
	if n == 1 {
		return "1 line is"
	}
	return plural(n, "line") + " are"
}

// writeAll writes the values of good rows, several at once.
func (i importing[T]) writeAll(ctx context.Context, p *process, rows []row, values []T, bad *problems, done *imported) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	writing := p.meter(i.what, len(rows))
	defer writing.end()
	next := make(chan int)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range i.workers {
		all.Go(func() {
			for n := range next {
				added, err := i.write(ctx, values[n])
				mu.Lock()
				switch {
				case errors.Is(err, store.ErrConflict), errors.Is(err, errNegative):
					bad.addf(rows[n].line, "", "%v", err)
				case err != nil:
					stop(err)
				case added:
					done.Added++
				default:
					done.There++
				}
				writing.add()
				mu.Unlock()
			}
		})
	}
	mu.Lock()
	good := make([]int, 0, len(rows))
	for n, r := range rows {
		if !bad.seen[r.line] {
			good = append(good, n)
		}
	}
	mu.Unlock()
	for _, n := range good {
		select {
		case next <- n:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}
