package authtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Refusal is what a client can tell of a refusal.
type Refusal struct {
	// Status is the HTTP status. It is required in what WantRefusal wants.
	Status int

	// Code is what tells one refusal from another in the wire format. By wire.OAuth2 it
	// is "error" of the body, for example "invalid_grant"; for problem details (RFC
	// 9457) it is "error" of the challenge, for example "insufficient_scope", or the
	// last part of the type, for example "quota-exceeded". By wire.FastAPI it is
	// "detail", and by wire.Lexik "message". Empty: the refusal has none, and WantRefusal
	// accepts any.
	Code string

	// Challenge is WWW-Authenticate, for example `Bearer realm="api"`. Empty: there is
	// none, and WantRefusal accepts any.
	Challenge string

	// Quota is what the caller has left. Nil: the response does not say, and WantRefusal
	// accepts any.
	Quota *Quota
}

// Quota is what the headers of a response say about the limit that is closest to its
// end.
type Quota struct {
	// Policy is the name of the limit, for example "free". Empty: the headers have no
	// names (ratelimit.Draft06, or X-RateLimit-Limit alone).
	Policy string

	// Limit and Remaining are the limit, and what is left of it.
	Limit, Remaining int64

	// RetryAfter is how long the client should wait, in whole seconds. Zero: the
	// response does not say.
	RetryAfter time.Duration
}

// WantRefusal fails the test unless the response is this refusal. Of the fields of want
// all that are not empty must be the same. The body can be read again afterwards. The
// response of an httptest.ResponseRecorder is its Result.
func WantRefusal(tb TB, response *http.Response, want Refusal) {
	tb.Helper()
	got, err := ReadRefusal(response)
	if err != nil {
		tb.Errorf("%v", err)
		return
	}
	for _, field := range []struct {
		name      string
		got, want any
		wanted    bool
	}{
		{"status", got.Status, want.Status, true},
		{"code", got.Code, want.Code, want.Code != ""},
		{"challenge", got.Challenge, want.Challenge, want.Challenge != ""},
	} {
		if field.wanted && field.got != field.want {
			tb.Errorf("%s = %v, want %v", field.name, field.got, field.want)
		}
	}
	switch {
	case want.Quota == nil:
	case got.Quota == nil:
		tb.Errorf("the response has no quota, want %+v", *want.Quota)
	case *got.Quota != *want.Quota:
		tb.Errorf("quota = %+v, want %+v", *got.Quota, *want.Quota)
	}
}

// ReadRefusal returns what a client can tell of a response that is a refusal, in any
// wire format. It returns an error if the status is below 400, or if the body cannot be
// read. The body can be read again afterwards.
func ReadRefusal(response *http.Response) (Refusal, error) {
	body, err := reread(response)
	if err != nil {
		return Refusal{}, fmt.Errorf("the body cannot be read: %w", err)
	}
	r := Refusal{Status: response.StatusCode, Challenge: response.Header.Get("WWW-Authenticate")}
	if r.Status < http.StatusBadRequest {
		return Refusal{}, fmt.Errorf("the request was not refused: %d %s", r.Status, body)
	}
	r.Code = code(response.Header, body)
	if q, ok := ReadQuota(response); ok {
		r.Quota = &q
	}
	return r, nil
}

// reread reads the body of a response, and puts it back.
func reread(response *http.Response) ([]byte, error) {
	if response.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

var errorParameter = regexp.MustCompile(`[ ,]error="([^"]*)"`)

// code returns the Code of a Refusal.
func code(h http.Header, body []byte) string {
	var members map[string]any
	_ = json.Unmarshal(body, &members) // a refusal of the host's need not be JSON
	text := func(name string) string {
		s, _ := members[name].(string)
		return s
	}
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if media == "application/problem+json" {
		if found := errorParameter.FindStringSubmatch(h.Get("WWW-Authenticate")); found != nil {
			return found[1]
		}
		if problem := text("type"); problem != "about:blank" {
			return problem[strings.LastIndexAny(problem, "#/")+1:]
		}
		return ""
	}
	for _, name := range []string{"error", "detail", "message"} {
		if s := text(name); s != "" {
			return s
		}
	}
	return ""
}

// item is one of RateLimit or RateLimit-Policy: a name, and its parameters.
var item = regexp.MustCompile(`"([^"]*)"((?:;[a-z0-9*_.-]+(?:="[^"]*"|=[^;,"]*)?)*)`)

// ReadQuota returns what the headers of a response say about the caller's quota, in any
// of the formats that ratelimit.Headers selects. It returns false if they say nothing.
func ReadQuota(response *http.Response) (Quota, bool) {
	h := response.Header
	q := Quota{}
	seconds, _ := strconv.ParseInt(h.Get("Retry-After"), 10, 64)
	q.RetryAfter = time.Duration(seconds) * time.Second
	if left := item.FindStringSubmatch(h.Get("RateLimit")); left != nil {
		q.Policy = left[1]
		if remaining, ok := parameter(left[2], "r"); ok {
			q.Remaining = remaining
		} else {
			q.Remaining, _ = parameter(left[2], "a") // ratelimit.DraftNext
		}
		for _, policy := range item.FindAllStringSubmatch(h.Get("RateLimit-Policy"), -1) {
			if policy[1] == q.Policy {
				q.Limit, _ = parameter(policy[2], "q")
			}
		}
		return q, true
	}
	for _, prefix := range []string{"RateLimit-", "X-RateLimit-"} {
		limit, err := strconv.ParseInt(h.Get(prefix+"Limit"), 10, 64)
		if err != nil {
			continue
		}
		q.Limit = limit
		q.Remaining, _ = strconv.ParseInt(h.Get(prefix+"Remaining"), 10, 64)
		return q, true
	}
	return Quota{}, false
}

// parameter returns an Integer of the parameters of an item.
func parameter(parameters, name string) (int64, bool) {
	for one := range strings.SplitSeq(parameters, ";") {
		if key, value, _ := strings.Cut(one, "="); key == name {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
