// Command ratelimit is the API of a photo archive that has its own login, by API
// tokens of its own. It mounts package middleware/ratelimit alone: tiers by the
// archive's customers, and a rule for one route.
//
//	go run ./examples/ratelimit
//
//	curl -i localhost:8080/photos
//	curl -i -H 'X-Api-Token: token-of-ada' localhost:8080/photos
//	curl -i -H 'X-Api-Token: token-of-ada' 'localhost:8080/export?rows=600'
//	curl -H 'X-Api-Token: token-of-ada' localhost:8080/quota
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

// newAPI mounts the archive's routes: its own login first, then the limits.
func newAPI(c *customers) (http.Handler, error) {
	limiter, err := ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr, // there is no proxy in front
		Identify: identify,
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 5, Period: time.Minute},                                            // by client address
			"hobby":             {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},                 // by account
			"studio":            {Limit: 1000, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true}, // by account
		},
		Refuse: refuse,
	})
	if err != nil {
		return nil, err
	}
	export, err := limiter.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{
			Name: "export", Limit: 1000, Period: time.Hour, By: ratelimit.ByUser(),
			Late: true, Unit: "rows", Algorithm: ratelimit.FixedWindow, // one row that comes back must not admit the next export
		}},
	})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.Handle("GET /photos", c.login(limiter.Limit(http.HandlerFunc(photos))))
	mux.Handle("GET /export", c.login(export.Limit(http.HandlerFunc(rows))))
	mux.Handle("GET /quota", c.login(http.HandlerFunc(limiter.Quota))) // costs nothing
	return mux, nil
}

// identify tells the limiter who sends a request. The archive's login has
// checked the token and put the customer into the context; a request without a
// token is counted by its address.
func identify(r *http.Request) (ratelimit.Caller, error) {
	c, ok := customerFrom(r.Context())
	switch {
	case !ok:
		return ratelimit.Caller{}, nil
	case c.Suspended:
		return ratelimit.Caller{}, errSuspended
	}
	return ratelimit.Caller{User: c.ID, Account: c.Company, Tier: c.Plan, Seats: c.Seats}, nil
}

// suspended is a ratelimit.Refusal: the request is refused with it as it is. Any
// other error of identify would count as a failure, and be answered with 503.
type suspended struct{}

var errSuspended suspended

func (suspended) Error() string        { return "the customer is suspended" }
func (suspended) RefusesRequest() bool { return false } // it is no fault of the host

// refuse answers refusals as the archive answers everything: in JSON.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	limited, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		writeJSON(w, http.StatusPaymentRequired, map[string]string{"error": err.Error()})
		return
	}
	if limited.Quota != nil {
		limited.Quota.SetHeader(w.Header())
	}
	if limited.RetryAfter > 0 { // rounded up: a client that waits that long is admitted
		seconds := (limited.RetryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, limited.Status(), map[string]string{"error": limited.Description})
}

func photos(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, []string{"harbour.jpg", "lighthouse.jpg"})
}

// rows is charged for what it has sent, when it knows.
func rows(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("rows"), 10, 32)
	if err != nil || n < 1 {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "rows must be 1 or more"})
		return
	}
	ratelimit.AddCost(r.Context(), "export", n)
	writeJSON(w, http.StatusOK, map[string]int64{"rows": n})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// run serves until ctx is done, and then finishes the requests in flight.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("ratelimit", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	api, err := newAPI(archive())
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())

	server := &http.Server{Handler: api, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
