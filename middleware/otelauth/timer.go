package otelauth

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
)

// timer measures the calls of the store or of the counters.
type timer struct {
	t       *Telemetry
	prefix  string             // of the names of the spans
	failure func(error) string // the type of an error; empty: it is an answer
	seconds metric.Float64Histogram
}

// measured is a call that returns a value.
func measured[T any](ctx context.Context, m *timer, operation string, do func(context.Context) (T, error)) (T, error) {
	began, failed := m.t.now(), panicked
	inner, span := m.t.tracer.Start(ctx, m.prefix+operation, m.t.sets.of(labels{operation: operation}).start...)
	defer func() {
		if failed != "" {
			span.SetAttributes(errorKey.String(failed))
			span.SetStatus(codes.Error, "") // never the text: a driver's may have anything in it
		}
		span.End()
		m.seconds.Record(ctx, m.t.now().Sub(began).Seconds(), m.t.sets.of(labels{operation: operation, failed: failed}).record...)
	}()
	result, err := do(inner)
	failed = m.failure(err)
	return result, err
}

// measuredWrite is a call that returns none.
func measuredWrite(ctx context.Context, m *timer, operation string, do func(context.Context) error) error {
	_, err := measured(ctx, m, operation, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}
