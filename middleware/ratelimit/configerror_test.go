package ratelimit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// wrongLimits are what can be wrong with a LimitConfig, below a path.
func wrongLimits[C any](path string, of func(*C) *ratelimit.LimitConfig) []configtest.Case[C] {
	rule := func(edit func(*ratelimit.Rule)) func(*C) {
		return func(c *C) { edit(&of(c).Rules[0]) }
	}
	return []configtest.Case[C]{
		{Name: "no rule", Path: path + "Rules", Got: "got none", Edit: func(c *C) { of(c).Rules, of(c).WithoutTier = nil, true }, Alone: true},
		{Name: "no name", Path: path + "Rules[0].Name", Got: `got ""`, Edit: rule(func(r *ratelimit.Rule) { r.Name = "" })},
		{Name: "the name of another", Path: path + "Rules[1].Name", Got: `"writes" twice`, Edit: func(c *C) { of(c).Rules[1].Name = "writes" }, Alone: true},
		{Name: "less than nothing", Path: path + "Rules[0].Limit", Got: "got -1", Edit: rule(func(r *ratelimit.Rule) { r.Limit = -1 })},
		{Name: "no period", Path: path + "Rules[0].Period", Got: "is required", Edit: rule(func(r *ratelimit.Rule) { r.Period = 0 }), Alone: true},
		{Name: "a fraction of a second", Path: path + "Rules[0].Period", Got: "got 1.5s", Edit: rule(func(r *ratelimit.Rule) { r.Period = 1500 * time.Millisecond })},
		{Name: "an algorithm that is none", Path: path + "Rules[0].Algorithm", Got: "Algorithm(9)", Edit: rule(func(r *ratelimit.Rule) { r.Algorithm = 9 }), Alone: true},
		{Name: "a burst of a fixed window", Path: path + "Rules[0].Burst", Got: "got 2", Edit: rule(func(r *ratelimit.Rule) { r.Burst = 2 }), Alone: true},
		{Name: "no network", Path: path + "Rules[0].By", Got: "got 0 and 129", Edit: rule(func(r *ratelimit.Rule) { r.By = ratelimit.ByNetwork(0, 129) })},
		{Name: "no function", Path: path + "Rules[0].By", Got: "got nil", Edit: rule(func(r *ratelimit.Rule) { r.By = ratelimit.ByKey(nil) }), Alone: true},
		{Name: "two costs", Path: path + "Rules[0].Cost", Got: "must be nil with Late", Edit: rule(func(r *ratelimit.Rule) {
			r.Late, r.Cost = true, func(*http.Request) int64 { return 1 }
		})},
		{Name: "a cost that no handler can add", Path: path + "NoContext", Got: "must be false with Rules[0].Late", Edit: func(c *C) {
			of(c).NoContext, of(c).Rules[0].Late = true, true
		}, Alone: true},
		{Name: "a quote", Path: path + "Rules[0].Unit", Got: `got "\""`, Edit: rule(func(r *ratelimit.Rule) { r.Unit = `"` })},
		{Name: "less than nothing", Path: path + "Rules[0].Concurrent", Got: "got -1", Edit: rule(func(r *ratelimit.Rule) { r.Concurrent = -1 })},
		{Name: "more than all", Path: path + "NearLimit", Got: "got 101", Edit: func(c *C) { of(c).NearLimit = 101 }},
		{Name: "no policy", Path: path + "OnCounterFailure", Got: "got 9", Edit: func(c *C) { of(c).OnCounterFailure = 9 }},
	}
}

