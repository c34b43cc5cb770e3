package clientip_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/sallyport-go/sallyport/middleware/clientip"
)

// A server that its clients reach directly reads the address of the connection.
func ExampleRemoteAddr() {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header.Set("X-Forwarded-For", "1.2.3.4") // any client can write this
	fmt.Println(clientip.RemoteAddr(r))
	// Output:
	// 203.0.113.9 <nil>
}

// A host behind a load balancer names the network that it connects from. The
// result is the ClientIP of a middleware.Config.
func ExampleBehindProxies() {
	clientIP, err := clientip.BehindProxies(clientip.Proxies{
		Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.0.0.7:4711"
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 198.51.100.1") // the first was written by the client
	fmt.Println(clientIP(r))
	r.RemoteAddr = "203.0.113.9:4711" // not from the load balancer
	fmt.Println(clientIP(r))
	// Output:
	// 198.51.100.1 <nil>
	// 203.0.113.9 <nil>
}
