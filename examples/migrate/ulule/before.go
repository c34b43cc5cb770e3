package ulule

import (
	"net/http"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// Before is the API with ulule/limiter: ten searches a minute for an address, three
// reports an hour for a customer.
func Before() http.Handler {
	return before(http.HandlerFunc(search), http.HandlerFunc(report))
}

func before(search, report http.Handler) http.Handler {
	searches := stdlib.NewMiddleware(limiter.New(newStore(), limiter.Rate{Period: time.Minute, Limit: 10}))
	reports := stdlib.NewMiddleware(limiter.New(newStore(), limiter.Rate{Period: time.Hour, Limit: 3}),
		stdlib.WithKeyGetter(customer))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", health)
	mux.Handle("GET /search", searches.Handler(search))
	mux.Handle("POST /report", reports.Handler(report))
	return known(mux)
}

// newStore returns ulule's store in memory. Each limiter has one of its own, since two
// limiters count the same key of one store in one counter.
func newStore() limiter.Store {
	return memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: limiter.DefaultPrefix}) // no goroutine
}
