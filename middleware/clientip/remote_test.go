package clientip_test

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/clientip"
)

// TestRemoteAddrReadsAddressesAsTheStandardLibraryDoes changes single characters of
// addresses at random: what RemoteAddr accepts, and returns, is what package netip does.
func TestRemoteAddrReadsAddressesAsTheStandardLibraryDoes(t *testing.T) {
	t.Parallel()
	const alphabet = "0123456789.:[]%a "
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 20_000 {
		remote := []byte([]string{"192.0.2.1:1234", "255.249.10.0:65535", "1.2.3.4:0", "10.200.30.40:80"}[random.IntN(4)])
		for range random.IntN(3) {
			at := random.IntN(len(remote))
			switch random.IntN(3) {
			case 0:
				remote[at] = alphabet[random.IntN(len(alphabet))]
			case 1:
				remote = append(remote[:at], remote[at+1:]...)
			default:
				remote = append(remote[:at+1], remote[at:]...)
			}
		}
		got, err := clientip.RemoteAddr(&http.Request{RemoteAddr: string(remote)})
		want, wantErr := netip.ParseAddrPort(string(remote))
		if wantErr == nil {
			accepted++
		} else if a, err := netip.ParseAddr(string(remote)); err == nil {
			want, wantErr = netip.AddrPortFrom(a, 0), nil
		}
		if bracketed := remote[0] == '['; bracketed && wantErr != nil {
			continue // RemoteAddr removes brackets
		}
		if (err == nil) != (wantErr == nil) || err == nil && got != want.Addr().Unmap() {
			t.Fatalf("%q: %v, %v; netip: %v, %v", remote, got, err, want, wantErr)
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d addresses were valid", accepted)
	}
}
