package ratelimit

import (
	"fmt"
	"net/http"
	"time"
)

// LimitConfig says what a Limit counts. The zero value counts each request
// against the tier of its caller, with a cost of 1.
type LimitConfig struct {
	// Rules are limits beside the tier's. A request is counted under all of them
	// or, when it is refused, under none.
	Rules []Rule

	// WithoutTier counts under the Rules alone.
	WithoutTier bool

	// Cost says what a request costs. Nil: 1. A request of no cost is let through
	// uncounted; a cost below 0 is the host's fault and refuses it with 500.
	Cost func(*http.Request) int64

	// NearLimit is the share of a limit, in per cent, whose use is reported once a
	// window as events.NearLimit. What AddCost tells is not looked at. Zero:
	// none.
	NearLimit int

	// OnCounterFailure says what becomes of requests that cannot be counted. The
	// zero value does as Config.OnCounterFailure says.
	OnCounterFailure FailurePolicy
}

// Rule is a limit of a route, or of a group of routes.
type Rule struct {
	// Name is required: what headers, events and refusals call the rule. Rules of
	// one name share their counters, wherever they are.
	Name string

	// Limit is how much there is in a period, and Period is the window's length,
	// in whole seconds. Without a Period nothing but Concurrent is limited.
	Limit  int64
	Period time.Duration

	// Algorithm says how the window is measured, and Burst belongs to GCRA: see
	// [Policy].
	Algorithm Algorithm
	Burst     int64

	// By selects the counter. The zero value counts by account, and by client address
	// if the caller is not authenticated.
	By By

	// Cost returns what a request costs under this rule, 0 or more. With 0 the rule
	// does not count the request. Nil: LimitConfig.Cost.
	Cost func(*http.Request) int64

	// Late leaves the cost to the handler, which tells it by [AddCost]: rows,
	// bytes, or 1 when a login has failed. A request comes in while anything is
	// left, so what the requests in flight cost can go over the limit; it has to
	// pass before there is anything left again.
	Late bool

	// Unit is what is counted, for the headers. Empty: requests.
	Unit string

	// Concurrent is how many requests of one caller may be in flight at once, in
	// this process. Zero: any number.
	Concurrent int

	// Shadow counts and reports what would be refused, and refuses nothing. No
	// header tells the caller of it.
	Shadow bool
}

func (c LimitConfig) check(counters Counters, complain complaint) {
	if c.WithoutTier && len(c.Rules) == 0 {
		complain("Rules", "must have at least one rule with WithoutTier, got none")
	}
	for i, r := range c.Rules {
		path := fmt.Sprintf("Rules[%d]", i)
		r.check(path, counters, complain)
		for _, other := range c.Rules[:i] {
			if r.Name == other.Name {
				complain(path+".Name", "must be unique, got %q twice", r.Name)
			}
		}
	}
	if c.NearLimit < 0 || c.NearLimit > 100 {
		complain("NearLimit", "must be 1 to 100 per cent, got %d", c.NearLimit)
	}
	c.OnCounterFailure.check("OnCounterFailure", complain)
}

func (r Rule) check(path string, counters Counters, complain complaint) {
	checkName(path+".Name", r.Name, complain)
	switch {
	case r.Period != 0:
		r.window().check(path, counters, complain)
	case r.Concurrent == 0:
		complain(path+".Period", "is required, or Concurrent")
	case r.Limit != 0 || r.Late || r.Burst != 0 || r.Algorithm != FixedWindow || r.Unit != "":
		complain(path+".Period", "is required for Limit, Algorithm, Burst, Late and Unit")
	}
	r.By.check(path+".By", complain)
	if len(r.Unit) > 64 || !isQuotable(r.Unit) {
		complain(path+".Unit", "must be up to 64 printable ASCII characters without quotes and backslashes, got %q", r.Unit)
	}
	if r.Late && r.Cost != nil {
		complain(path+".Cost", "must be nil with Late: AddCost tells the cost")
	}
	if r.Concurrent < 0 {
		complain(path+".Concurrent", "must be 0 or more, got %d", r.Concurrent)
	}
}

func (r Rule) window() Window {
	return Window{Name: r.Name, Limit: r.Limit, Period: r.Period, Algorithm: r.Algorithm, Burst: r.Burst}
}
