package middleware

// CountersIn is how many counters the engine holds.
func CountersIn(c Counters) int {
	n := 0
	swept(c).cache.Range(func(string, *counter) { n++ })
	return n
}

// SweepWith sweeps, and does f between the look at what has expired and its
// deletion.
func SweepWith(c Counters, f func()) {
	s := swept(c)
	expired := s.expired()
	f()
	s.forget(expired)
}

func swept(c Counters) *sweptStore {
	return c.(engine).store.(*sweptStore)
}

// CountersInMemory is how many counters there are.
func CountersInMemory(c Counters) (n int) {
	shards := c.(*inMemory).shards
	for i := range shards {
		s := &shards[i]
		n += s.fixed.Len() + s.gcra.Len() + s.rolling.Len()
	}
	return n
}

// HashAlike makes counters in memory hash as others do.
func HashAlike(c, other Counters) {
	c.(*inMemory).seeds = other.(*inMemory).seeds
}
