package otelauth

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// labels are attributes by their values, of which those that are empty are left out.
type labels struct {
	kind, reason, policy, tier, outcome string
	operation, failed                   string
	method, route, scheme               string
	status                              int
}

func (l labels) attributes() []attribute.KeyValue {
	var all []attribute.KeyValue
	for _, a := range []attribute.KeyValue{
		kindKey.String(l.kind), reasonKey.String(l.reason), policyKey.String(l.policy), tierKey.String(l.tier), outcomeKey.String(l.outcome),
		operationKey.String(l.operation), errorKey.String(l.failed), methodKey.String(l.method), routeKey.String(l.route), schemeKey.String(l.scheme),
	} {
		if a.Value.AsString() != "" {
			all = append(all, a)
		}
	}
	if l.status != 0 {
		all = append(all, statusKey.Int(l.status))
	}
	return all
}

// set is labels as the instruments and the tracer take them.
type set struct {
	attributes []attribute.KeyValue
	add        []metric.AddOption
	record     []metric.RecordOption
	start      []trace.SpanStartOption
}

// sets remembers each set, so that measuring makes no garbage of its own. There are as few
// of them as there are series.
type sets struct {
	mu  sync.Mutex
	all atomic.Pointer[map[labels]*set] // replaced, so that it is read without a lock
}

func (s *sets) of(l labels) *set {
	if all := s.all.Load(); all != nil {
		if known := (*all)[l]; known != nil {
			return known
		}
	}
	return s.make(l)
}

func (s *sets) make(l labels) *set {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[labels]*set{}
	if before := s.all.Load(); before != nil {
		maps.Copy(all, *before)
	}
	if all[l] == nil {
		attributes := l.attributes()
		option := metric.WithAttributeSet(attribute.NewSet(attributes...))
		all[l] = &set{
			attributes, []metric.AddOption{option}, []metric.RecordOption{option}, []trace.SpanStartOption{trace.WithAttributes(l.attributes()...)},
		}
		s.all.Store(&all)
	}
	return all[l]
}
