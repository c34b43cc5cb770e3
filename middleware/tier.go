package middleware

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Anonymous is the tier of callers without a token, who are counted by address.
const Anonymous = "anonymous"

// Tiers says how many requests each plan has, by the name that users and tokens
// give it. Callers without a token have the one named [Anonymous]; without it
// they are told to log in.
type Tiers map[string]Tier

// Tier is a number of requests in a period of time.
type Tier struct {
	// Limit is how many requests there are in a period; none with 0.
	Limit int64

	// Period is the length of the window, in whole seconds. The window begins
	// with the first request that is counted in it.
	Period time.Duration

	// PerSeat multiplies Limit by the account's seats; fewer than one count as
	// one.
	PerSeat bool

	// Max caps Limit times seats. Zero: nothing does.
	Max int64
}

func (t Tiers) check(complain func(path, format string, args ...any)) {
	if len(t) == 0 {
		complain("Tiers", "is required: at least one")
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		path := fmt.Sprintf("Tiers[%q]", name)
		tier := t[name]
		if name == "" || len(name) > 64 || !isQuotable(name) {
			complain(path, "wants a name of 1 to 64 printable ASCII characters without quotes and backslashes")
		}
		if tier.Limit < 0 {
			complain(path+".Limit", "wants 0 or more, has %d", tier.Limit)
		}
		if tier.Period < time.Second || tier.Period%time.Second != 0 {
			complain(path+".Period", "wants whole seconds, at least one, has %v", tier.Period)
		}
		switch {
		case tier.Max != 0 && !tier.PerSeat:
			complain(path+".Max", "is for tiers with PerSeat")
		case tier.Max != 0 && tier.Max < tier.Limit:
			complain(path+".Max", "wants Limit (%d) or more, has %d", tier.Limit, tier.Max)
		}
	}
}

func (t Tiers) clone() Tiers { return maps.Clone(t) }

// maxLimit is the largest Integer of RFC 9651 §3.3.1: the headers hold no more,
// and nobody lives to spend it.
const maxLimit = 999_999_999_999_999

// policy is the limit that an account with so many seats has.
func (t Tier) policy(name string, seats int) Policy {
	limit := t.Limit
	if n := int64(seats); t.PerSeat && n > 1 {
		if limit > math.MaxInt64/n {
			limit = math.MaxInt64
		} else {
			limit *= n
		}
	}
	if t.Max > 0 {
		limit = min(limit, t.Max)
	}
	return Policy{Name: name, Limit: min(limit, maxLimit), Window: t.Period}
}
