package openapi

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// sample is an answer, and what it answers.
type sample struct {
	reason wire.Reason // empty: a success
	says   string
	answer wire.Answer
}

// responses is the Responses Object.
func (s *spec) responses() object {
	byStatus := map[int][]sample{}
	for _, a := range s.answers {
		byStatus[a.Status] = append(byStatus[a.Status], sample{says: http.StatusText(a.Status), answer: a})
	}
	for _, reason := range s.reasons {
		for _, e := range s.refusals(reason) {
			a := s.answerTo(reason, e)
			byStatus[a.Status] = append(byStatus[a.Status], sample{reason, wire.NewError(e.Reason, nil).Description, a})
		}
	}
	all := object{}
	for status, samples := range byStatus {
		all[strconv.Itoa(status)] = s.response(status, samples)
	}
	if len(s.answers) == 0 { // the host's own, which Route.Object describes
		all["2XX"] = s.response(http.StatusOK, []sample{{says: "Success"}})
	}
	return all
}

// answerTo returns the answer to a refused request: by the handler, or by the middleware in
// front, whose wire format is that of the Auth.
func (s *spec) answerTo(reason wire.Reason, e *wire.Error) wire.Answer {
	if reason == wire.ReasonLimited {
		return s.route.Auth.Refused(wire.RouteAPI, e)
	}
	return s.writer.Refused(s.handler.route, e)
}

// refusals are the rejections for a reason, of each form that the handlers make.
func (s *spec) refusals(reason wire.Reason) []*wire.Error {
	edited := func(edit func(*wire.Error)) *wire.Error {
		e := wire.NewError(reason, nil)
		edit(e)
		return e
	}
	plain := wire.NewError(reason, nil)
	switch reason {
	case reasonLate:
		e := wire.NewError(wire.ReasonMalformed, nil)
		e.Status, e.Description = http.StatusRequestTimeout, "The body was not received in time"
		return []*wire.Error{e}
	case wire.ReasonMissing:
		e := wire.Missing(s.needed[0])
		return []*wire.Error{e, s.ofAnotherKind(e)}
	case wire.ReasonGrantType:
		return []*wire.Error{edited(func(e *wire.Error) {
			e.Fields = []wire.Field{{In: "body", Name: "grant_type", Value: "implicit", Want: "^password$"}}
		})}
	case wire.ReasonNoRefresh:
		if !s.header {
			return []*wire.Error{plain}
		}
		e := edited(func(e *wire.Error) { e.Fields = []wire.Field{{In: "header", Name: "refresh-token", Missing: true}} })
		return []*wire.Error{e, s.ofAnotherKind(e)}
	case wire.ReasonRefused:
		return []*wire.Error{edited(func(e *wire.Error) { e.HostCode = "refused" })}
	case wire.ReasonFactor:
		if !s.about.CompletesLogins {
			return []*wire.Error{plain}
		}
		return []*wire.Error{edited(func(e *wire.Error) {
			e.StepToken, e.StepExpiresIn, e.StepMethods = "step-token", 5*time.Minute, []string{"otp"}
		})}
	case wire.ReasonForbidden:
		return []*wire.Error{edited(func(e *wire.Error) { e.Scope = strings.Join(s.route.Scopes, " ") })}
	case wire.ReasonNotRecent:
		return []*wire.Error{edited(func(e *wire.Error) { e.MaxAge = s.route.RecentLogin })}
	case wire.ReasonThrottled:
		return []*wire.Error{edited(func(e *wire.Error) { e.RetryAfter = time.Minute })}
	case wire.ReasonUnavailable:
		if !s.route.Guard.limits() {
			return []*wire.Error{plain}
		}
		return []*wire.Error{plain, edited(func(e *wire.Error) { e.ReducedCapacity = true })}
	case wire.ReasonLimited:
		q := s.sampleQuota(true)
		limited := func(wait time.Duration) *wire.Error {
			return edited(func(e *wire.Error) { e.Quota, e.RetryAfter = &q, wait })
		}
		return []*wire.Error{limited(8 * time.Second), limited(0)} // the second costs more than is ever allowed
	}
	return []*wire.Error{plain}
}

// ofAnotherKind is the rejection of a request whose body was not read, and that lacks
// something: see [wire.Params.Explain].
func (s *spec) ofAnotherKind(e *wire.Error) *wire.Error {
	r, _ := http.NewRequest(http.MethodPost, "/", strings.NewReader("text")) //nolint:noctx // it is sent nowhere
	r.Header.Set("Content-Type", "text/plain")
	p, err := wire.Read(r, s.accepts, wire.Limits{MaxBody: 1 << 10})
	if err != nil {
		return e
	}
	explained, ok := errors.AsType[*wire.Error](p.Explain(e))
	if !ok {
		return e
	}
	return explained
}

