package middleware_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// P24, P40: what is wrong is told at start-up, and all of it.
func TestNew(t *testing.T) {
	t.Parallel()
	good := func(t *testing.T) middleware.Config {
		t.Helper()
		return open(t).config.auth
	}
	for _, x := range []struct {
		name string
		edit func(*middleware.Config)
		want string // all of the error; empty: none
	}{
		{"the quick start's Config is good", func(*middleware.Config) {}, ""},
		{
			"an empty Config is told all that is required, at once",
			func(c *middleware.Config) { *c = middleware.Config{} },
			"middleware: Config.Tokens: is required, or Verifier\n" +
				"middleware: Config.ClientIP: is required: it states whom you trust, for instance clientip.RemoteAddr\n" +
				"middleware: Config.Tiers: is required: at least one",
		},
		{
			"all that is out of bounds is told at once",
			func(c *middleware.Config) {
				c.OnCounterFailure, c.CounterTimeout, c.MaxBody, c.Realm, c.Nodes = 4, -1, -1, `a"b`, -1
				c.Tiers = ratelimit.Tiers{"free": {Limit: -1, Period: time.Millisecond, Max: 5}}
			},
			"middleware: Config.Tiers[\"free\"].Limit: must be 0 or more, got -1\n" +
				"middleware: Config.Tiers[\"free\"].Max: must be 0 without PerSeat, got 5\n" +
				"middleware: Config.Tiers[\"free\"].Period: must be whole seconds, got 1ms\n" +
				"middleware: Config.OnCounterFailure: must be FailClosed, FailOpen or FailLocal, got 4\n" +
				"middleware: Config.Nodes: must be the number of processes, 1 or more, got -1\n" +
				"middleware: Config.CounterTimeout: must be a positive time, got -1ns\n" +
				"middleware: Config.MaxBody: must be 1 to 1048576, got -1\n" +
				"middleware: Config.Realm: must be printable ASCII without quotes and backslashes, got \"a\\\"b\"",
		},
		{"FailOpen is a policy", func(c *middleware.Config) { c.OnCounterFailure = ratelimit.FailOpen }, ""},
		{"a policy below the first is none", func(c *middleware.Config) { c.OnCounterFailure = -1 }, "middleware: Config.OnCounterFailure: must be FailClosed, FailOpen or FailLocal, got -1"},
		{"the largest MaxBody is good", func(c *middleware.Config) { c.MaxBody = 1 << 20 }, ""},
		{"a larger one is not", func(c *middleware.Config) { c.MaxBody = 1<<20 + 1 }, "middleware: Config.MaxBody: must be 1 to 1048576, got 1048577"},
		{"a realm of all that may stand between quotes is good", func(c *middleware.Config) { c.Realm = " !#[]~" }, ""},
		{"two account scopes are none", func(c *middleware.Config) { c.AccountScope = "read write" }, `middleware: Config.AccountScope: must be one scope-token of RFC 6749 section 3.3, or empty, got "read write"`},
		{"an account scope with a quote is none", func(c *middleware.Config) { c.AccountScope = `a"` }, `middleware: Config.AccountScope: must be one scope-token of RFC 6749 section 3.3, or empty, got "a\""`},
		{"a realm with a backslash is not", func(c *middleware.Config) { c.Realm = `a\b` }, `middleware: Config.Realm: must be printable ASCII without quotes and backslashes, got "a\\b"`},
		{"a realm with a line end is not", func(c *middleware.Config) { c.Realm = "a\r\nb" }, `middleware: Config.Realm: must be printable ASCII without quotes and backslashes, got "a\r\nb"`},
		{"a realm that is not ASCII is not", func(c *middleware.Config) { c.Realm = "é" }, `middleware: Config.Realm: must be printable ASCII without quotes and backslashes, got "é"`},
		{"a limit of none is good", func(c *middleware.Config) { c.Tiers["none"] = ratelimit.Tier{Period: time.Second} }, ""},
		{"a period of a second and a half is not", func(c *middleware.Config) { c.Tiers["x"] = ratelimit.Tier{Period: 1500 * time.Millisecond} }, `middleware: Config.Tiers["x"].Period: must be whole seconds, got 1.5s`},
		{"no period is not", func(c *middleware.Config) { c.Tiers["x"] = ratelimit.Tier{Limit: 1} }, `middleware: Config.Tiers["x"].Period: is required, in whole seconds`},
		{"a cap below the limit is not", func(c *middleware.Config) {
			c.Tiers["x"] = ratelimit.Tier{Limit: 10, Period: time.Second, PerSeat: true, Max: 9}
		}, `middleware: Config.Tiers["x"].Max: must be Limit (10) or more, got 9`},
		{"a cap of the limit is good", func(c *middleware.Config) {
			c.Tiers["x"] = ratelimit.Tier{Limit: 10, Period: time.Second, PerSeat: true, Max: 10}
		}, ""},
		{"a cap below nothing is not", func(c *middleware.Config) {
			c.Tiers["x"] = ratelimit.Tier{Limit: 0, Period: time.Second, PerSeat: true, Max: -1}
		}, `middleware: Config.Tiers["x"].Max: must be Limit (0) or more, got -1`},
		{"a tier without a name is not", func(c *middleware.Config) { c.Tiers[""] = ratelimit.Tier{Period: time.Second} }, `middleware: Config.Tiers[""]: must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got ""`},
		{"a name that a header cannot hold is not", func(c *middleware.Config) { c.Tiers["größer"] = ratelimit.Tier{Period: time.Second} }, `middleware: Config.Tiers["größer"]: must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got "größer"`},
		{"a name of 64 characters is good", func(c *middleware.Config) { c.Tiers[strings.Repeat("a", 64)] = ratelimit.Tier{Period: time.Second} }, ""},
		{"one of 65 is not", func(c *middleware.Config) { c.Tiers[strings.Repeat("a", 65)] = ratelimit.Tier{Period: time.Second} }, `middleware: Config.Tiers["` + strings.Repeat("a", 65) + `"]: must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got "` + strings.Repeat("a", 65) + `"`},
		{"a name with a percent sign is told as it is", func(c *middleware.Config) { c.Tiers["50%d"] = ratelimit.Tier{Limit: -3, Period: time.Second} }, `middleware: Config.Tiers["50%d"].Limit: must be 0 or more, got -3`},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := good(t)
			x.edit(&c)
			a, err := middleware.New(c)
			switch {
			case x.want == "" && (err != nil || a == nil):
				t.Errorf("error = %v, want none", err)
			case x.want != "" && (err == nil || err.Error() != x.want || a != nil):
				t.Errorf("error =\n%v\nwant\n%s", err, x.want)
			}
		})
	}
	t.Run("nothing changes after New", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.config.auth.Tiers["anonymous"] = ratelimit.Tier{Period: time.Hour}
		clear(d.config.auth.Tiers)
		wantStatus(t, d.call(t, "/limited", "", ""), 200)
	})
}
