package ratelimit

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// LimitConfig says what a Limiter counts. The zero value counts each request
// against the tier of its caller, with a cost of 1.
type LimitConfig struct {
	// Rules are limits in addition to the tier's. A request is counted under all of
	// them or, if one rejects it, under none.
	Rules []Rule

	// WithoutTier counts only under the Rules, of which there must be at least one.
	// False: the tier counts too.
	WithoutTier bool

	// Cost returns the cost of a request. With 0 the request is admitted uncounted
	// and without headers. A cost below 0 is a defect of the host: the request is
	// rejected with ReasonMisconfigured. It must be safe for concurrent use. Nil: 1.
	Cost func(*http.Request) int64

	// NoContext serves requests as they are. Without it Limit serves a copy of each
	// request, in whose context AddCost and a Limiter further in find what was counted;
	// the copy is most of the memory that Limit takes. Set it only if no handler behind
	// the Limiter calls AddCost, which then returns false, and if no Limiter of the same
	// New is mounted further in, which would count the request once more. It must be false
	// with Rule.Late. Protect ignores it, because it makes a copy for the principal as well.
	NoContext bool

	// NearLimit is the share of a limit, 1 to 100 per cent, whose use is reported as
	// EventNearLimit, once in a window. The costs of AddCost are not considered.
	// Zero: none.
	NearLimit int

	// OnCounterFailure says how requests are handled that cannot be counted. Zero:
	// as Config.OnCounterFailure says.
	OnCounterFailure FailurePolicy
}

// Rule is a limit of a route, or of a group of routes.
type Rule struct {
	// Name is required: the rule's name in headers, events and rejections, 1 to 64
	// printable ASCII characters without quotes and backslashes. Rules with the same
	// name share their counters, in whatever LimitConfig they are.
	Name string

	// Limit is how much may be spent in a period, 0 or more. Zero: nothing, if there
	// is a Period.
	Limit int64

	// Period is the length of the window, in whole seconds, from 1 s to MaxWindow.
	// Zero: only Concurrent is limited.
	Period time.Duration

	// Algorithm says how the window is measured. The zero value is FixedWindow.
	Algorithm Algorithm

	// Burst is for GCRA: how much may be spent at once, from 1 to Limit. Zero:
	// Limit.
	Burst int64

	// By selects the counter. The zero value counts by account, and by client
	// address if the caller is not authenticated.
	By By

	// Cost returns the cost of a request under this rule, 0 or more. With 0 the rule
	// does not count the request. It must be safe for concurrent use. Nil:
	// LimitConfig.Cost.
	Cost func(*http.Request) int64

	// Late takes the cost from the handler, which calls [AddCost]: rows, bytes, or 1
	// for a failed login. A request is admitted while anything is left, so the
	// requests in progress can exceed the limit. What exceeds it must pass before
	// anything is left again. It cannot be combined with Cost.
	Late bool

	// Unit is what is counted, for the headers, for example "rows": up to 64
	// printable ASCII characters without quotes and backslashes. Empty: requests.
	Unit string

	// Concurrent is how many requests of one caller may be in progress at once, in
	// this process. Zero: any number.
	Concurrent int

	// Shadow is shadow mode: the rule counts and reports what it would reject as
	// EventShadowLimited, but rejects nothing and sends no headers.
	Shadow bool
}

func (c LimitConfig) check(counters Counters, complain complaint) {
	if c.WithoutTier && len(c.Rules) == 0 {
		complain("Rules", "must have at least one rule with WithoutTier, got none")
	}
	for i, r := range c.Rules {
		path := fmt.Sprintf("Rules[%d]", i)
		r.check(path, counters, complain)
		if c.NoContext && r.Late {
			complain("NoContext", "must be false with %s.Late, whose cost AddCost tells", path)
		}
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
	if len(r.Unit) > 64 || !fieldvalue.IsQuotable(r.Unit) {
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
