package ratelimit

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// Headers says which headers have the quota. The zero value sends all.
type Headers struct {
	// Draft is the version of the IETF draft "RateLimit header fields for HTTP". The
	// zero value is Draft11, the newest that is published.
	Draft Draft

	// NoXRateLimit omits X-RateLimit-Limit, -Remaining and -Reset, which have
	// GitHub's format: the reset is in seconds since 1970.
	NoXRateLimit bool

	// NoRetryAfter omits Retry-After from rejections. Clients then cannot know when
	// to retry.
	NoRetryAfter bool
}

// Draft is a version of the IETF draft.
type Draft int

const (
	// Draft11 is the format of drafts 08 to 11: RateLimit-Policy and RateLimit,
	// which are lists (RFC 9651 §3.1) with the names of the policies.
	Draft11 Draft = iota

	// Draft06 is the format of drafts 00 to 06: RateLimit-Limit,
	// RateLimit-Remaining, RateLimit-Reset (in seconds from now), and
	// RateLimit-Policy.
	Draft06

	// NoDraft sends none of them.
	NoDraft

	// DraftNext is the format proposed for the version after draft 11
	// (ietf-wg-httpapi/ratelimit-headers pull request 166, of April 2026). RateLimit
	// has the parameters a (available quota), w (effective window, in seconds) and c
	// (what this request has cost). RateLimit-Partition names, for policies by user,
	// the dimension user_id; other policies count by what has no registered
	// dimension, and are not in it. It may change with the proposal.
	DraftNext
)

func (h Headers) check(complain complaint) {
	if h.Draft < Draft11 || h.Draft > DraftNext {
		complain("Headers.Draft", "must be Draft11, Draft06, NoDraft or DraftNext, got %d", h.Draft)
	}
}

// Quota returns a Quota with this Usage, whose headers are those that h selects, for
// documentation and tests.
func (h Headers) Quota(at time.Time, usage ...Usage) Quota {
	return Quota{At: at, Usage: usage, form: h}
}

// SetHeader sets the headers that Config.Headers selects. RateLimit-Policy lists
// all policies; the others describe the policy that is closest to its limit.
// Times are rounded up, so that a client that waits this long is admitted.
// Existing headers of these names are replaced. If nothing was counted, nothing
// is set.
func (q Quota) SetHeader(h http.Header) {
	var lists *valueLists
	if q.lists != nil && q.lists.taken.CompareAndSwap(false, true) {
		lists = &q.lists.values
	}
	q.setHeader(h, lists)
}

// onceLists has the lists of the values for the first response that gets the headers.
type onceLists struct {
	taken  atomic.Bool
	values valueLists
}

// setHeader is SetHeader with memory for the values; nil: there is none.
func (q *Quota) setHeader(h http.Header, memory *valueLists) {
	nearest := q.nearest()
	if nearest == nil || q.silent {
		return
	}
	if len(q.Usage) == 1 && q.form.isSingle(nearest.policy, nearest.Policy.Limit) {
		nearest.policy.texts.setHeader(h, nearest.Remaining, nearest.wait(), q.reset(nearest), memory)
		return
	}
	var v values
	var buffer [256]byte // large enough for most responses
	text := buffer[:0]
	var remaining part
	switch q.form.Draft {
	case Draft11:
		text = v.policies(text, q.Usage)
		text, remaining = appendPart(nearest.appendRemaining(text), nearest.Remaining)
		text = v.end("Ratelimit", strconv.AppendInt(append(text, ";t="...), fieldvalue.Seconds(nearest.wait()), 10))
	case DraftNext:
		text = v.policies(text, q.Usage)
		text = v.end("Ratelimit-Partition", appendPartitions(text, q.Usage))
		text, remaining = appendPart(append(appendString(text, nearest.Policy.Name), ";a="...), nearest.Remaining)
		text = strconv.AppendInt(append(text, ";w="...), fieldvalue.Seconds(nearest.wait()), 10)
		text = v.end("Ratelimit", strconv.AppendInt(append(text, ";c="...), nearest.cost, 10))
	case Draft06:
		text = v.end("Ratelimit-Policy", appendOlderPolicies(text, q.Usage))
		text = v.limit("Ratelimit-Limit", text, nearest)
		text, remaining = appendPart(text, nearest.Remaining)
		text = v.end("Ratelimit-Remaining", text)
		text = v.end("Ratelimit-Reset", strconv.AppendInt(text, fieldvalue.Seconds(nearest.wait()), 10))
	}
	if !q.form.NoXRateLimit {
		text = v.limit("X-Ratelimit-Limit", text, nearest)
		if remaining.to == 0 {
			text, remaining = appendPart(text, nearest.Remaining)
		}
		v.add(value{name: "X-Ratelimit-Remaining", part: remaining}, len(text))
		text = v.end("X-Ratelimit-Reset", strconv.AppendInt(text, q.reset(nearest), 10))
	}
	if memory == nil || len(memory) < v.n {
		v.set(h, string(text), make([]string, v.n))
		return
	}
	v.set(h, string(text), memory[:])
}

// isSingle reports whether all headers of draft 11 are made of the texts of one policy:
// see [texts.setHeader].
func (h Headers) isSingle(p *policy, limit int64) bool {
	return h == Headers{} && p.isDescribed(limit) && p.texts.of == 1
}

