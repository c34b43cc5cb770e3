package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// A limit by a key of the host's own: here each tenant has one, which is a part of the
// path that the host has checked.
func ExampleByKey() {
	tenant := func(r *http.Request) (string, error) {
		if r.PathValue("tenant") != "acme" && r.PathValue("tenant") != "globex" {
			return "", &ratelimit.Error{Reason: ratelimit.ReasonAddress, Description: "There is no such tenant"}
		}
		return r.PathValue("tenant"), nil
	}
	limiter := must(free().Limits(ratelimit.LimitConfig{
		WithoutTier: true,
		Rules:       []ratelimit.Rule{{Name: "tenant", Limit: 1, Period: time.Minute, By: ratelimit.ByKey(tenant)}},
	}))
	mux := http.NewServeMux()
	mux.Handle("/{tenant}", limiter.Limit(http.HandlerFunc(hello)))
	for _, path := range []string{"/acme", "/acme", "/globex", "/unknown"} {
		fmt.Println(path, get(login(mux), path, "ada").Code)
	}
	// Output:
	// /acme 200
	// /acme 429
	// /globex 200
	// /unknown 400
}

// A new limit is first tried in shadow mode: its events say what it would reject.
func ExampleRule_shadow() {
	limiter := must(ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr, Identify: identify,
		Tiers: ratelimit.Tiers{"free": {Limit: 100, Period: time.Hour}},
		Limit: ratelimit.LimitConfig{
			Rules: []ratelimit.Rule{{Name: "burst", Limit: 1, Period: time.Second, Shadow: true}},
		},
		Events: func(_ context.Context, e ratelimit.Event) { fmt.Println(e.Kind, e.Policy, e.Caller.User) },
	}))
	h := login(limiter.Limit(http.HandlerFunc(hello)))
	for range 2 {
		fmt.Println(get(h, "/", "ada").Code)
	}
	// Output:
	// 200
	// shadow_limited burst ada
	// 200
}

// A customer with a contract has a limit of their own, which applies at once.
func ExampleConfig_override() {
	contracts := map[string]int64{"ada": 5000}
	limiter := must(ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr, Identify: identify,
		Tiers: ratelimit.Tiers{"free": {Limit: 100, Period: time.Hour}},
		Override: func(_ context.Context, c ratelimit.Caller, t ratelimit.Tier) (ratelimit.Tier, error) {
			if limit, ok := contracts[c.User]; ok {
				t.Limit = limit
			}
			return t, nil
		},
	}))
	for _, user := range []string{"ada", "grace"} {
		quota := must(limiter.Inspect(context.Background(), ratelimit.Caller{User: user, Tier: "free"}))
		fmt.Println(user, quota.Usage[0].Policy.Limit)
	}
	// Output:
	// ada 5000
	// grace 100
}

// If the counters fail, a request is rejected with 503, unless the host decides
// otherwise.
func ExampleFailurePolicy() {
	for _, policy := range []ratelimit.FailurePolicy{ratelimit.FailClosed, ratelimit.FailOpen, ratelimit.FailLocal} {
		limiter := must(ratelimit.New(ratelimit.Config{
			ClientIP: clientip.RemoteAddr, Identify: identify, Counters: broken{ratelimit.Memory()},
			Tiers:            ratelimit.Tiers{"free": {Limit: 4, Period: time.Hour}},
			OnCounterFailure: policy, Nodes: 2,
		}))
		h := login(limiter.Limit(http.HandlerFunc(hello)))
		fmt.Println(get(h, "/", "ada").Code, get(h, "/", "ada").Code, get(h, "/", "ada").Code)
	}
	// Output:
	// 503 503 503
	// 200 200 200
	// 200 200 429
}

// broken are counters whose server does not respond.
type broken struct{ ratelimit.Counters }

func (broken) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("connection refused")
}

// A host that writes rejections in its own format replaces the writer, and keeps the
// decision and its headers.
func ExampleConfig_refuse() {
	limiter := free().WithRefuse(func(w http.ResponseWriter, _ *http.Request, err error) {
		e, ok := errors.AsType[*ratelimit.Error](err)
		if !ok {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		if e.Quota != nil {
			e.Quota.SetHeader(w.Header())
		}
		w.Header().Set("Cache-Control", "no-store")
		if e.RetryAfter > 0 { // else waiting does not help
			w.Header().Set("Retry-After", fmt.Sprint(math.Ceil(e.RetryAfter.Seconds())))
		}
		w.WriteHeader(e.Status())
		_, _ = fmt.Fprintf(w, "<p>%s</p>", e.Description)
	})
	strict := must(limiter.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "search", Limit: 1, Period: time.Minute}},
	}))
	h := login(strict.Limit(http.HandlerFunc(hello)))
	get(h, "/", "ada")
	w := get(h, "/", "ada")
	fmt.Println(w.Code, w.Header().Get("Retry-After"), w.Body)
	// Output:
	// 429 60 <p>The limit of 1 requests per minute of the rule search is reached</p>
}

// A reverse proxy that is not itself the handler of Limit, because a StripPrefix, a mux or
// another middleware is in between, drops the quota of its upstream: the client gets that
// of the limit alone.
func ExampleDropQuota() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit", `"upstream";r=7;t=60`)
		_, _ = fmt.Fprint(w, "a photo")
	}))
	defer upstream.Close()
	target := must(url.Parse(upstream.URL))
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: ratelimit.DropQuota,
	}
	h := login(free().Limit(http.StripPrefix("/api", proxy)))

	w := get(h, "/api/photos", "ada")
	fmt.Println(w.Code, w.Body)
	fmt.Printf("%q\n", w.Header().Values("RateLimit"))
	// Output:
	// 200 a photo
	// ["\"free\";r=99;t=3600"]
}
