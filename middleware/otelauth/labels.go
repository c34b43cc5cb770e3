package otelauth

import (
	"go.opentelemetry.io/otel/attribute"

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

// Those of the semantic conventions.
const (
	errorKey  = attribute.Key("error.type")
	methodKey = attribute.Key("http.request.method")
	statusKey = attribute.Key("http.response.status_code")
	routeKey  = attribute.Key("http.route")
	schemeKey = attribute.Key("url.scheme")
)

// panicked is the errorKey of what has panicked.
const panicked = "panic"

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