// setHeader sets all headers of draft 11 for a request that is counted under this policy
// alone, as most requests are. lists are memory for the values; nil: there is none.
func (t *texts) setHeader(h http.Header, remaining int64, wait time.Duration, reset int64, lists *valueLists) {
	var buffer [128]byte // large enough for the longest name of a policy
	text, left := appendPart(append(buffer[:0], t.remaining...), remaining)
	text = strconv.AppendInt(append(text, ";t="...), fieldvalue.Seconds(wait), 10)
	end := len(text)
	text = strconv.AppendInt(text, reset, 10)
	all := string(text)
	if lists == nil {
		lists = new(valueLists)
	}
	*lists = valueLists{t.list, all[:end], t.limit, all[left.from:left.to], all[end:]}
	h["Ratelimit-Policy"] = lists[0:1:1]
	h["Ratelimit"] = lists[1:2:2]
	h["X-Ratelimit-Limit"] = lists[2:3:3]
	h["X-Ratelimit-Remaining"] = lists[3:4:4]
	h["X-Ratelimit-Reset"] = lists[4:5:5]
}

// appendRemaining appends the name and the parameter r of draft 11.
func (u *Usage) appendRemaining(text []byte) []byte {
	if u.policy != nil && u.policy.texts != nil {
		return append(text, u.policy.texts.remaining...)
	}
	return append(appendString(text, u.Policy.Name), remainingIs...)
}

// remainingIs stands between the name of a policy and what remains, in draft 11.
const remainingIs = ";r="

// describedList returns the list of policies that all of a tier or of a rule have, if
// these are their Usage; else "".
func describedList(all []Usage) string {
	first := all[0].policy
	if first == nil || first.texts == nil || first.texts.of != len(all) {
		return ""
	}
	for i := range all {
		p := all[i].policy
		if !p.isDescribed(all[i].Policy.Limit) || p.tier != first.tier || p.texts.list != first.texts.list {
			return ""
		}
	}
	return first.texts.list
}

// values are the values of the headers: parts of one text, or prepared. They need two
// allocations for each response, or one if the response has memory for the lists. The
// lists are not shared between responses, because another middleware may change them.
type values struct {
	all  [mostValues]value
	n    int
	used int // how much of the text is of these
}

// value is the value of one header.
type value struct {
	name     string
	prepared string
	part     part // if it is not prepared
}

// part is where something is in the text.
type part struct{ from, to int }

// appendPart appends a number, and tells where it is.
func appendPart(text []byte, n int64) ([]byte, part) {
	from := len(text)
	text = strconv.AppendInt(text, n, 10)
	return text, part{from, len(text)}
}

const (
	mostValues = 7

	// valuesInPass is how many there are by Draft11.
	valuesInPass = 5
)

type valueLists [valuesInPass]string

// add adds a value. The text has this length: what is appended from here on is of other
// values.
func (v *values) add(one value, length int) {
	v.all[v.n] = one
	v.n++
	v.used = length
}

// end ends a value, unless it is empty.
func (v *values) end(name string, text []byte) []byte {
	if v.used < len(text) {
		v.add(value{name: name, part: part{v.used, len(text)}}, len(text))
	}
	return text
}

// policies adds the list of policies.
func (v *values) policies(text []byte, all []Usage) []byte {
	if list := describedList(all); list != "" {
		v.add(value{name: "Ratelimit-Policy", prepared: list}, len(text))
		return text
	}
	return v.end("Ratelimit-Policy", appendPolicies(text, all))
}

// limit adds the limit of a policy.
func (v *values) limit(name string, text []byte, u *Usage) []byte {
	if u.policy.isDescribed(u.Policy.Limit) {
		v.add(value{name: name, prepared: u.policy.texts.limit}, len(text))
		return text
	}
	return v.end(name, strconv.AppendInt(text, u.Policy.Limit, 10))
}

func (v *values) set(h http.Header, text string, lists []string) {
	for i := range v.all[:v.n] {
		one := &v.all[i]
		if lists[i] = one.prepared; lists[i] == "" {
			lists[i] = text[one.part.from:one.part.to]
		}
		h[one.name] = lists[i : i+1 : i+1]
	}
}

// appendPartitions appends the list of policies that count by user, with that
// dimension.
func appendPartitions(text []byte, all []Usage) []byte {
	separator := ""
	for i := range all {
		if all[i].byUser {
			text = append(appendString(append(text, separator...), all[i].Policy.Name), ";user_id"...)
			separator = ", "
		}
	}
	return text
}

// appendPolicies appends the list of drafts 08 to 11, and of the next.
func appendPolicies(text []byte, all []Usage) []byte {
	for i := range all {
		u := &all[i]
		if i > 0 {
			text = append(text, ", "...)
		}
		text = strconv.AppendInt(append(appendString(text, u.Policy.Name), ";q="...), u.Policy.Limit, 10)
		if u.Policy.Window > 0 {
			text = strconv.AppendInt(append(text, ";w="...), fieldvalue.Seconds(u.Policy.Window), 10)
		}
		if u.Unit != "" {
			text = appendString(append(text, ";qu="...), u.Unit)
		}
	}
	return text
}

// appendOlderPolicies appends the list of drafts 04 to 06, which has no names,
// and no policy without a window.
func appendOlderPolicies(text []byte, all []Usage) []byte {
	for i := range all {
		u := &all[i]
		if u.Policy.Window <= 0 {
			continue
		}
		if len(text) > 0 {
			text = append(text, ", "...)
		}
		text = strconv.AppendInt(text, u.Policy.Limit, 10)
		text = strconv.AppendInt(append(text, ";w="...), fieldvalue.Seconds(u.Policy.Window), 10)
	}
	return text
}

// appendString appends a String of RFC 9651 §3.3.3. New has checked that it needs
// no escapes.
func appendString(text []byte, s string) []byte {
	return append(append(append(text, '"'), s...), '"')
}
