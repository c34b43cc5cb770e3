package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// noting are Counters that note what they are asked.
type noting struct {
	ratelimit.Counters

	asked []ratelimit.Charge
}

func (n *noting) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	n.asked = append(n.asked, charges...)
	return n.Counters.Take(ctx, charges, dst)
}

func TestFaultA1LimitsByAddressTakeTheirOwnCapacity(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"192.0.2.77:1":          {"address/192.0.2.77/32", "192.0.2.0/24"},
		"[2001:db8:1:2:3::4]:1": {"address/2001:db8:1:2::/64", "2001:db8:1::/48"},
	} {
		n := &noting{Counters: ratelimit.Memory()}
		l, err := ratelimit.New(ratelimit.Config{
			Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 5, Period: time.Hour}},
			Counters: n, ClientIP: clientip.RemoteAddr,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = address
		l.Limit(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		if len(n.asked) != 1 {
			t.Fatalf("%s: %+v", address, n.asked)
		}
		if c := n.asked[0]; c.Group != ratelimit.GroupAddresses || c.Source != want[1] || len(c.Key) < len(want[0]) || c.Key[len(c.Key)-len(want[0]):] != want[0] {
			t.Errorf("%s: %+v", address, c)
		}
	}
}
