package clientip_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/middleware/clientip"
)

func TestRemoteAddr(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ remote, want string }{
		{"192.0.2.1:1234", "192.0.2.1"},
		{"[2001:db8::1]:1234", "2001:db8::1"},
		{"[fe80::1%eth0]:80", "fe80::1%eth0"},
		{"[::ffff:192.0.2.1]:80", "192.0.2.1"},
		{"192.0.2.1", "192.0.2.1"},
		{"", ""},
		{"@", ""},
		{"localhost:80", ""},
		{"192.0.2.1:port", ""},
	} {
		t.Run("of "+x.remote+" it is "+x.want, func(t *testing.T) {
			t.Parallel()
			r := from(t, x.remote, "X-Forwarded-For: 198.51.100.1")
			a, err := clientip.RemoteAddr(r)
			if (err == nil) != (x.want != "") || err == nil && a.String() != x.want {
				t.Errorf("%v, %v", a, err)
			}
		})
	}
}
