package ratelimit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// Anonymous is the tier of callers who are not authenticated. They are counted by
// address.
const Anonymous = "anonymous"

// Tiers maps the name of a tier, as callers and tokens have it, to its limits. A
// name has 1 to 64 printable ASCII characters without quotes and backslashes.
// Callers who are not authenticated have the tier [Anonymous]; without that tier
// they get 401.
type Tiers map[string]Tier

// Tier is a number of requests in a period, for example 500 an hour.
type Tier struct {
	// Limit is how many requests are admitted in a period, 0 or more. Zero: none.
	Limit int64

	// Period is required: the length of the window, in whole seconds, from 1 s to
	// MaxWindow.
	Period time.Duration

	// PerSeat multiplies Limit by the seats of the account. Zero seats and less
	// count as 1.
	PerSeat bool

	// Max is the maximum of Limit times seats. It requires PerSeat, and must be
	// Limit or more. Zero: no maximum.
	Max int64

	// Algorithm says how the window is measured. The zero value is FixedWindow.
	Algorithm Algorithm

	// Burst is for GCRA: how much may be spent at once, from 1 to Limit. Zero:
	// Limit.
	Burst int64

	// Also are more windows, for example 10 requests a second beside 500 an hour. A
	// request is counted in all of them or, if one rejects it, in none. No two
	// windows of a tier may have the same Period and Algorithm.
	Also []Window

	// By selects the counter. The zero value counts by account, and by client
	// address if the caller is not authenticated.
	By By

	// Concurrent is how many requests of one caller may be in progress at once, in
	// this process. Zero: any number.
	Concurrent int

	// Shadow is shadow mode: the tier counts and reports what it would reject as
	// EventShadowLimited, but rejects nothing and sends no headers.
	Shadow bool
}

// Window is one more window of a Tier.
type Window struct {
	// Name is its name in headers and events, 1 to 64 printable ASCII characters
	// without quotes and backslashes. Empty: the tier's name and the period, for
	// example "free-second".
	Name string

	// Limit is how many requests are admitted in a period, as in a Tier. Zero: none.
	Limit int64

	// Period is required: the length of the window, as in a Tier.
	Period time.Duration

	// PerSeat multiplies Limit by the seats of the account, as in a Tier.
	PerSeat bool

	// Max is the maximum of Limit times seats, as in a Tier. Zero: no maximum.
	Max int64

	// Algorithm says how the window is measured. The zero value is FixedWindow.
	Algorithm Algorithm

	// Burst is for GCRA, as in a Tier. Zero: Limit.
	Burst int64
}

// PolicyNames returns the names that policies of the tiers and of limits have in
// headers, events and a [Verdict], sorted and without duplicates: those of the tiers,
// of their windows, of the rules, and of the limits of concurrent requests. It is for
// metrics whose labels must be known beforehand. Tiers that Config.Override makes up
// are not in it.
func (t Tiers) PolicyNames(limits ...LimitConfig) []string {
	var names []string
	for name, tier := range t {
		names = newTier(name, tier).policies.names(names)
	}
	for _, l := range limits {
		for _, r := range l.Rules {
			rule := newRule(r)
			names = rule.names(names)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// names appends the names of the policies.
func (p *policies) names(dst []string) []string {
	for i := range p.all {
		dst = append(dst, p.all[i].window.Name)
	}
	return dst
}

func (t Tiers) check(counters Counters, complain complaint) {
	if len(t) == 0 {
		complain("Tiers", "is required: at least one")
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		path := fmt.Sprintf("Tiers[%q]", name)
		checkName(path, name, complain)
		t[name].check(path, name, counters, complain)
	}
}

func (t Tiers) checkFallback(name string, complain complaint) {
	if _, ok := t[name]; name != "" && (!ok || name == Anonymous) {
		complain("FallbackTier", "must be the name of a tier in Tiers other than %q, got %q", Anonymous, name)
	}
}

func checkName(path, name string, complain complaint) {
	if name == "" || len(name) > 64 || !fieldvalue.IsQuotable(name) {
		complain(path, "must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got %q", name)
	}
}

func (t Tier) check(path, name string, counters Counters, complain complaint) {
	windows := t.windows(name)
	for i, w := range windows {
		at := path
		if i > 0 {
			at = fmt.Sprintf("%s.Also[%d]", path, i-1)
			checkName(at+".Name", w.Name, complain)
		}
		w.check(at, counters, complain)
		for _, other := range windows[:i] {
			if w.Period == other.Period && w.Algorithm == other.Algorithm {
				complain(at+".Period", "must differ from that of %q, with which it would share a counter, got %v twice", other.Name, w.Period)
			}
			if w.Name == other.Name {
				complain(at+".Name", "must be unique in the tier, got %q twice", w.Name)
			}
		}
	}
	t.By.check(path+".By", complain)
	if t.Concurrent < 0 {
		complain(path+".Concurrent", "must be 0 or more, got %d", t.Concurrent)
	}
}

func (w Window) check(path string, counters Counters, complain complaint) {
	if w.Limit < 0 {
		complain(path+".Limit", "must be 0 or more, got %d", w.Limit)
	}
	switch {
	case w.Max != 0 && !w.PerSeat:
		complain(path+".Max", "must be 0 without PerSeat, got %d", w.Max)
	case w.Max != 0 && w.Max < w.Limit:
		complain(path+".Max", "must be Limit (%d) or more, got %d", w.Limit, w.Max)
	}
	policy := w.policy(1)
	if wrong := policy.invalid(); wrong != nil {
		field := strings.TrimPrefix(wrong.Path, "Policy")
		if field == ".Window" {
			field = ".Period"
		}
		complain(path+field, "%s", wrong.Problem)
	} else if err := counters.Check(policy); err != nil {
		complain(path+".Algorithm", "must be one that the Counters support: %v", err)
	}
}
