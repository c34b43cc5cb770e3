package countertest

import (
	"context"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Rules are the names of all rules.
func Rules() (names []string) {
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}

// Try tries one rule, unless the Fixture lacks what it wants.
func Try(ctx context.Context, name string, f Fixture, a ratelimit.Algorithm) error {
	for _, r := range rules {
		if r.name == name && (r.wants == nil || r.wants(f)) {
			return r.try(ctx, f, a)
		}
	}
	return nil
}
