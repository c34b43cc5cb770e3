package events_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// A host writes each event to its log. The hook is the Events field of a
// tokens.Config.
func ExampleLog() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	hook := events.Log(log)
	hook(context.Background(), events.Event{Kind: events.Login, UserID: "u1", ClientID: "shop"})
	hook(context.Background(), events.Event{Kind: events.Reuse, UserID: "u1", Generation: 1})
	// Output:
	// level=INFO msg=sallyport event.kind=login event.user=u1 event.client=shop
	// level=WARN msg=sallyport event.kind=reuse event.user=u1 event.generation=1
}
