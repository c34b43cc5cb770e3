package soak_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// weather does one thing after another to the servers and the hosts, until the time is
// over. After each, both hosts must serve again.
func (s *soak) weather(ctx context.Context, t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, s.length+patience)
	defer cancel()
	end := time.Now().Add(s.length)
	warm := min(s.length/4, 5*time.Second)
	if s.quiet {
		warm = 0
	}
	pause(ctx, warm) // so that pools and caches are as they will be
	var err error
	if s.begin, err = s.nodes[0].usage(ctx, s.client); err != nil {
		return err
	}
	if s.quiet {
		for time.Now().Before(end) && ctx.Err() == nil && len(s.ledger.broken()) == 0 {
			pause(ctx, 50*time.Millisecond)
		}
		return nil
	}
	all := s.faultsOf(t)
	var turn []int
	for time.Now().Before(end) && ctx.Err() == nil {
		if len(turn) == 0 {
			turn = s.chance.Perm(len(all)) // each of them once, before one comes again
		}
		f := all[turn[0]]
		turn = turn[1:]
		if err := f.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		s.faults[f.name]++
		if err := s.recovers(ctx, f.name); err != nil {
			return err
		}
		pause(ctx, time.Duration(s.chance.IntN(400))*time.Millisecond)
	}
	return ctx.Err()
}

// recovers waits until both hosts log in and count.
func (s *soak) recovers(ctx context.Context, after string) error {
	began := time.Now()
	g, err := s.newGroup(ctx, countedRoute)
	if err != nil {
		return err
	}
	p := newPerson(&soak{settings: settings{quiet: true, seed: s.seed}, nodes: s.nodes}, mostPeople-s.users)
	defer p.http.CloseIdleConnections()
	p.group = g
	for host := range s.nodes {
		if err := p.comesIn(ctx); err != nil {
			return fmt.Errorf("after %s: %w", after, err)
		}
		a, _, err := p.insists(ctx, func(ctx context.Context) answer {
			a := p.post(ctx, host, g.route, p.session.access, nil)
			g.count(a)
			return a
		})
		if err != nil || a.status != 204 {
			return fmt.Errorf("after %s: host %d answers %d, %w", after, host, a.status, err)
		}
	}
	s.recovery = max(s.recovery, time.Since(began))
	return nil
}

type fault struct {
	name string
	do   func(ctx context.Context) error
}

func (s *soak) faultsOf(t *testing.T) []fault {
	t.Helper()
	most := 1200
	if s.length < time.Minute {
		most = 300
	}
	some := func() time.Duration { return time.Duration(50+s.chance.IntN(most)) * time.Millisecond }
	return []fault{
		{"Redis killed", func(ctx context.Context) error {
			s.redis.Kill()
			pause(ctx, some())
			if !s.redis.Run(t) {
				return fmt.Errorf("redis-server does not start again")
			}
			return nil
		}},
		{"Redis frozen", func(ctx context.Context) error {
			s.redis.Pause()
			defer s.redis.Resume()
			pause(ctx, some())
			return nil
		}},
		{"Redis connections cut", func(ctx context.Context) error {
			c := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
			defer func() { _ = c.Close() }()
			return c.Do(ctx, "client", "kill", "type", "normal", "skipme", "yes").Err()
		}},
		{"PostgreSQL killed", func(ctx context.Context) error {
			s.postgres.Kill()
			pause(ctx, some())
			if !s.postgres.Run(t) {
				return fmt.Errorf("postgres does not start again")
			}
			return nil
		}},
		{"PostgreSQL frozen", func(ctx context.Context) error {
			s.postgres.Pause()
			defer s.postgres.Resume()
			pause(ctx, some())
			return nil
		}},
		{"PostgreSQL connections cut", func(ctx context.Context) error {
			// also those of this test's pool, so it may say that its own was cut
			_, _ = s.admin.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
			return nil
		}},
		{"a host restarted", func(context.Context) error {
			if err := s.nodes[1].terminate(); err != nil {
				return err
			}
			return s.runAgain(s.nodes[1])
		}},
		{"a host killed", func(context.Context) error {
			s.nodes[1].kill()
			return s.runAgain(s.nodes[1])
		}},
		{"keys rotated", func(ctx context.Context) error {
			old := s.nodes[0].orders.Keys
			if len(old) == maxKeys {
				return nil
			}
			fresh := []byte(keys.NewSecret())
			for _, order := range [][][]byte{append(slices.Clone(old), fresh), append([][]byte{fresh}, old...)} {
				for _, n := range s.nodes {
					o := n.orders
					o.Keys = order
					if err := n.change(ctx, s.client, o); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		{"tiers changed", func(ctx context.Context) error {
			limit := s.limit + s.chance.Int64N(1+s.limit/2)
			return s.setLimit(limit, func() error {
				for _, n := range s.nodes {
					o := n.orders
					o.Limit = limit
					if err := n.change(ctx, s.client, o); err != nil {
						return err
					}
				}
				return nil
			})
		}},
	}
}

// runAgain starts a host that is gone, as what supervises it does: a server may not be
// back yet.
func (s *soak) runAgain(n *node) error {
	s.deaths.Add(1)
	for until := time.Now().Add(patience); ; {
		err := n.run()
		if err == nil || !n.failed() || time.Now().After(until) {
			return err
		}
	}
}
