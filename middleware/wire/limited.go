package wire

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// isLimited reports whether the answer of OAuth2 is the problem document of a limit that
// is reached, and nothing else.
func isLimited(e *Error) bool {
	return e.Reason == ReasonLimited && e.Quota != nil && e.Code == "" && !e.ReducedCapacity
}

// limitedAnswer is a problem document of RFC 9457 with the type of the rate limit draft.
// It is what encoding/json would make, without the memory: a server that refuses has
// many requests to refuse.
func limitedAnswer(h http.Header, e *Error) Answer {
	constant := [...]field{noStore, noCache, {"Content-Type", mediaProblem}, noSniff}
	own := new(struct { // the response's own: other middleware may change the values
		values [len(constant) + 1]string
		body   [272]byte // enough for one policy
	})
	values := own.values[:]
	for i, c := range constant {
		values[i] = c.value
		h[c.name] = values[i : i+1 : i+1]
	}
	e.Quota.SetHeader(h)
	wait := fieldvalue.Seconds(e.RetryAfter)
	if wait > 0 && !e.Quota.NoRetryAfter() {
		values[len(constant)] = strconv.FormatInt(wait, 10)
		h["Retry-After"] = values[len(constant):]
	}
	body := own.body[:0]
	body = append(body, `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota exceeded","status":`...)
	body = strconv.AppendInt(body, int64(e.Status), 10)
	if e.Description != "" {
		body = appendJSON(append(body, `,"detail":`...), e.Description)
	}
	before := `,"violated-policies":[`
	for i := range e.Quota.Usage {
		if u := &e.Quota.Usage[i]; u.Violated {
			body = appendJSON(append(body, before...), u.Policy.Name)
			before = ","
		}
	}
	if before == "," {
		body = append(body, ']')
	}
	if wait > 0 {
		body = strconv.AppendInt(append(body, `,"retry_after":`...), wait, 10)
	}
	return Answer{Status: e.Status, Header: h, Body: append(body, '}'), isJSON: true}
}

// appendJSON appends a string as encoding/json does.
func appendJSON(body []byte, s string) []byte {
	for i := range len(s) {
		if !isPlain[s[i]] {
			text, _ := json.Marshal(s) // a string
			return append(body, text...)
		}
	}
	return append(append(append(body, '"'), s...), '"')
}

// isPlain has the bytes that encoding/json writes as they are.
var isPlain = func() (plain [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		plain[c] = strings.IndexByte(`"\<>&`, c) < 0
	}
	return plain
}()
