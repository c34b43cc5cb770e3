package limittest

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	policyField = regexp.MustCompile(`^"[ !#-\[\]-~]+";q=\d{1,15}(;w=[1-9]\d{0,14})?(;qu="[a-z-]+")?$`)
	limitField  = regexp.MustCompile(`^"([ !#-\[\]-~]+)";r=(\d{1,15})(;t=(\d{1,15}))?$`)
	wholeNumber = regexp.MustCompile(`^\d{1,15}$`)
)

// CheckHeaders returns what is wrong with the headers about limits in an answer
// that was given at a time: RateLimit-Policy and RateLimit as the draft of the
// IETF has them, X-RateLimit-Limit, -Remaining and -Reset as GitHub has them, and
// Retry-After. A 429 has Retry-After, in seconds, no shorter than RateLimit's t,
// and forbids caches to keep it; an answer of 2xx has no Retry-After. Of the two
// families one may be missing, and both may be in any other answer than a 429.
func CheckHeaders(status int, h http.Header, at time.Time) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} {
		if n := len(h.Values(name)); n > 1 {
			wrong("%s is there %d times", name, n)
		}
	}
	number := func(name string) (int64, bool) {
		v := h.Get(name)
		if v == "" {
			return 0, false
		}
		if !wholeNumber.MatchString(v) {
			wrong("%s: %q is no whole number of 0 or more", name, v)
			return 0, false
		}
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	longest := int64(0)
	for _, field := range []struct {
		name string
		item *regexp.Regexp
	}{{"RateLimit-Policy", policyField}, {"RateLimit", limitField}} {
		if h.Get(field.name) == "" {
			continue
		}
		for item := range strings.SplitSeq(h.Get(field.name), ", ") {
			parts := field.item.FindStringSubmatch(item)
			if parts == nil {
				wrong("%s: %q is no item of the draft", field.name, item)
				continue
			}
			if field.item == limitField && parts[4] != "" {
				seconds, _ := strconv.ParseInt(parts[4], 10, 64)
				longest = max(longest, seconds)
			}
		}
	}
	limit, limited := number("X-RateLimit-Limit")
	remaining, remains := number("X-RateLimit-Remaining")
	reset, resets := number("X-RateLimit-Reset")
	if limited != remains || limited != resets {
		wrong("of X-RateLimit-Limit, -Remaining and -Reset some are there and some are not")
	}
	if remaining > limit {
		wrong("X-RateLimit-Remaining: %d of %d", remaining, limit)
	}
	if resets && reset < at.Unix() {
		wrong("X-RateLimit-Reset: %d has passed at %d", reset, at.Unix())
	}
	retry, waits := number("Retry-After")
	switch {
	case status == http.StatusTooManyRequests && !waits:
		wrong("a 429 wants Retry-After")
	case status == http.StatusTooManyRequests && (retry < 1 || retry < longest):
		wrong("Retry-After: %d, want 1 or more and no less than t (%d)", retry, longest)
	case status < 300 && h.Get("Retry-After") != "":
		wrong("Retry-After in an answer of %d", status)
	}
	if status == http.StatusTooManyRequests {
		if !limited && h.Get("RateLimit") == "" {
			wrong("a 429 wants RateLimit or X-RateLimit-Limit")
		}
		if !strings.Contains(h.Get("Cache-Control"), "no-store") {
			wrong("a 429 wants Cache-Control: no-store, has %q", h.Get("Cache-Control"))
		}
	}
	return errors.Join(errs...)
}
