package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// crowds are how many clients refresh at once.
var crowds = [...]int{1, 32, 256}

// figure is what was measured of one store.
type figure struct {
	name, server string
	perSecond    [len(crowds)][]float64 // one for each round
	slowest      [len(crowds)][]float64 // 99th percentiles in milliseconds
	bytes        float64                // a session
	growth       []float64              // what a refresh costs among many, in units of what it costs among few
}

// race measures all stores in turns, so that whatever else the machine does hits
// them alike.
func race(ctx context.Context, o options, figures []figure) (err error) {
	places, live := make([]*place, len(o.contenders)), make([]*clients, len(o.contenders))
	defer func() {
		for _, p := range places {
			if p != nil {
				err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
			}
		}
	}()
	for i, c := range o.contenders {
		if places[i], live[i], err = c.prepare(ctx, o, o.few, crowds[len(crowds)-1]); err != nil {
			return err
		}
		figures[i].name, figures[i].server = c.name, places[i].server
	}
	for round := range o.rounds {
		for turn := range o.contenders {
			i := (round + turn) % len(o.contenders)
			for k, crowd := range crowds {
				took, elapsed, err := live[i].crowd(ctx, crowd, o.round)
				if err != nil {
					return err
				}
				figures[i].perSecond[k] = append(figures[i].perSecond[k], float64(len(took))/elapsed.Seconds())
				figures[i].slowest[k] = append(figures[i].slowest[k], milliseconds(percentile(took, 0.99)))
			}
		}
	}
	return nil
}

// crowd lets so many clients refresh for so long, and says how long each refresh
// took.
func (c *clients) crowd(ctx context.Context, clients int, long time.Duration) (took []time.Duration, elapsed time.Duration, err error) {
	each, errs := make([][]time.Duration, clients), make([]error, clients)
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			for at := time.Duration(0); errs[i] == nil && at < long; at = time.Since(began) { // once at least
				from := time.Now()
				errs[i] = c.refresh(ctx, i)
				each[i] = append(each[i], time.Since(from))
			}
		})
	}
	all.Wait()
	return slices.Concat(each...), time.Since(began), errors.Join(errs...)
}

func percentile(took []time.Duration, p float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(p*float64(len(took))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median is what is left of many measurements.
func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}
