package main

import "testing"

// Whoever is measured does what it is measured for.
func TestContestants(t *testing.T) {
	t.Parallel()
	for _, c := range contestants(t.Context()) {
		decide := c.open()
		for _, key := range []string{"a", "b", "a"} {
			if !decide(key) {
				t.Errorf("%s refuses", c.name)
			}
		}
	}
}
