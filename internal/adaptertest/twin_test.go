package adaptertest_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// TestTwinMeetsEveryReason fails if the table has no request for a reason.
func TestTwinMeetsEveryReason(t *testing.T) {
	t.Parallel()
	for _, r := range reasons {
		if !slices.ContainsFunc(adaptertest.Twins, func(tw adaptertest.Twin) bool { return tw.Reason == r }) {
			t.Errorf("nothing is refused for the reason %q", r)
		}
	}
}

// reasons are all reasons for which a request is refused.
var reasons = []wire.Reason{
	wire.ReasonMethod, wire.ReasonMalformed, wire.ReasonTooLarge, wire.ReasonMissing,
	wire.ReasonGrantType, wire.ReasonCredentials, wire.ReasonScope, wire.ReasonNoRefresh,
	wire.ReasonRefresh, wire.ReasonEnded, wire.ReasonNoBearer, wire.ReasonBearerForm,
	wire.ReasonBearer, wire.ReasonExpired, wire.ReasonTwoBearers, wire.ReasonForbidden, wire.ReasonNotRecent, wire.ReasonFactor, wire.ReasonWrongFactor, wire.ReasonStep,
	wire.ReasonClient, wire.ReasonClientGrant, wire.ReasonKey, wire.ReasonTarget,
	wire.ReasonTokenType, wire.ReasonNoSession, wire.ReasonCrossSite, wire.ReasonNotFound,
	wire.ReasonLimited, wire.ReasonThrottled, wire.ReasonUnavailable, wire.ReasonInternal,
}

// TestTwinTellsDifferences tests the comparison with answers that differ.
func TestTwinTellsDifferences(t *testing.T) {
	t.Parallel()
	refused := func() adaptertest.Answer {
		body := `{"detail":"Unauthorized"}`
		return adaptertest.Answer{401, http.Header{
			"Date":             {"Wed, 04 Mar 2026 05:06:07 GMT"},
			"Content-Type":     {"application/json"},
			"Content-Length":   {strconv.Itoa(len(body))},
			"Www-Authenticate": {"Bearer"},
		}, body}
	}
	grown := func(a adaptertest.Answer, by string) adaptertest.Answer {
		a.Body += by
		a.Header.Set("Content-Length", strconv.Itoa(len(a.Body)))
		return a
	}
	tests := map[string]struct {
		method string
		change func(std, twin *adaptertest.Answer)
		want   int
	}{
		"equal answers":                 {"GET", func(_, _ *adaptertest.Answer) {}, 0},
		"another date":                  {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Set("Date", "Thu, 05 Mar 2026 05:06:07 GMT") }, 0},
		"Echo's newline":                {"GET", func(_, twin *adaptertest.Answer) { *twin = grown(*twin, "\n") }, 0},
		"two newlines":                  {"GET", func(_, twin *adaptertest.Answer) { *twin = grown(*twin, "\n\n") }, 2},
		"a newline on the wrong side":   {"GET", func(std, _ *adaptertest.Answer) { *std = grown(*std, "\n") }, 2},
		"a newline behind a success":    {"GET", func(std, twin *adaptertest.Answer) { std.Status, twin.Status = 200, 200; *twin = grown(*twin, "\n") }, 2},
		"another status":                {"GET", func(_, twin *adaptertest.Answer) { twin.Status = 403 }, 1},
		"a header's other value":        {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Set("Www-Authenticate", "Basic") }, 1},
		"a header twice":                {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Add("Www-Authenticate", "Bearer") }, 1},
		"a header less":                 {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Del("Www-Authenticate") }, 1},
		"a header more":                 {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Set("Vary", "Origin") }, 1},
		"another media type":            {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Set("Content-Type", "text/html") }, 1},
		"no media type":                 {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Del("Content-Type") }, 1},
		"no length":                     {"GET", func(_, twin *adaptertest.Answer) { twin.Header.Del("Content-Length") }, 1},
		"another body":                  {"GET", func(_, twin *adaptertest.Answer) { twin.Body = `{"detail":"unauthorized"}` }, 1},
		"a space in the body":           {"GET", func(_, twin *adaptertest.Answer) { twin.Body = `{"detail": "Unauthorized"}` }, 1},
		"all of it":                     {"GET", func(_, twin *adaptertest.Answer) { twin.Status, twin.Body = 500, ""; twin.Header.Set("Vary", "*") }, 3},
		"what Echo leaves out for HEAD": {"HEAD", func(_, twin *adaptertest.Answer) { twin.Header.Del("Content-Type"); twin.Header.Del("Content-Length") }, 0},
		"another media type for HEAD":   {"HEAD", func(_, twin *adaptertest.Answer) { twin.Header.Set("Content-Type", "text/html") }, 1},
		"another header for HEAD":       {"HEAD", func(_, twin *adaptertest.Answer) { twin.Header.Del("Www-Authenticate") }, 1},
		"what a success leaves out for HEAD": {"HEAD", func(std, twin *adaptertest.Answer) {
			std.Status, twin.Status = 200, 200
			twin.Header.Del("Content-Type")
		}, 1},
		"what net/http leaves out for HEAD":    {"HEAD", func(std, _ *adaptertest.Answer) { std.Header.Del("Content-Type") }, 1},
		"the wrong side leaves out the length": {"HEAD", func(std, _ *adaptertest.Answer) { std.Header.Del("Content-Length") }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			std, twin := refused(), refused()
			tt.change(&std, &twin)
			if got := adaptertest.Differences(tt.method, std, twin); len(got) != tt.want {
				t.Errorf("differences = %q, want %d", got, tt.want)
			}
		})
	}
}
