package redisstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// commands counts the commands that are sent, those in pipelines too.
type commands struct{ n atomic.Int64 }

func (*commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error {
		c.n.Add(int64(len(all)))
		return next(ctx, all)
	}
}

// A user who has logged out very often costs what one costs who has not.
func TestFaultC16WhatEndedBeforeCostsNothing(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	client := dial(t, redistest.URL(t))
	var sent commands
	client.AddHook(&sent)
	s := open(t, client, redisstore.Config{})
	const history, page = 300, 5
	for user, ended := range map[string]int{"who has logged out often": history, "who has not": 0} {
		for range ended {
			if err := s.RevokeSession(t.Context(), created(t, s, user).ID, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		for range page {
			created(t, s, user)
		}
		for _, call := range []struct {
			name string
			most int64
			do   func() error
		}{
			{"a page", 2 + page, func() error {
				all, err := s.UserSessions(t.Context(), user, store.Newest(), 2*page)
				if len(all) != page {
					t.Errorf("%s: %d sessions", user, len(all))
				}
				return err
			}},
			{"a login", 2, func() error { return s.CreateSession(t.Context(), newSession(user)) }},
			{"the end of all", 7 + page, func() error { return revokesUsers(t.Context(), s, user, time.Now()) }},
		} {
			sent.n.Store(0)
			if err := call.do(); err != nil {
				t.Fatal(err)
			}
			if n := sent.n.Load(); n > call.most {
				t.Errorf("%s: %s takes %d commands, want %d at most", user, call.name, n, call.most)
			}
		}
	}
}
