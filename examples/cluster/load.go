package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
)

const (
	callsARefresh  = 5 // a client refreshes after so many calls
	refreshesARace = 5 // and every so often with two tabs at once
)

// account is what one user did, and what became of it.
type account struct {
	name string

	admitted, limited, cutOff atomic.Int64 // calls
	rotated                   atomic.Int64 // refresh tokens that a client got a successor of
	kept                      int64        // the same, as the store has it in the end
}

// load is all the clients, who do a fixed number of things.
type load struct {
	base          string
	http          *http.Client
	limit         int64
	accounts      []*account
	clients       []*client
	each          int // calls
	made          atomic.Int64
	quarter, half chan struct{} // closed when so many calls were made
	done          chan struct{}

	loggedOut int

	mu   sync.Mutex
	lost []error
}

func newLoad(o options, base string) *load {
	l := &load{
		base: base, limit: int64(o.limit),
		http:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.clients * 2}},
		quarter: make(chan struct{}), half: make(chan struct{}), done: make(chan struct{}),
	}
	for _, name := range accounts {
		l.accounts = append(l.accounts, &account{name: name})
	}
	for i := range o.clients {
		l.clients = append(l.clients, &client{load: l, user: l.accounts[i%len(accounts)]})
	}
	fewest := o.clients / len(accounts) // clients that one user has
	l.each = (o.limit+o.limit/2)/fewest + 1
	return l
}

// run lets all clients do what they have to do.
func (l *load) run(ctx context.Context) {
	defer close(l.done)
	defer l.http.CloseIdleConnections()
	var all sync.WaitGroup
	for _, c := range l.clients {
		all.Go(func() {
			if err := l.work(ctx, c); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.lost = append(l.lost, err)
			}
		})
	}
	all.Wait()
}

// logOut ends all sessions, one after the other.
func (l *load) logOut(ctx context.Context, nodes int) {
	defer l.http.CloseIdleConnections()
	for _, c := range l.clients {
		if err := c.logout(ctx, nodes); err != nil {
			l.lost = append(l.lost, err)
			continue
		}
		l.loggedOut++
	}
}

func (l *load) work(ctx context.Context, c *client) error {
	if err := c.login(ctx); err != nil {
		return err
	}
	for i := 1; i <= l.each; i++ {
		if err := c.call(ctx); err != nil {
			return err
		}
		switch total := int64(l.each * len(l.clients)); l.made.Add(1) {
		case total / 4:
			close(l.quarter)
		case total / 2:
			close(l.half)
		}
		if i%callsARefresh != 0 {
			continue
		}
		tabs := 1
		if i%(callsARefresh*refreshesARace) == 0 {
			tabs = 2
		}
		if err := c.rotate(ctx, tabs); err != nil {
			return err
		}
	}
	return c.rotate(ctx, 1) // who was not lost can do it once more
}
