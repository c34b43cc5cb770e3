package otelauth_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A host that imports this package links the API of OpenTelemetry, and neither its SDK
// nor its globals.
func TestOnlyTheAPIOfOpenTelemetryIsLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	slices.Sort(linked)
	want := []string{
		"github.com/cespare/xxhash/v2", // of the API
		"github.com/golang-jwt/jwt/v5",
		"github.com/pkg/errors",
		"github.com/sallyport-go/sallyport",
		"github.com/sallyport-go/sallyport/middleware/otelauth",
		"github.com/ulule/limiter/v3",
		"go.opentelemetry.io/otel",
		"go.opentelemetry.io/otel/metric",
		"go.opentelemetry.io/otel/trace",
	}
	if got := slices.Compact(linked); !slices.Equal(got, want) {
		t.Errorf("linked are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
