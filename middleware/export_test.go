package middleware

// CountersIn is how many counters the memory holds.
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
