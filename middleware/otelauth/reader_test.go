package otelauth_test

import (
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// reader is a MeterProvider whose metrics a test reads.
type reader struct {
	manual   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

func newReader() reader {
	manual := sdkmetric.NewManualReader()
	return reader{manual, sdkmetric.NewMeterProvider(sdkmetric.WithReader(manual))}
}

func (r reader) collect(tb testing.TB) metricdata.ResourceMetrics {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := r.manual.Collect(tb.Context(), &all); err != nil {
		tb.Fatal(err)
	}
	return all
}
