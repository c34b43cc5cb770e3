package passwords

import "context"

// Parse is the step before the expensive one.
func Parse(encoded string) error {
	_, err := parse(encoded)
	return err
}

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
		return kib, uint64(h.rounds)
	case bcryptHash:
		var cost uint64
		for _, c := range h.encoded[4:6] {
			cost = 10*cost + uint64(c-'0')
		}
		return kib, 1 << (cost + 5)
	}
	panic("a scheme whose cost no test knows")
}

// Occupy takes a place, as a hash does that takes no memory.
func (h *Hasher) Occupy(ctx context.Context) error { return h.queue.enter(ctx, 0) }

// Vacate gives it back.
func (h *Hasher) Vacate() { h.queue.leave(0) }

// OccupyWith takes a place and some memory, in KiB.
func (h *Hasher) OccupyWith(ctx context.Context, kib uint64) error { return h.queue.enter(ctx, kib) }

// VacateWith gives them back.
func (h *Hasher) VacateWith(kib uint64) { h.queue.leave(kib) }

// Sizes says how many places there are, and how many may wait for one.
func (h *Hasher) Sizes() (places, waiting int) { return h.queue.places, h.queue.waiting }

// Unknown is the hash that VerifyUnknown verifies against.
func (h *Hasher) Unknown() string { return h.unknown }
