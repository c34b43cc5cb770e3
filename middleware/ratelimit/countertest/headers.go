package countertest

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	policyField = regexp.MustCompile(`^"[\x20\x21\x23-\x5b\x5d-\x7e]+";q=\d{1,15}(;w=[1-9]\d{0,14})?(;qu="[a-z-]+")?$`)
	limitField  = regexp.MustCompile(`^"([\x20\x21\x23-\x5b\x5d-\x7e]+)";r=(\d{1,15})(;t=(\d{1,15}))?$`)
	wholeNumber = regexp.MustCompile(`^\d{1,15}$`)
)

// CheckHeaders returns all that is wrong with the quota headers of a response
// that was written at a time, joined, or nil. It checks RateLimit-Policy and
// RateLimit by the IETF draft (versions 08 to 11), X-RateLimit-Limit, -Remaining
// and -Reset in GitHub's format, and Retry-After (RFC 9110 §10.2.3).
//
// A 429 must have one of the two families and Cache-Control: no-store. Its
// Retry-After, if it has one, must be in seconds, and not shorter than t in RateLimit.
// A 429 without it is right if waiting does not help, because the limit is 0 or less
// than the request costs, and with ratelimit.Headers.NoRetryAfter; the headers do not
// tell these from a mistake, so pass WantRetryAfter for any other. A 2xx must not have
// Retry-After. Any other response may have neither family.
func CheckHeaders(status int, h http.Header, at time.Time, also ...Requirement) error {
	c := headers{Header: h}
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} {
		if n := len(h.Values(name)); n > 1 {
			c.wrongf("%s is there %d times", name, n)
		}
	}
	longest := c.draft()
	limited := c.github(at)
	c.retryAfter(status, longest, slices.Contains(also, WantRetryAfter))
	if status == http.StatusTooManyRequests {
		if !limited && h.Get("RateLimit") == "" {
			c.wrongf("a 429 must have RateLimit or X-RateLimit-Limit")
		}
		if !strings.Contains(h.Get("Cache-Control"), "no-store") {
			c.wrongf("a 429 must have Cache-Control: no-store, got %q", h.Get("Cache-Control"))
		}
	}
	return errors.Join(c.errs...)
}

// Requirement is what a test of headers requires besides what is always required.
type Requirement uint8

// WantRetryAfter requires a 429 to have Retry-After.
const WantRetryAfter Requirement = 1

// headers are those of a response, and what is wrong with them.
type headers struct {
	http.Header

	errs []error
}

func (c *headers) wrongf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// number returns the number in a header, and whether there is one.
func (c *headers) number(name string) (int64, bool) {
	v := c.Get(name)
	if v == "" {
		return 0, false
	}
	if !wholeNumber.MatchString(v) {
		c.wrongf("%s: %q is no whole number of 0 or more", name, v)
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n, err == nil
}

// draft checks the headers of the IETF draft, and returns the longest t.
func (c *headers) draft() int64 {
	longest := int64(0)
	for _, field := range []struct {
		name string
		item *regexp.Regexp
	}{{"RateLimit-Policy", policyField}, {"RateLimit", limitField}} {
		if c.Get(field.name) == "" {
			continue
		}
		for item := range strings.SplitSeq(c.Get(field.name), ", ") {
			parts := field.item.FindStringSubmatch(item)
			if parts == nil {
				c.wrongf("%s: %q is no item of the draft", field.name, item)
				continue
			}
			if field.item == limitField && parts[4] != "" {
				seconds, _ := strconv.ParseInt(parts[4], 10, 64)
				longest = max(longest, seconds)
			}
		}
	}
	return longest
}

// github checks the X- headers, and reports whether they are present.
func (c *headers) github(at time.Time) bool {
	limit, limited := c.number("X-RateLimit-Limit")
	remaining, remains := c.number("X-RateLimit-Remaining")
	reset, resets := c.number("X-RateLimit-Reset")
	if limited != remains || limited != resets {
		c.wrongf("of X-RateLimit-Limit, -Remaining and -Reset some are there and some are not")
	}
	if remaining > limit {
		c.wrongf("X-RateLimit-Remaining: %d of %d", remaining, limit)
	}
	if resets && reset < at.Unix() {
		c.wrongf("X-RateLimit-Reset: %d has passed at %d", reset, at.Unix())
	}
	return limited
}

func (c *headers) retryAfter(status int, longest int64, wanted bool) {
	retry, waits := c.number("Retry-After")
	switch {
	case status == http.StatusTooManyRequests && !waits:
		if wanted {
			c.wrongf("the 429 has no Retry-After")
		}
	case status == http.StatusTooManyRequests && (retry < 1 || retry < longest):
		c.wrongf("Retry-After: %d, want 1 or more and no less than t (%d)", retry, longest)
	case status < 300 && c.Get("Retry-After") != "":
		c.wrongf("Retry-After in an answer of %d", status)
	}
}
