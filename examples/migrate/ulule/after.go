package ulule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// After is the API with package ratelimit.
func After() (http.Handler, error) {
	limits, err := newLimits(false, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", health)
	mux.Handle("GET /search", limits.searches.Limit(http.HandlerFunc(search)))
	mux.Handle("POST /report", limits.reports.Limit(http.HandlerFunc(report)))
	return known(mux), nil
}

// Between is the API with both: ulule/limiter decides, and package ratelimit, in shadow
// mode, reports what it would have rejected.
func Between(events func(context.Context, ratelimit.Event)) (http.Handler, error) {
	limits, err := newLimits(true, events)
	if err != nil {
		return nil, err
	}
	return before(limits.searches.Limit(http.HandlerFunc(search)), limits.reports.Limit(http.HandlerFunc(report))), nil
}

// limits are those of the routes.
type limits struct{ searches, reports *ratelimit.Limiter }

func newLimits(shadow bool, events func(context.Context, ratelimit.Event)) (l limits, err error) {
	l.searches, err = ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr,
		Identify: identify,
		Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 10, Period: time.Minute}}, // no route uses it yet
		Limit: ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
			{Name: "searches", Limit: 10, Period: time.Minute, By: ratelimit.ByNetwork(32, 128), Shadow: shadow},
		}},
		Refuse: refuse,
		Events: events,
	})
	if err != nil {
		return limits{}, err
	}
	l.reports, err = l.searches.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "reports", Limit: 3, Period: time.Hour, By: ratelimit.ByAccount(), Shadow: shadow},
	}})
	return l, err
}

// identify returns the customer. Other callers are counted by their address.
func identify(r *http.Request) (ratelimit.Caller, error) {
	return ratelimit.Caller{Account: customer(r)}, nil
}

// refuse answers with the words of ulule/limiter, which some clients may compare.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	e, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	said := *e
	if e.Reason == ratelimit.ReasonLimited {
		said.Description = "Limit exceeded"
	}
	said.Write(w)
}
