package middleware

import (
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// overBudget means that an attempt is over a budget.
type overBudget struct {
	charges []ratelimit.Charge
	status  []ratelimit.Status // of each charge
}

// first returns the overBudget of the first n charges, or nil if none of them is
// over.
func (o *overBudget) first(n int) *overBudget {
	for _, s := range o.status[:n] {
		if !s.Allowed {
			return &overBudget{o.charges[:n], o.status[:n]}
		}
	}
	return nil
}

// longest returns the budget with the longest wait, and the wait.
func (o *overBudget) longest() (policy string, wait time.Duration) {
	policy = o.charges[0].Policy.Name
	for i, s := range o.status {
		if !s.Allowed && s.RetryAfter > wait {
			policy, wait = o.charges[i].Policy.Name, s.RetryAfter
		}
	}
	return policy, max(wait, time.Second)
}