// response is a Response Object for the answers with one status.
func (s *spec) response(status int, samples []sample) object {
	var says []string
	for _, one := range samples {
		if !slices.Contains(says, one.says) {
			says = append(says, one.says)
		}
	}
	r := object{"description": strings.Join(says, "; ")}
	if headers := s.headers(samples); len(headers) > 0 {
		r["headers"] = headers
	}
	if media := contents(status, samples); len(media) > 0 {
		r["content"] = media
	}
	return r
}

// shown are the names of headers as their specifications write them.
var shown = map[string]string{
	"Etag": "ETag", "Www-Authenticate": "WWW-Authenticate", "Ratelimit": "RateLimit", "Ratelimit-Policy": "RateLimit-Policy",
	"Ratelimit-Limit": "RateLimit-Limit", "Ratelimit-Remaining": "RateLimit-Remaining", "Ratelimit-Reset": "RateLimit-Reset",
	"Ratelimit-Partition": "RateLimit-Partition", "X-Ratelimit-Limit": "X-RateLimit-Limit",
	"X-Ratelimit-Remaining": "X-RateLimit-Remaining", "X-Ratelimit-Reset": "X-RateLimit-Reset",
}

// headers describes the headers of the answers.
func (s *spec) headers(samples []sample) object {
	all, times := object{}, map[string]int{}
	note := func(name, value string) {
		if _, ok := all[name]; !ok {
			all[name] = headerObject(value)
		}
	}
	for _, one := range samples {
		for name, values := range one.answer.Header {
			if name == "Content-Type" {
				continue
			}
			times[name]++
			note(name, values[0])
		}
	}
	for name := range all {
		all[name].(object)["required"] = times[name] == len(samples) && !isQuota(name) //nolint:forcetypeassert // made above
	}
	if s.clears(samples) {
		note("Set-Cookie", s.about.AccessCookie+"=; Path=/; Max-Age=0; HttpOnly; Secure")
	}
	for name, values := range s.headersOfGuard() {
		note(name, values[0])
	}
	for _, name := range slices.Collect(maps.Keys(all)) {
		if better, ok := shown[name]; ok {
			all[better] = all[name]
			delete(all, name)
		}
	}
	return all
}

// headersOfGuard are the headers that the middleware in front may add to any answer.
func (s *spec) headersOfGuard() http.Header {
	h := http.Header{}
	if s.route.Guard.limits() {
		s.sampleQuota(false).SetHeader(h)
	}
	if bearer := s.route.Guard.bearer(); bearer != not {
		s.route.Auth.AddVary(h, bearer == optional)
	}
	return h
}

// isQuota reports whether a header has the quota, which is not told while counters fail.
func isQuota(name string) bool { return strings.Contains(name, "Ratelimit") }

// clears reports whether a refusal may clear cookies.
func (s *spec) clears(samples []sample) bool {
	if s.about.RefreshCookie == "" {
		return false
	}
	reasons := []wire.Reason{wire.ReasonBearer, wire.ReasonExpired, wire.ReasonNoBearer, wire.ReasonRefresh, wire.ReasonEnded}
	return slices.ContainsFunc(samples, func(one sample) bool { return slices.Contains(reasons, one.reason) })
}

// headerObject is a Header Object.
func headerObject(value string) object {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return object{"schema": object{"type": "integer"}, "example": n}
	}
	return object{"schema": object{"type": "string"}, "example": value}
}

// contents describes the bodies of the answers, by their media types.
func contents(status int, samples []sample) object {
	bodies, examples := map[string][]any{}, map[string]object{}
	for _, one := range samples {
		if len(one.answer.Body) == 0 {
			continue
		}
		var body any
		if json.Unmarshal(one.answer.Body, &body) != nil {
			continue // a host's wire format, which does not write JSON
		}
		media := one.answer.Header.Get("Content-Type")
		name := string(one.reason)
		if name == "" {
			name = "success"
		}
		if examples[media] == nil {
			examples[media] = object{}
		}
		if _, ok := examples[media][name]; !ok {
			examples[media][name] = object{"value": body}
		}
		bodies[media] = append(bodies[media], body)
	}
	all := object{}
	for media, list := range bodies {
		all[media] = object{"schema": schemaOf(list, status), "examples": examples[media]}
	}
	return all
}
