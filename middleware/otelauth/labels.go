package otelauth

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// The attributes of Sallyport's own metrics and spans.
const (
	kindKey      = attribute.Key("sallyport.event.kind")
	reasonKey    = attribute.Key("sallyport.reason")
	policyKey    = attribute.Key("sallyport.policy")
	tierKey      = attribute.Key("sallyport.tier")
	outcomeKey   = attribute.Key("sallyport.outcome")
	operationKey = attribute.Key("sallyport.operation")
)

// errorKey is the attribute of the semantic conventions for what has failed.
const errorKey = attribute.Key("error.type")

// other is the value of an attribute whose value is not known beforehand, as in the
// semantic conventions.
const other = "_OTHER"

// budgets are the policies of brute-force protection, and wider the suffixes that they
// have for the networks of an IPv6 address.
var (
	budgets = []string{"address", "login", "pair", "known", "allknown", "client", "token", "success"}
	wider   = []string{"", "/56", "/48"}
)

// names are the values of attributes that are known beforehand.
type names struct {
	kinds    map[events.Kind]bool
	tiers    map[string]bool
	policies map[string]bool
}

func newNames(c Config) names {
	n := names{kinds: map[events.Kind]bool{}, tiers: map[string]bool{"": true}, policies: map[string]bool{"": true}}
	for _, kind := range events.Kinds() {
		n.kinds[kind] = true
	}
	for name := range c.Tiers {
		n.tiers[name] = true
	}
	for _, name := range c.Tiers.PolicyNames(c.Limits...) {
		n.policies[name] = true
	}
	for _, budget := range budgets {
		for _, suffix := range wider {
			n.policies["bruteforce/"+budget+suffix] = true
		}
	}
	return n
}

func (n *names) kind(k events.Kind) string {
	if n.kinds[k] {
		return string(k)
	}
	return other
}

func (n *names) tier(name string) string {
	if n.tiers[name] {
		return name
	}
	return other
}

func (n *names) policy(name string) string {
	if n.policies[name] {
		return name
	}
	return other
}

// reasonOf returns the reason of a rejection. One that is not of package wire is the
// host's own.
func reasonOf(err error) string {
	reason := wire.AsError(err).Reason
	if wire.NewError(reason, nil).Status == 0 {
		return other
	}
	return string(reason)
}

// labels are the attributes of a counter, of which those that are empty are left out.
type labels struct{ kind, reason, policy, tier, outcome string }

func (l labels) attributes() []attribute.KeyValue {
	var all []attribute.KeyValue
	for _, a := range []attribute.KeyValue{
		kindKey.String(l.kind), reasonKey.String(l.reason), policyKey.String(l.policy), tierKey.String(l.tier), outcomeKey.String(l.outcome),
	} {
		if a.Value.AsString() != "" {
			all = append(all, a)
		}
	}
	return all
}

// sets remembers the attributes of counters, so that counting allocates nothing. There
// are as few of them as there are series.
type sets struct{ all sync.Map } // of labels: []metric.AddOption

func (s *sets) of(l labels) []metric.AddOption {
	if known, ok := s.all.Load(l); ok {
		return known.([]metric.AddOption) //nolint:forcetypeassert // nothing else is stored
	}
	made := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(l.attributes()...))}
	s.all.Store(l, made)
	return made
}
