package events_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// A caller without a token can be rejected as often as it likes. Each rejection is an
// event, and the log is not flooded.
func TestFaultC1AFloodOfRefusalsIsNoFloodOfLines(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	hook := events.Log(slog.New(slog.NewTextHandler(&text, nil)))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	send := func(n int, kind events.Kind, at time.Time) []string {
		text.Reset()
		for range n {
			hook(t.Context(), events.Event{Kind: kind, At: at})
		}
		return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	}
	for _, kind := range []events.Kind{
		events.BearerRefused, events.AccessRefused, events.RequestRefused, events.RefreshRefused, events.Throttled,
		events.Limited, events.ShadowLimited, events.ClientGone, events.StoreFailure, events.CounterFailure, events.Fault,
	} {
		if got := send(1000, kind, at); len(got) != 10 {
			t.Errorf("%s: %d lines of 1000 events in one second, want 10", kind, len(got))
		}
		got := send(3, kind, at.Add(time.Second))
		if len(got) != 3 || !strings.HasSuffix(got[0], "omitted=990") || strings.Contains(got[1], "omitted") {
			t.Errorf("%s: a second later the lines are %q, want 3, the first with the number of those left out", kind, got)
		}
		if got := send(1, kind, at.Add(-time.Hour)); len(got) != 1 || got[0] == "" {
			t.Errorf("%s: after the clock was set back, nothing is written", kind)
		}
	}
	for _, kind := range []events.Kind{events.Login, events.LoginRefused, events.Reuse, events.KeyRefused, events.ClientRefused, events.Logout} {
		if got := send(100, kind, at); len(got) != 100 {
			t.Errorf("%s: %d lines of 100 events, want all", kind, len(got))
		}
	}
}
