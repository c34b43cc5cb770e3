package passwords

import (
	"context"
	"sync"
	"time"
)

// Cost says what matching a readable hash costs: in KiB of memory at its peak,
// and in units of work, of which each is some microseconds at most.
func Cost(encoded string) (kib, work uint64) {
	row, err := parse(encoded)
	if err != nil {
		return 0, 0
	}
	kib = row.kib()
	switch h := row.(type) {
	case argon2Hash:
		return kib, kib * uint64(h.time)
	case scryptHash:
		return kib, uint64(h.n * h.r * h.p)
	case pbkdf2Hash:
		return kib, uint64(h.work())
	case shaCryptHash:
		return kib, uint64(h.rounds)
	case digestHash:
		return kib, 1024
	case bcryptHash:
		var cost uint64
		for _, c := range h.encoded[4:6] {
			cost = 10*cost + uint64(c-'0')
		}
		return kib, 1 << (cost + 5)
	}
	panic("a scheme whose cost no test knows")
}

// occupied are the turns that tests have taken, by hasher and memory.
var occupied struct {
	mu    sync.Mutex
	turns map[*Hasher]map[uint64][]*turn
}

// Occupy takes a place, as a hash does that takes no memory.
func (h *Hasher) Occupy(ctx context.Context) error { return h.OccupyWith(ctx, 0) }

// Vacate gives it back.
func (h *Hasher) Vacate() { h.VacateWith(0) }

// OccupyWith takes a place and some memory, in KiB.
func (h *Hasher) OccupyWith(ctx context.Context, kib uint64) error {
	t, err := h.queue.enter(ctx, kib)
	if err != nil {
		return err
	}
	occupied.mu.Lock()
	defer occupied.mu.Unlock()
	if occupied.turns == nil {
		occupied.turns = map[*Hasher]map[uint64][]*turn{}
	}
	if occupied.turns[h] == nil {
		occupied.turns[h] = map[uint64][]*turn{}
	}
	occupied.turns[h][kib] = append(occupied.turns[h][kib], t)
	return nil
}

// VacateWith gives them back.
func (h *Hasher) VacateWith(kib uint64) {
	occupied.mu.Lock()
	turns := occupied.turns[h][kib]
	t := turns[0]
	occupied.turns[h][kib] = turns[1:]
	occupied.mu.Unlock()
	h.queue.leave(t)
}

// Shares says of how many addresses and logins the queue remembers anything.
func (h *Hasher) Shares() (addresses, logins int) {
	h.queue.mu.Lock()
	defer h.queue.mu.Unlock()
	return len(h.queue.addresses), len(h.queue.logins)
}

// Waiting says how many wait.
func (h *Hasher) Waiting() int {
	h.queue.mu.Lock()
	defer h.queue.mu.Unlock()
	return len(h.queue.line)
}

// Backlog is how long the queue says that it takes.
func (h *Hasher) Backlog() time.Duration {
	h.queue.mu.Lock()
	defer h.queue.mu.Unlock()
	return h.queue.backlog()
}

// Sizes says how many places there are, and how many may wait for one.
func (h *Hasher) Sizes() (places, waiting int) { return h.queue.places, h.queue.waiting }

// Unknown is the hash that VerifyUnknown verifies against.
func (h *Hasher) Unknown() string { return h.unknown }
