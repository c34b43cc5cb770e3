package middleware

import (
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// overBudget says that an attempt is over a budget.
type overBudget struct {
	charges []ratelimit.Charge
	status  []ratelimit.Status // of each charge
}

// first is the overBudget of the first n charges, nil if none of them is over.
func (o *overBudget) first(n int) *overBudget {
	for _, s := range o.status[:n] {
		if !s.Allowed {
			return &overBudget{o.charges[:n], o.status[:n]}
		}
	}
	return nil
}

// longest returns the budget that has the caller wait longest, and for how long.
func (o *overBudget) longest() (policy string, wait time.Duration) {
	policy = o.charges[0].Policy.Name
	for i, s := range o.status {
		if !s.Allowed && s.RetryAfter > wait {
			policy, wait = o.charges[i].Policy.Name, s.RetryAfter
		}
	}
	return policy, max(wait, time.Second)
}
