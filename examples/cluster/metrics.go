package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/sallyport-go/sallyport/middleware/otelauth"
)

// metrics are what a node serves to Prometheus, at an address of its own, because the
// callers of the API need not see them.
type metrics struct {
	*otelauth.Telemetry

	addr   string
	server *http.Server
}

func serveMetrics(ctx context.Context, s secrets) (*metrics, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), Tiers: tiers(s)})
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m := &metrics{telemetry, listener.Addr().String(), &http.Server{Handler: mux, ReadTimeout: 30 * time.Second}}
	go func() { _ = m.server.Serve(listener) }() // until close
	return m, nil
}

func (m *metrics) close() error { return m.server.Close() }

// writeTargets writes where the metrics of the nodes are, as the file_sd_configs of
// Prometheus read it. Nothing is written without a file.
func (c *cluster) writeTargets(file string) error {
	if file == "" {
		return nil
	}
	var all [1]struct {
		Targets []string `json:"targets"`
	}
	for _, node := range c.nodes {
		all[0].Targets = append(all[0].Targets, node.metrics)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil { //nolint:gosec // the path is a flag of the program
		return err
	}
	return os.Rename(file+".new", file) //nolint:gosec // as above
}
