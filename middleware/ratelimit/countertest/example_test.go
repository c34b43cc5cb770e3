package countertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
)

// A test of the host's own counters, here those in memory. Pass lets time pass for
// them; without it the rules about time are skipped.
func ExampleRun() { //nolint:testableexamples // it needs a test
	TestCounters := func(t *testing.T) {
		countertest.Run(t, func(t *testing.T) countertest.Fixture {
			clock := countertest.NewClock()
			counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			return countertest.Fixture{Counters: counters, Pass: clock.Pass}
		})
	}
	_ = TestCounters
}

// The headers of a middleware are checked against an answer of it.
func ExampleCheckHeaders() {
	clock := countertest.NewClock()
	limiter, err := ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr, Now: clock.Now,
		Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1, Period: time.Minute}},
	})
	if err != nil {
		panic(err)
	}
	h := limiter.Limit(http.NotFoundHandler())
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		fmt.Println(w.Code, countertest.CheckHeaders(w.Code, w.Header(), clock.Now()))
	}

	// A refusal that does not say when to come back.
	err = countertest.CheckHeaders(http.StatusTooManyRequests, http.Header{}, clock.Now())
	fmt.Println(err != nil)
	// Output:
	// 404 <nil>
	// 429 <nil>
	// true
}
