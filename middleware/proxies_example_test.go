package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/sallyport-go/sallyport/middleware"
)

// A host behind a load balancer says where that connects from. It goes into
// Config.ClientIP.
func ExampleBehindProxies() {
	clientIP, err := middleware.BehindProxies(middleware.Proxies{
		Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.0.0.7:4711"
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 198.51.100.1") // the first is the client's invention
	fmt.Println(clientIP(r))
	r.RemoteAddr = "203.0.113.9:4711" // not from the load balancer
	fmt.Println(clientIP(r))
	// Output:
	// 198.51.100.1 <nil>
	// 203.0.113.9 <nil>
}
