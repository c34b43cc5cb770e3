// Package operations has what a host needs to watch Sallyport with Prometheus and
// Grafana: alert rules (rules.yml) with their tests, a dashboard (dashboard.json), and a
// configuration that scrapes examples/cluster (prometheus.yml). It has no code. Its test
// lets a real Prometheus scrape a real cluster.
package operations
