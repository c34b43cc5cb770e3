package main

import "sync"

// addresses are the users by e-mail address, in lower case: a unique column of a host's
// table of users.
type addresses struct {
	mu  sync.Mutex
	all map[string]string
}

func (a *addresses) user(address string) (id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[address]
}

func (a *addresses) set(address, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[address] = id
}
