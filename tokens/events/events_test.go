package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		event events.Event
		want  map[string]any
	}{
		{
			"an event without anything is its kind",
			events.Event{Kind: events.Login},
			map[string]any{"level": "INFO", "event": map[string]any{"kind": "login"}},
		},
		{
			"an event with everything has it all",
			events.Event{
				Kind: events.Reuse, At: time.Now(), UserID: "u", Account: "a", ClientID: "c", KeyID: "k", Successor: "k2", SessionID: "s", LoginPseudonym: "l",
				Generation: 7, Policy: "p", Address: netip.MustParseAddr("2001:db8::1"), Err: errors.New("store: conflict"),
			},
			map[string]any{"level": "WARN", "event": map[string]any{
				"kind": "reuse", "user": "u", "account": "a", "client": "c", "key": "k", "successor": "k2", "login": "l", "session": "s", "policy": "p",
				"generation": 7.0, "address": "2001:db8::1", "error": "store: conflict",
			}},
		},
		{"a failure of the store is a warning", events.Event{Kind: events.StoreFailure}, map[string]any{"level": "WARN", "event": map[string]any{"kind": "store_failure"}}},
		{"a failure of the counters is a warning", events.Event{Kind: events.CounterFailure}, map[string]any{"level": "WARN", "event": map[string]any{"kind": "counter_failure"}}},
		{"a proxy that says nothing of use is a warning", events.Event{Kind: events.ProxyFault}, map[string]any{"level": "WARN", "event": map[string]any{"kind": "proxy_fault"}}},
		{"a fault of the host's is a warning", events.Event{Kind: events.Fault}, map[string]any{"level": "WARN", "event": map[string]any{"kind": "fault"}}},
		{"a refusal is none", events.Event{Kind: events.LoginRefused}, map[string]any{"level": "INFO", "event": map[string]any{"kind": "login_refused"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			events.Log(slog.New(slog.NewJSONHandler(&text, nil)))(t.Context(), test.event)
			var got map[string]any
			if err := json.Unmarshal(text.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "time")
			test.want["msg"] = "sallyport"
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("the line is %v\nwant        %v", got, test.want)
			}
		})
	}
}

func TestKindsHasEveryKind(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("events.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []events.Kind
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +Kind = "(\w+)"`).FindAllSubmatch(source, -1) {
		want = append(want, events.Kind(m[1]))
	}
	if got := events.Kinds(); len(want) < 30 || !slices.Equal(got, want) {
		t.Errorf("Kinds() = %q\nthe constants are %q", got, want)
	}
}