func goodConfig() ratelimit.Config {
	return ratelimit.Config{
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"free": {Limit: 10, Period: time.Minute, Also: []ratelimit.Window{{Limit: 2, Period: time.Second}}}},
		Limit:    ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "writes", Limit: 5, Period: time.Minute}, {Name: "other", Limit: 5, Period: time.Minute}}},
	}
}

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config = ratelimit.Config
	type of = configtest.Case[config]
	free := func(edit func(*ratelimit.Tier)) func(*config) {
		return func(c *config) {
			t := c.Tiers["free"]
			edit(&t)
			c.Tiers["free"] = t
		}
	}
	cases := []of{
		{Name: "no function", Path: "Config.ClientIP", Got: "is required", Edit: func(c *config) { c.ClientIP = nil }},
		{Name: "no tier", Path: "Config.Tiers", Got: "is required", Edit: func(c *config) { c.Tiers = nil }, Alone: true},
		{Name: "no name", Path: `Config.Tiers[""]`, Got: `got ""`, Edit: func(c *config) { c.Tiers[""] = c.Tiers["free"] }},
		{Name: "less than nothing", Path: `Config.Tiers["free"].Limit`, Got: "got -1", Edit: free(func(t *ratelimit.Tier) { t.Limit = -1 })},
		{Name: "a fraction of a second", Path: `Config.Tiers["free"].Period`, Got: "must be whole seconds, got 1.5s", Edit: free(func(t *ratelimit.Tier) { t.Period = 1500 * time.Millisecond })},
		{Name: "no period", Path: `Config.Tiers["free"].Period`, Got: "is required", Edit: free(func(t *ratelimit.Tier) { t.Period = 0 }), Alone: true},
		{Name: "less than nothing", Path: `Config.Tiers["free"].Period`, Got: "got -1h0m0s", Edit: free(func(t *ratelimit.Tier) { t.Period = -time.Hour }), Alone: true},
		{Name: "a most without seats", Path: `Config.Tiers["free"].Max`, Got: "got 20", Edit: free(func(t *ratelimit.Tier) { t.Max = 20 })},
		{Name: "a most below the limit", Path: `Config.Tiers["free"].Max`, Got: "got 9", Edit: free(func(t *ratelimit.Tier) { t.PerSeat, t.Max = true, 9 }), Alone: true},
		{Name: "a burst above the limit", Path: `Config.Tiers["free"].Burst`, Got: "got 11", Edit: free(func(t *ratelimit.Tier) { t.Algorithm, t.Burst = ratelimit.GCRA, 11 }), Alone: true},
		{Name: "two windows of one length", Path: `Config.Tiers["free"].Also[0].Period`, Got: "got 1m0s twice", Edit: free(func(t *ratelimit.Tier) {
			t.Also = []ratelimit.Window{{Name: "x", Limit: 2, Period: time.Minute}}
		}), Alone: true},
		{Name: "two windows of one name", Path: `Config.Tiers["free"].Also[0].Name`, Got: `got "free" twice`, Edit: free(func(t *ratelimit.Tier) { t.Also = []ratelimit.Window{{Name: "free", Limit: 2, Period: time.Second}} }), Alone: true},
		{Name: "less than nothing", Path: `Config.Tiers["free"].Concurrent`, Got: "got -1", Edit: free(func(t *ratelimit.Tier) { t.Concurrent = -1 })},
		{Name: "a nil pointer", Path: "Config.Counters", Got: "nil *ratelimit_test.noCounters", Edit: func(c *config) { c.Counters = (*noCounters)(nil) }},
		{Name: "no draft", Path: "Config.Headers.Draft", Got: "got 9", Edit: func(c *config) { c.Headers.Draft = 9 }},
		{Name: "no policy", Path: "Config.OnCounterFailure", Got: "got 9", Edit: func(c *config) { c.OnCounterFailure = 9 }},
		{Name: "no number of processes", Path: "Config.Nodes", Got: "got 0", Edit: func(c *config) { c.OnCounterFailure = ratelimit.FailLocal }, Alone: true},
		{Name: "less than nothing", Path: "Config.Nodes", Got: "got -1", Edit: func(c *config) { c.Nodes = -1 }},
		{Name: "less than nothing", Path: "Config.CounterTimeout", Got: "got -1ns", Edit: func(c *config) { c.CounterTimeout = -1 }},
	}
	cases = append(cases, wrongLimits("Config.Limit.", func(c *config) *ratelimit.LimitConfig { return &c.Limit })...)
	configtest.Run(t, "ratelimit", goodConfig, func(c config) error {
		_, err := ratelimit.New(c)
		return err
	}, cases)
}

type noCounters struct{ ratelimit.Counters }

func TestEachFieldOfALimitConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config = ratelimit.LimitConfig
	l := must(ratelimit.New(goodConfig()))
	cases := append(wrongLimits("LimitConfig.", func(c *config) *config { return c }), configtest.Case[config]{
		Name: "no number of processes", Path: "LimitConfig.OnCounterFailure", Got: "without Config.Nodes",
		Edit: func(c *config) { c.OnCounterFailure = ratelimit.FailLocal }, Alone: true,
	})
	configtest.Run(t, "ratelimit", func() config { return goodConfig().Limit }, func(c config) error {
		_, err := l.Limits(c)
		return err
	}, cases)
}

func TestEachFieldOfAMemoryConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config = ratelimit.MemoryConfig
	type of = configtest.Case[config]
	configtest.Run(t, "ratelimit", func() config { return config{} }, func(c config) error {
		_, err := ratelimit.NewMemory(c)
		return err
	}, []of{
		{Name: "too few", Path: "MemoryConfig.MaxCounters", Got: "got 1023", Edit: func(c *config) { c.MaxCounters, c.MaxAddresses, c.MaxAttempts, c.MaxKnown = 1023, 1024, 1024, 1024 }, Alone: true},
		{Name: "too few", Path: "MemoryConfig.MaxAddresses", Got: "got -1", Edit: func(c *config) { c.MaxAddresses = -1 }},
		{Name: "too few", Path: "MemoryConfig.MaxAttempts", Got: "got 1", Edit: func(c *config) { c.MaxAttempts = 1 }},
		{Name: "too many", Path: "MemoryConfig.MaxKnown", Got: "got 1073741825", Edit: func(c *config) { c.MaxKnown = 1<<30 + 1 }},
	})
}
