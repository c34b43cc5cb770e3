package ratelimit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// Quota is what a caller has left under all policies of a request.
type Quota struct {
	// Usage is in the order of the policies: those of the tier, then those of the
	// rules. Policies in shadow mode are omitted.
	Usage []Usage

	// At is the time of the Quota.
	At time.Time

	form   Headers
	lists  *onceLists // of the headers; nil: they are made
	silent bool       // the counters failed, or local ones were used instead
}

// Usage is what a caller has spent and has left under one policy.
type Usage struct {
	// Policy is the limit. If it limits concurrent requests, its Window is zero.
	Policy Policy

	// Unit is what is counted, as in Rule.Unit. Empty: requests.
	Unit string

	// Known is false if the counters were not called, because the request was
	// rejected before. Then the fields below are zero.
	Known bool

	// Remaining is what is left, 0 or more.
	Remaining int64

	// ResetAfter is how long it takes until the whole limit is available again.
	ResetAfter time.Duration

	// RetryAfter is how long the caller should wait if Violated is true. Zero then: the
	// request costs more than the policy ever allows, so waiting does not help.
	RetryAfter time.Duration

	// Violated reports that this policy rejected the request.
	Violated bool

	policy *policy // nil: it is not one of a Limiter
	excess int64   // the cost of the request, if it is more than the policy ever allows
	cost   int64   // what the request was charged
	byUser bool    // the counter is that of a user
}

// unitConcurrent is the draft's quota unit for a limit of concurrent requests.
const unitConcurrent = "concurrent-requests"

// wait returns how long what remains must last.
func (u *Usage) wait() time.Duration {
	if u.Violated && u.excess == 0 {
		return u.RetryAfter
	}
	return u.ResetAfter
}

// nearest returns the usage that the caller should consider: of those that
// rejected the request the one with the longest or an endless wait, otherwise the one with the
// smallest share left. A limit of concurrent requests is considered only if it
// rejects. It returns nil without any usage.
func (q *Quota) nearest() *Usage {
	if len(q.Usage) == 1 {
		return &q.Usage[0]
	}
	var best *Usage
	for i := range q.Usage {
		u := &q.Usage[i]
		if !u.Violated && (!u.Known || u.Policy.Window == 0) {
			continue
		}
		if best == nil || u.nearer(best) {
			best = u
		}
	}
	if best == nil && len(q.Usage) > 0 {
		return &q.Usage[0]
	}
	return best
}

func (u *Usage) nearer(other *Usage) bool {
	if u.Violated || other.Violated {
		return u.Violated && (!other.Violated || other.excess == 0 && (u.excess > 0 || u.RetryAfter > other.RetryAfter))
	}
	return float64(u.Remaining)*float64(other.Policy.Limit) < float64(other.Remaining)*float64(u.Policy.Limit)
}

// Violated returns the names of the policies that rejected the request.
func (q Quota) Violated() []string {
	var names []string
	for _, u := range q.Usage {
		if u.Violated {
			names = append(names, u.Policy.Name)
		}
	}
	return names
}

// sentence describes a rejection to a person.
func (u *Usage) sentence() string {
	switch {
	case u.excess > 0 && u.Policy.Limit > 0:
		return fmt.Sprintf("The request costs %d %s, and the %s never allows more than %d at once", u.excess, u.policy.counts(), u.policy.owner(), u.Policy.most())
	case u.policy.isDescribed(u.Policy.Limit):
		return u.policy.texts.sentence
	}
	return sentence(u.policy, u.Policy.Limit)
}

// owner is the tier or rule that the policy belongs to, in words.
func (p *policy) owner() string {
	if p.tier != "" {
		return "plan " + p.tier
	}
	return "rule " + p.window.Name
}

// counts is what the policy counts, in words.
func (p *policy) counts() string {
	if p.unit == "" {
		return "requests"
	}
	return p.unit
}

func sentence(p *policy, limit int64) string {
	if p.concurrent {
		return fmt.Sprintf("The limit of %d requests at once of the %s is reached", limit, p.owner())
	}
	return fmt.Sprintf("The limit of %d %s per %s of the %s is reached", limit, p.counts(), periodName(p.window.Period), p.owner())
}

// texts are the texts of a policy that do not depend on a request, for one seat.
type texts struct {
	limit     string // in digits
	remaining string // in RateLimit of draft 11, up to what remains
	list      string // all policies of the tier or rule, in RateLimit-Policy
	of        int    // the number of those
	sentence  string // describes a rejection to a person
}

// isDescribed reports whether the policy, with this limit, is what its texts say.
func (p *policy) isDescribed(limit int64) bool {
	return p != nil && p.texts != nil && p.base.Limit == limit
}

// describe makes the texts.
func (p *policies) describe() {
	var all []Usage
	for i := range p.all {
		all = append(all, Usage{Policy: p.all[i].base, Unit: p.all[i].unit})
	}
	list := string(appendPolicies(nil, all))
	for i := range p.all {
		one := &p.all[i]
		one.texts = &texts{
			limit:     strconv.FormatInt(one.base.Limit, 10),
			remaining: string(append(appendString(nil, one.base.Name), remainingIs...)),
			list:      list, of: len(all), sentence: sentence(one, one.base.Limit),
		}
	}
}

// MarshalJSON returns {"policies": [...]} with one object for each policy: name,
// unit, limit, used, remaining, window (seconds) and reset (seconds since 1970).
func (q Quota) MarshalJSON() ([]byte, error) {
	type usage struct {
		Name      string `json:"name"`
		Unit      string `json:"unit,omitempty"`
		Limit     int64  `json:"limit"`
		Used      int64  `json:"used"`
		Remaining int64  `json:"remaining"`
		Window    int64  `json:"window,omitempty"` // seconds
		Reset     int64  `json:"reset,omitempty"`  // seconds since 1970
	}
	body := struct {
		Policies []usage `json:"policies"`
	}{Policies: []usage{}}
	for i := range q.Usage {
		u := &q.Usage[i]
		s := usage{
			Name: u.Policy.Name, Unit: u.Unit, Limit: u.Policy.Limit,
			Used: max(u.Policy.Limit-u.Remaining, 0), Remaining: u.Remaining, Window: fieldvalue.Seconds(u.Policy.Window),
		}
		if u.Policy.Window > 0 {
			s.Reset = q.reset(u)
		}
		body.Policies = append(body.Policies, s)
	}
	return json.Marshal(body)
}

// Write writes the quota as JSON, with its headers and Cache-Control: no-store.
func (q Quota) Write(w http.ResponseWriter) {
	body, _ := q.MarshalJSON() // structs of strings and numbers
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	q.SetHeader(h)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) //nolint:gosec // JSON, and a client that has disconnected is told nothing
}

// NoRetryAfter returns Headers.NoRetryAfter of the Config.
func (q Quota) NoRetryAfter() bool { return q.form.NoRetryAfter }

// reset returns when the whole limit is available again, in seconds since 1970.
func (q *Quota) reset(u *Usage) int64 { return resetAt(q.At, u.ResetAfter) }

func resetAt(at time.Time, after time.Duration) int64 {
	whole := at.Unix() + int64(after/time.Second)
	left := time.Duration(at.Nanosecond()) + after%time.Second
	switch {
	case left > time.Second:
		return whole + 2
	case left > 0:
		return whole + 1
	}
	return whole
}
