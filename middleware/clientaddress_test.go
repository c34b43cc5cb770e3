package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// P40, too.
func TestF3WhateverHeadersAClientSendsItIsCountedOnce(t *testing.T) {
	t.Parallel()
	proxied, err := clientip.BehindProxies(clientip.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, clientIP := range map[string]func(*http.Request) (netip.Addr, error){"RemoteAddr": clientip.RemoteAddr, "BehindProxies": proxied} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.ClientIP = clientIP
				c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 1000, Period: time.Hour}}
			})
			for i := range 1001 {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/limited", http.NoBody)
				r.RemoteAddr = "192.0.2.1:1"
				for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"} {
					r.Header.Set(name, "198.51."+strconv.Itoa(i/256)+"."+strconv.Itoa(i%256))
				}
				r.Header.Set("Forwarded", "for=198.51."+strconv.Itoa(i/256)+"."+strconv.Itoa(i%256))
				want := http.StatusOK
				if i == 1000 {
					want = http.StatusTooManyRequests
				}
				wantStatus(t, d.send(r), want)
			}
		})
	}
}
