package otelauth

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// timer measures the calls of the store or of the counters.
type timer struct {
	t       *Telemetry
	of      string // the name of what is called
	seconds metric.Float64Histogram
}

// call is one call that is measured.
type call struct {
	timer     *timer
	ctx       context.Context //nolint:containedctx // for as long as the call lasts
	span      trace.Span
	operation string
	began     time.Time
}

// begin begins a call, with a context for what it calls.
func (m *timer) begin(ctx context.Context, operation string) (context.Context, call) {
	inner, span := m.t.tracer.Start(ctx, //nolint:spancheck // end ends it
		m.of+" "+operation, trace.WithAttributes(operationKey.String(operation)))
	return inner, call{ //nolint:spancheck // end ends the span
		timer: m, ctx: ctx, span: span, operation: operation, began: m.t.now(),
	}
}

// end ends a call. failed is the type of its error; empty: it has not failed.
func (c *call) end(failed string) {
	attributes := []attribute.KeyValue{operationKey.String(c.operation)}
	if failed != "" {
		attributes = append(attributes, errorKey.String(failed))
		c.span.SetAttributes(errorKey.String(failed))
		c.span.SetStatus(codes.Error, "") // never the text: a driver's may have anything in it
	}
	c.span.End()
	c.timer.seconds.Record(c.ctx, c.timer.t.now().Sub(c.began).Seconds(), metric.WithAttributeSet(attribute.NewSet(attributes...)))
}
