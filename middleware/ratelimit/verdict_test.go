package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// deadCounters are counters that fail.
type deadCounters struct{ ratelimit.Counters }

func (deadCounters) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errLate
}

func TestDecidedIsToldOfEachDecision(t *testing.T) {
	t.Parallel()
	type told struct {
		tier, policy string
		uncounted    bool
		rejected     bool
	}
	once := ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1, Period: time.Hour}}
	for _, test := range []struct {
		name   string
		config ratelimit.Config
		inner  *ratelimit.LimitConfig
		want   []told // of two requests
	}{
		{
			"an admitted request, and one over the limit of its tier",
			ratelimit.Config{Tiers: once},
			nil,
			[]told{{tier: "anonymous"}, {tier: "anonymous", policy: "anonymous", rejected: true}},
		},
		{
			"the policy that rejects, where a tier has more windows",
			ratelimit.Config{Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 100, Period: time.Hour, Also: []ratelimit.Window{{Limit: 1, Period: time.Minute}}}}},
			nil,
			[]told{{tier: "anonymous"}, {tier: "anonymous", policy: "anonymous-minute", rejected: true}},
		},
		{
			"no tier, where only rules count",
			ratelimit.Config{Tiers: once, Limit: ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{{Name: "exports", Limit: 1, Period: time.Hour}}}},
			nil,
			[]told{{}, {policy: "exports", rejected: true}},
		},
		{
			"nothing of a request that costs nothing",
			ratelimit.Config{Tiers: once, Limit: ratelimit.LimitConfig{Cost: func(*http.Request) int64 { return 0 }}},
			nil,
			nil,
		},
		{
			"an admitted request once, and the rejection of a nested Limiter too",
			ratelimit.Config{Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 100, Period: time.Hour}}},
			&ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "exports", Limit: 1, Period: time.Hour}}},
			[]told{{tier: "anonymous"}, {tier: "anonymous"}, {tier: "anonymous", policy: "exports", rejected: true}},
		},
		{
			"a request that is admitted uncounted, because the counters fail",
			ratelimit.Config{Tiers: once, Counters: deadCounters{ratelimit.Memory()}, OnCounterFailure: ratelimit.FailOpen},
			nil,
			[]told{{tier: "anonymous", uncounted: true}, {tier: "anonymous", uncounted: true}},
		},
		{
			"a request that is admitted uncounted, because its caller cannot be told",
			ratelimit.Config{
				Tiers: once, OnCounterFailure: ratelimit.FailOpen,
				Identify: func(*http.Request) (ratelimit.Caller, error) { return ratelimit.Caller{}, errLate },
			},
			nil,
			[]told{{uncounted: true}, {uncounted: true}},
		},
		{
			"a request that the counters of FailLocal have counted",
			ratelimit.Config{Tiers: once, Counters: deadCounters{ratelimit.Memory()}, OnCounterFailure: ratelimit.FailLocal, Nodes: 1},
			nil,
			[]told{{tier: "anonymous"}, {tier: "anonymous", policy: "anonymous", rejected: true}},
		},
		{
			"a request that gets 503",
			ratelimit.Config{Tiers: once, Counters: deadCounters{ratelimit.Memory()}},
			nil,
			[]told{{tier: "anonymous", rejected: true}, {tier: "anonymous", rejected: true}},
		},
		{
			"a request that no tier is for",
			ratelimit.Config{Tiers: ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}}},
			nil,
			[]told{{rejected: true}, {rejected: true}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []told
			c := test.config
			c.ClientIP = clientip.RemoteAddr
			c.Events = func(context.Context, ratelimit.Event) {}
			c.Decided = func(ctx context.Context, v ratelimit.Verdict) {
				if ctx.Value(tenant{}) != "t1" {
					t.Error("the context is not that of the request")
				}
				got = append(got, told{v.Tier, v.Policy, v.Uncounted, v.Err != nil})
			}
			l, err := ratelimit.New(c)
			if err != nil {
				t.Fatal(err)
			}
			handler := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			if test.inner != nil {
				inner, err := l.Limits(*test.inner)
				if err != nil {
					t.Fatal(err)
				}
				handler = inner.Limit(handler)
			}
			handler = l.Limit(handler)
			for range 2 {
				r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
				handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), tenant{}, "t1")))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("told %+v\nwant %+v", got, test.want)
			}
		})
	}
}

type tenant struct{}

func TestAVerdictHasTheRejection(t *testing.T) {
	t.Parallel()
	var told error
	l, err := ratelimit.New(ratelimit.Config{
		Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Period: time.Hour}}, ClientIP: clientip.RemoteAddr,
		Decided: func(_ context.Context, v ratelimit.Verdict) { told = v.Err },
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.CheckLimit(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if err == nil || !errors.Is(told, err) {
		t.Errorf("the verdict has %v, and CheckLimit returned %v", told, err)
	}
}

func TestPolicyNamesAreThoseOfTiersWindowsAndRules(t *testing.T) {
	t.Parallel()
	got := ratelimit.Tiers{
		"free":    {Limit: 1, Period: time.Hour, Concurrent: 2, Also: []ratelimit.Window{{Limit: 1, Period: time.Second}, {Name: "burst", Period: time.Minute}}},
		"premium": {Limit: 1, Period: time.Hour, Also: []ratelimit.Window{{Name: "burst", Period: time.Minute}}},
	}.PolicyNames(
		ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "writes", Limit: 1, Period: time.Hour}}},
		ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "exports", Concurrent: 1}}},
	)
	want := []string{"burst", "exports-concurrent", "free", "free-concurrent", "free-second", "premium", "writes"}
	if !slices.Equal(got, want) {
		t.Errorf("PolicyNames = %q\nwant %q", got, want)
	}
}
