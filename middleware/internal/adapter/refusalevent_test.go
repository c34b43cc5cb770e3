package adapter_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// refusalKinds are the kinds of event that may explain a rejection for each reason.
var refusalKinds = map[wire.Reason][]events.Kind{
	wire.ReasonMethod:      {events.RequestRefused},
	wire.ReasonMalformed:   {events.RequestRefused, events.LoginRefused, events.RefreshRefused, events.KeyRefused, events.Fault},
	wire.ReasonTooLarge:    {events.RequestRefused},
	wire.ReasonMissing:     {events.RequestRefused},
	wire.ReasonGrantType:   {events.RequestRefused},
	wire.ReasonTarget:      {events.RequestRefused},
	wire.ReasonTokenType:   {events.RequestRefused},
	wire.ReasonNoRefresh:   {events.RequestRefused},
	wire.ReasonCrossSite:   {events.RequestRefused, events.BearerRefused},
	wire.ReasonNotFound:    {events.RequestRefused},
	wire.ReasonReplaced:    {events.RequestRefused},
	wire.ReasonNoBearer:    {events.BearerRefused},
	wire.ReasonBearerForm:  {events.BearerRefused},
	wire.ReasonBearer:      {events.BearerRefused},
	wire.ReasonExpired:     {events.BearerRefused},
	wire.ReasonTwoBearers:  {events.RequestRefused},
	wire.ReasonForbidden:   {events.AccessRefused},
	wire.ReasonNotRecent:   {events.AccessRefused},
	wire.ReasonNoSession:   {events.AccessRefused},
	wire.ReasonClient:      {events.ClientRefused},
	wire.ReasonClientGrant: {events.ClientRefused},
	wire.ReasonCredentials: {events.LoginRefused},
	wire.ReasonFactor:      {events.LoginStep, events.LoginRefused},
	wire.ReasonWrongFactor: {events.LoginRefused},
	wire.ReasonStep:        {events.LoginRefused},
	wire.ReasonScope:       {events.RequestRefused, events.LoginRefused, events.RefreshRefused, events.KeyRefused},
	wire.ReasonKey:         {events.KeyRefused},
	wire.ReasonRefresh:     {events.RefreshRefused},
	wire.ReasonEnded:       {events.RefreshRefused, events.Reuse},
	wire.ReasonLimited:     {events.Limited, events.CostAboveLimit},
	wire.ReasonThrottled:   {events.Throttled},
	wire.ReasonUnavailable: {events.StoreFailure, events.CounterFailure, events.KeysFailure},
	wire.ReasonInternal:    {events.Fault},
}

// TestFaultC1EveryRefusalOfEveryHandlerIsAnEvent sends each request of the table that is
// rejected to each framework. The host is told of each rejection once, and of nothing
// that was presented.
func TestFaultC1EveryRefusalOfEveryHandlerIsAnEvent(t *testing.T) {
	t.Parallel()
	for _, s := range append(servers(), adaptertest.OverHTTP) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			seen := map[wire.Reason]bool{}
			for _, tw := range adaptertest.Twins {
				if tw.Reason == "" || tw.From != "" || raced && seen[tw.Reason] {
					continue
				}
				seen[tw.Reason] = true
				var journal eventtest.Journal
				h := tw.Open(t, func(c *adaptertest.Config) { c.Tokens.Events = journal.Note })
				journal.Take()
				app, _ := s.Serve(h)
				status := tw.Request.Serve(t, h, app).Code
				checkRefusalEvents(t, tw, h, status, journal.Take())
			}
			for reason := range refusalKinds {
				if !seen[reason] && reason != wire.ReasonThrottled {
					t.Errorf("no request is rejected for the reason %q", reason)
				}
			}
		})
	}
}

func checkRefusalEvents(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture, status int, all []events.Event) {
	t.Helper()
	var told []events.Kind
	for _, e := range all {
		if slices.Contains(refusalKinds[tw.Reason], e.Kind) {
			told = append(told, e.Kind)
		}
		if e.Err == nil && e.Policy == "" && e.Kind != events.LoginStep {
			t.Errorf("%s: the event %s has neither a cause nor a policy", tw.Name, e.Kind)
			continue
		}
		for name, secret := range h.Words {
			if e.Err != nil && strings.Contains(e.Err.Error(), secret) && !strings.HasSuffix(name, "id") {
				t.Errorf("%s: the cause %q has {%s} in it", tw.Name, e.Err, name)
			}
		}
		if e.Err != nil && strings.Contains(e.Err.Error(), adaptertest.Password) {
			t.Errorf("%s: the cause %q has the password in it", tw.Name, e.Err)
		}
	}
	onlyOne := tw.Reason != wire.ReasonUnavailable // two limits, each of which fails, are two failures
	if len(told) == 0 || len(told) != len(all) || onlyOne && len(all) != 1 {
		t.Errorf("%s (%d, %s): events %+v, want one of %q", tw.Name, status, tw.Reason, all, refusalKinds[tw.Reason])
	}
	if status < http.StatusBadRequest {
		t.Errorf("%s: status = %d", tw.Name, status)
	}
}
