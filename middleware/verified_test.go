package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// The hooks for metrics are told of each request, in whatever wire format and on
// whatever route it is decided.
func TestVerifiedAndDecidedAreToldOfEachRequest(t *testing.T) {
	t.Parallel()
	var got []string
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}, ratelimit.Anonymous: {Limit: 1, Period: time.Hour}}
		c.auth.Verified = func(_ context.Context, p tokens.Principal, err error) {
			switch {
			case err != nil:
				got = append(got, "rejected "+string(wire.AsError(err).Reason))
			case p.Subject == "":
				got = append(got, "anonymous")
			default:
				got = append(got, "accepted "+p.Subject)
			}
		}
		c.auth.Decided = func(_ context.Context, v ratelimit.Verdict) {
			if v.Err != nil {
				got = append(got, "limited "+v.Policy)
				return
			}
			got = append(got, "admitted "+v.Tier)
		}
	})
	hello := http.HandlerFunc(d.hello)
	lexik := d.WithDialect(wire.Lexik{}).WithoutCookies()
	good := "Bearer " + string(d.login(t, alice).AccessToken)
	for _, test := range []struct {
		name, authorization string
		handler             http.Handler
		want                []string
	}{
		{"Protect, with a good token", good, d.Protect(hello), []string{"accepted u-alice", "admitted free"}},
		{"Protect, over the limit", good, d.Protect(hello), []string{"accepted u-alice", "limited free"}},
		{"Protect, in another wire format", good, lexik.Protect(hello), []string{"accepted u-alice", "limited free"}},
		{"Protect, with a bad token", "Bearer x", d.Protect(hello), []string{"rejected bearer"}},
		{"Bearer, without a token", "", d.Bearer(hello), []string{"rejected no_bearer"}},
		{"OptionalBearer, without a token", "", d.OptionalBearer(d.Limit(hello)), []string{"anonymous", "admitted anonymous"}},
		{"OptionalBearer, with a good token", good, d.OptionalBearer(hello), []string{"accepted u-alice"}},
		{"OptionalBearer, with an empty token", "Bearer", d.OptionalBearer(hello), []string{"rejected no_bearer"}},
		{"RequireScope in front of Bearer, which verifies nothing", "", d.RequireScope("read")(hello), nil},
	} {
		got = nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if test.authorization != "" {
			r.Header.Set("Authorization", test.authorization)
		}
		test.handler.ServeHTTP(httptest.NewRecorder(), r)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: told %q, want %q", test.name, got, test.want)
		}
	}
}
