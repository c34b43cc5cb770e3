package otelauth

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

// reportAge reports the age of the key that signs, whenever metrics are collected.
func reportAge(meter metric.Meter, c Config) error {
	_, err := meter.Float64ObservableGauge("sallyport.signing_key.age",
		metric.WithUnit("s"), metric.WithDescription("Time since the key that signs access tokens began to sign."),
		metric.WithFloat64Callback(func(ctx context.Context, o metric.Float64Observer) error {
			set, err := c.Keys.KeySet(ctx, "")
			if err != nil || set == nil {
				return nil //nolint:nilerr // nothing is known now, and the cause is not for the SDK's log
			}
			now := c.Now()
			if key := set.Signer(now); key != nil && !key.SignsFrom().IsZero() {
				o.Observe(now.Sub(key.SignsFrom()).Seconds())
			}
			return nil
		}))
	return err
}
