package otelauth

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Events returns an Events hook that counts each event, adds it to the current span,
// and then calls next. Nil next: nothing is called. The hook is safe for concurrent use
// if next is.
func (t *Telemetry) Events(next func(context.Context, events.Event)) func(context.Context, events.Event) {
	return func(ctx context.Context, e events.Event) {
		l := labels{kind: t.names.kind(e.Kind), policy: t.names.policy(e.Policy)}
		if refuses(e.Kind) && e.Err != nil {
			l.reason = reasonOf(e.Err)
		}
		known := t.sets.of(l)
		t.events.Add(ctx, 1, known.add...)
		if span := trace.SpanFromContext(ctx); span.IsRecording() {
			span.AddEvent("sallyport."+l.kind, trace.WithAttributes(known.attributes...))
		}
		if next != nil {
			next(ctx, e)
		}
	}
}

// refuses reports whether events of this kind are rejections whose reason is worth a
// series.
func refuses(k events.Kind) bool {
	switch k {
	case events.LoginRefused, events.RefreshRefused, events.KeyRefused, events.ClientRefused,
		events.BearerRefused, events.AccessRefused, events.RequestRefused:
		return true
	}
	return false
}

// Verified counts what was decided about an access token. It is the Verified of a
// middleware.Config. It is safe for concurrent use.
func (t *Telemetry) Verified(ctx context.Context, p tokens.Principal, err error) {
	outcome := "accepted"
	switch {
	case err != nil:
		outcome = reasonOf(err)
	case p.Subject == "":
		outcome = "anonymous"
	}
	t.checks.Add(ctx, 1, t.sets.of(labels{outcome: outcome}).add...)
}

// Decided counts what a rate limit has decided. It is the Decided of a
// middleware.Config, or of a ratelimit.Config. It is safe for concurrent use.
func (t *Telemetry) Decided(ctx context.Context, v ratelimit.Verdict) {
	t.decisions.Add(ctx, 1, t.sets.of(labels{tier: t.names.tier(v.Tier), policy: t.names.policy(v.Policy), outcome: outcomeOf(v)}).add...)
}

func outcomeOf(v ratelimit.Verdict) string {
	if v.Err == nil {
		if v.Uncounted {
			return "uncounted"
		}
		return "admitted"
	}
	e, ok := errors.AsType[*ratelimit.Error](v.Err)
	if !ok {
		return "refused" // by a function of the host
	}
	switch e.Reason {
	case ratelimit.ReasonLimited:
		return "limited"
	case ratelimit.ReasonUnauthenticated:
		return "unauthenticated"
	case ratelimit.ReasonUnavailable:
		return "unavailable"
	case ratelimit.ReasonAddress:
		return "malformed"
	default:
		return "misconfigured"
	}
}

// CounterWaited records how long a decision waited for a connection to the counters. It
// is the OnWait of a rediscounters.Config. It is safe for concurrent use.
func (t *Telemetry) CounterWaited(d time.Duration) {
	t.waits.Record(context.Background(), d.Seconds())
}
