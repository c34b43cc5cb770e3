package middleware_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// D187: who came from where.
func TestEvents(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		request string
		want    events.Kind
	}{
		{"POST /login\n" + form + "\n\n" + goodLexikForm, events.Login},
		{"POST /login\n" + form + "\n\n_username=alice&_password=wrong", events.LoginRefused},
		{"POST /refresh\n" + form + "\n\nrefresh_token={refresh}", events.Refresh},
		{"POST /refresh\n" + form + "\n\nrefresh_token={revoked}", events.RefreshRefused},
		{"POST /refresh\n" + form + "\n\nrefresh_token={key}", events.KeyExchange},
		{"POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}", events.Refresh},
		{"POST /token\n" + form + "\n\ngrant_type=password&" + goodForm, events.Login},
		{"POST /logout\n" + form + "\n\nrefresh_token={refresh}", events.Logout},
		{"POST /everywhere\nAuthorization: Bearer {access}\n\n", events.LogoutEverywhere},
	} {
		t.Run("a "+string(x.want)+" by "+x.request[5:11]+" names the address that the host trusts", func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(wire.Lexik{}), func(c *config) {
				c.auth.PasswordGrant = true
				c.auth.ClientIP = func(r *http.Request) (netip.Addr, error) { return netip.ParseAddr(r.Header.Get("X-Real-Ip")) }
			})
			r := request(t, d.fill(t, x.request))
			r.Header.Set("X-Real-Ip", "203.0.113.9")
			d.journal.Take()
			d.send(r)
			if e := d.journal.WantKinds(t, x.want); len(e) == 1 && e[0].Address != netip.MustParseAddr("203.0.113.9") {
				t.Errorf("address = %v", e[0].Address)
			}
		})
	}
	t.Run("where the address cannot be told a refresh goes on without it", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := request(t, d.fill(t, "POST /refresh\nrefresh-token: {refresh}\n\n"))
		d.journal.Take()
		r.RemoteAddr = "@"
		wantStatus(t, d.send(r), http.StatusOK)
		if e := d.journal.WantKinds(t, events.Refresh); len(e) == 1 && e[0].Address.IsValid() {
			t.Errorf("address = %v", e[0].Address)
		}
	})
}
