package events_test

import (
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestAddressFromReturnsTheAddressOfWithAddress(t *testing.T) {
	t.Parallel()
	if got := events.AddressFrom(t.Context()); got.IsValid() {
		t.Errorf("a context without an address: %v, want the zero address", got)
	}
	want := netip.MustParseAddr("192.0.2.1")
	if got := events.AddressFrom(events.WithAddress(t.Context(), want)); got != want {
		t.Errorf("AddressFrom = %v, want %v", got, want)
	}
}
