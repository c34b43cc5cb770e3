package wire_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// The answer to a request over its limit is written by hand. It must be what
// encoding/json makes, and the same whether its headers are set at once or copied.
func TestTheAnswerToALimitedRequest(t *testing.T) {
	t.Parallel()
	refusals := wire.NewRefusals(wire.OAuth2{}, "api")
	type document struct {
		Type       string   `json:"type"`
		Title      string   `json:"title"`
		Status     int      `json:"status"`
		Detail     string   `json:"detail,omitempty"`
		Violated   []string `json:"violated-policies,omitempty"`
		RetryAfter int64    `json:"retry_after,omitempty"`
	}
	usage := func(name string, violated bool) ratelimit.Usage {
		return ratelimit.Usage{
			Policy: ratelimit.Policy{Name: name, Limit: 5, Window: time.Hour}, Known: true, Violated: violated, RetryAfter: time.Minute,
		}
	}
	for _, test := range []struct {
		name        string
		description string
		usage       []ratelimit.Usage
		retryAfter  time.Duration
	}{
		{"one policy", "The limit of 5 requests per hour of the plan free is reached", []ratelimit.Usage{usage("free", true)}, 3588 * time.Second},
		{"the second of three policies", "reached", []ratelimit.Usage{usage("a", false), usage("b", true), usage("c", false)}, time.Second},
		{"two policies", "reached", []ratelimit.Usage{usage("a", true), usage("b", true)}, 1500 * time.Millisecond},
		{"names that JSON escapes", `quote " back \ less < amp & é ` + "\u2028\x01", []ratelimit.Usage{usage("<script>&", true)}, time.Second},
		{"no description, no violated policy and no wait", "", []ratelimit.Usage{usage("a", false)}, 0},
		{"a long description", strings.Repeat("x", 2000), []ratelimit.Usage{usage("a", true)}, time.Second},
		{"no policy", "reached", nil, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			quota := ratelimit.Quota{At: time.Unix(1_800_000_000, 0), Usage: test.usage}
			e := wire.AsError(&ratelimit.Error{Quota: &quota, Description: test.description, RetryAfter: test.retryAfter})
			want := document{
				Type: "https://iana.org/assignments/http-problem-types#quota-exceeded", Title: "Quota exceeded",
				Status: http.StatusTooManyRequests, Detail: test.description, Violated: quota.Violated(),
				RetryAfter: int64((test.retryAfter + time.Second - 1) / time.Second),
			}
			body, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			copied := wire.OAuth2{}.Refused(wire.RouteAPI, "api", e)
			if !bytes.Equal(copied.Body, body) {
				t.Errorf("body = %s, want %s", copied.Body, body)
			}
			h := http.Header{"X-Before": {"1"}, "Cache-Control": {"public"}}
			direct := refusals.RefusedIn(h, wire.RouteAPI, e)
			after := http.Header{"X-Before": {"1"}, "Cache-Control": {"public"}}
			copied.SetHeader(after)
			if !maps.EqualFunc(h, after, slices.Equal) || direct.Status != copied.Status || !bytes.Equal(direct.Body, copied.Body) {
				t.Errorf("direct = %d %s %v, want %d %s %v", direct.Status, direct.Body, h, copied.Status, copied.Body, after)
			}
		})
	}

	t.Run("the headers of one response are not those of another", func(t *testing.T) {
		t.Parallel()
		quota := ratelimit.Quota{Usage: []ratelimit.Usage{usage("a", true)}}
		e := wire.AsError(&ratelimit.Error{Quota: &quota, RetryAfter: time.Second})
		first, second := http.Header{}, http.Header{}
		refusals.RefusedIn(first, wire.RouteAPI, e)
		refusals.RefusedIn(second, wire.RouteAPI, e)
		for name := range first {
			first[name][0] = "changed"
		}
		for name, values := range second {
			if values[0] == "changed" {
				t.Errorf("%s is shared", name)
			}
		}
		first.Add("Cache-Control", "private")
		if got := second.Get("Pragma"); got != "no-cache" {
			t.Errorf("Pragma = %q", got)
		}
	})
}
