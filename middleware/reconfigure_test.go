package middleware_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestReconfigure(t *testing.T) {
	t.Parallel()
	limited := func(limit int64) ratelimit.Tiers { return ratelimit.Tiers{"free": {Limit: limit, Period: time.Hour}} }

	t.Run("it holds in every wire format, and its event names what has changed", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Tiers = limited(1) })
		other := d.WithDialect(wire.Lexik{}).WithoutCookies().Limit(handler)
		wantStatus(t, d.by(t, alice, other, "GET", "/"), http.StatusOK)
		wantStatus(t, d.by(t, alice, other, "GET", "/"), http.StatusTooManyRequests)
		d.journal.Take()
		if err := d.Reconfigure(t.Context(), ratelimit.Settings{Tiers: limited(2)}); err != nil {
			t.Fatal(err)
		}
		if all := d.journal.Take(); len(all) != 1 || all[0].Kind != events.Reconfigured || all[0].Changed != `Tiers["free"]` || all[0].At.IsZero() {
			t.Errorf("events %+v", all)
		}
		wantStatus(t, d.by(t, alice, other, "GET", "/"), http.StatusOK)
		wantStatus(t, d.by(t, alice, other, "GET", "/"), http.StatusTooManyRequests)
	})

	t.Run("what is wrong is told as New tells it", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		err := d.Reconfigure(t.Context(), ratelimit.Settings{Tiers: limited(-1), FallbackTier: "gold"})
		const want = "middleware: Settings.Tiers[\"free\"].Limit: must be 0 or more, got -1\n" +
			"middleware: Settings.FallbackTier: must be the name of a tier in Tiers other than \"anonymous\", got \"gold\""
		if errorText(err) != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
		if e, ok := errors.AsType[*middleware.ConfigError](err); !ok || *e != (configerror.Error{Package: "middleware", Path: `Settings.Tiers["free"].Limit`, Problem: "must be 0 or more, got -1"}) {
			t.Errorf("got %+v", e)
		}
	})
}

// A row of a database was renamed; the tokens still have the old name.
func TestFaultC2ARenamedTierIsNoOutage(t *testing.T) {
	t.Parallel()
	renamed := func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"basic": {Limit: 1, Period: time.Hour}}
	}
	t.Run("the user counts under the fallback, with an event", func(t *testing.T) {
		t.Parallel()
		d := open(t, renamed, func(c *config) { c.auth.FallbackTier = "basic" })
		pair := d.login(t, alice)
		wantStatus(t, d.call(t, "/me", pair.AccessToken, ""), http.StatusOK)
		wantStatus(t, d.call(t, "/me", pair.AccessToken, ""), http.StatusTooManyRequests)
		all := d.journal.Take()
		if e := all[1]; e.Kind != events.UnknownTier || e.Policy != "basic" || e.UserID != alice.ID || e.Err == nil {
			t.Errorf("events %+v", all)
		}
	})
	t.Run("500 is for hosts that name none", func(t *testing.T) {
		t.Parallel()
		d := open(t, renamed)
		wantStatus(t, d.call(t, "/me", d.login(t, alice).AccessToken, ""), http.StatusInternalServerError)
	})
}

func TestFaultC14ACostAboveTheLimitHasNoRetryAfter(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]wire.Dialect{"OAuth2": wire.OAuth2{}, "Lexik": wire.Lexik{}, "FastAPI": wire.FastAPI{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect), func(c *config) { c.auth.Limit.Cost = func(*http.Request) int64 { return 501 } })
			w := d.by(t, alice, d.Limit(handler), "GET", "/")
			wantStatus(t, w, http.StatusTooManyRequests)
			if w.Header().Get("Retry-After") != "" {
				t.Errorf("Retry-After: %s", w.Header().Get("Retry-After"))
			}
			d.journal.WantKinds(t, events.CostAboveLimit)
		})
	}
}
