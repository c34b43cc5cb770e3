package middleware_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfterIsExact(t *testing.T) {
	t.Parallel()
	t.Run("Retry-After is no second longer than it must be", func(t *testing.T) {
		t.Parallel()
		for _, early := range []time.Duration{time.Second, 0} {
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				pass(250 * time.Millisecond)
				_, w := d.spend(t, "/search", "", "")
				if got := w.Header().Get("Retry-After"); got != "3600" {
					t.Errorf("Retry-After = %s", got)
				}
				pass(12*time.Second + 400*time.Millisecond)
				w = d.call(t, "/search", "", "")
				pass(number(w.Header().Get("Retry-After")) - early)
				want := http.StatusTooManyRequests
				if early == 0 {
					want = http.StatusOK
				}
				wantStatus(t, d.call(t, "/search", "", ""), want)
			})
		}
	})
}

// C4 of the notes on limits, to the byte.
func TestGoldenHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// the clock of a bubble stands at 2000-01-01, and is moved to 2026
		shift := time.Until(time.Unix(1795419999-3600, 0))
		d := open(t, func(c *config) {
			now := func() time.Time { return time.Now().Add(shift) }
			c.auth.Now, c.tokens.Now = now, now
		})
		token := d.login(t, bob).AccessToken
		d.call(t, "/me", token, "")
		pass(12400 * time.Millisecond)
		wantAnswer(t, d.call(t, "/me", token, ""), http.StatusOK, plain+`
Ratelimit-Policy: "free";q=1500;w=3600
Ratelimit: "free";r=1498;t=3588
X-Ratelimit-Limit: 1500
X-Ratelimit-Remaining: 1498
X-Ratelimit-Reset: 1795419999`, "hello u-bob")
		for range 1498 {
			w := d.call(t, "/me", token, "")
			if got := w.Header()["Ratelimit-Policy"]; len(got) != 1 || got[0] != `"free";q=1500;w=3600` || w.Header().Get("Retry-After") != "" {
				t.Fatalf("header = %v", w.Header())
			}
		}
		pass(3600*time.Second - 12400*time.Millisecond - 1234*time.Second)
		wantAnswer(t, d.call(t, "/me", token, ""), http.StatusTooManyRequests, oauth2Problem+`
Retry-After: 1234
Ratelimit-Policy: "free";q=1500;w=3600
Ratelimit: "free";r=0;t=1234
X-Ratelimit-Limit: 1500
X-Ratelimit-Remaining: 0
X-Ratelimit-Reset: 1795419999`,
			`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota exceeded","status":429,`+
				`"detail":"The limit of 1500 requests per hour of the plan free is reached","violated-policies":["free"],"retry_after":1234}`)
	})
}
