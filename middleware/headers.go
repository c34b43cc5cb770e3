package middleware

import (
	"net/http"
	"strconv"
)

// Headers says which families of headers tell a caller what is left. The zero
// value sends them all.
type Headers struct {
	// Draft is the generation of the IETF draft "RateLimit header fields for
	// HTTP". The zero value is the newest.
	Draft Draft

	// NoXRateLimit leaves out X-RateLimit-Limit, -Remaining and -Reset, which are
	// as GitHub has them: the reset in seconds since 1970.
	NoXRateLimit bool

	// NoRetryAfter leaves Retry-After out of refusals. Well-behaved clients then
	// have to guess.
	NoRetryAfter bool
}

// Draft is a generation of the IETF draft.
type Draft int

const (
	// Draft11 is that of drafts 08 to 11: RateLimit-Policy and RateLimit, lists
	// of RFC 9651 with the names of the policies.
	Draft11 Draft = iota

	// Draft06 is that of drafts 00 to 06: RateLimit-Limit, RateLimit-Remaining
	// and RateLimit-Reset (in seconds from now), and RateLimit-Policy.
	Draft06

	// NoDraft sends none of them.
	NoDraft
)

func (h Headers) check(complain complaint) {
	if h.Draft < Draft11 || h.Draft > NoDraft {
		complain("Headers.Draft", "wants Draft11, Draft06 or NoDraft, has %d", h.Draft)
	}
}

// SetHeader sets the headers that Config.Headers asks for. RateLimit-Policy
// lists all policies, and the rest describes the one that is closest to its
// limit. What is rounded is rounded so that a client which waits that long gets
// in. Whatever stood there before is replaced; where nothing was counted nothing
// is set.
func (q Quota) SetHeader(h http.Header) {
	nearest, ok := q.nearest()
	if !ok || q.silent {
		return
	}
	w := headerWriter{h: h}
	switch q.form.Draft {
	case Draft11:
		w.policies(q.Usage)
		w.text = strconv.AppendInt(append(quoted(w.text, nearest.Policy.Name), ";r="...), nearest.Remaining, 10)
		w.text = strconv.AppendInt(append(w.text, ";t="...), seconds(nearest.wait()), 10)
		w.end("Ratelimit")
	case Draft06:
		w.olderPolicies(q.Usage)
		w.number("Ratelimit-Limit", nearest.Policy.Limit)
		w.number("Ratelimit-Remaining", nearest.Remaining)
		w.number("Ratelimit-Reset", seconds(nearest.wait()))
	}
	if !q.form.NoXRateLimit {
		w.number("X-Ratelimit-Limit", nearest.Policy.Limit)
		w.number("X-Ratelimit-Remaining", nearest.Remaining)
		w.number("X-Ratelimit-Reset", q.reset(nearest))
	}
	w.set()
}

// headerWriter writes all values into one string, and all lists of one value
// into one array: what a response is charged for this is two allocations. The
// lists are the response's own, for another middleware may change them.
type headerWriter struct {
	h     http.Header
	text  []byte
	names [7]string
	ends  [7]int
	n     int
}

// end ends a value.
func (w *headerWriter) end(name string) {
	w.names[w.n], w.ends[w.n] = name, len(w.text)
	w.n++
}

func (w *headerWriter) number(name string, n int64) {
	w.text = strconv.AppendInt(w.text, n, 10)
	w.end(name)
}

func (w *headerWriter) set() {
	text, values := string(w.text), make([]string, w.n)
	from := 0
	for i, name := range w.names[:w.n] {
		values[i] = text[from:w.ends[i]]
		from = w.ends[i]
		w.h[name] = values[i : i+1 : i+1]
	}
}

// policies is the list of drafts 08 to 11.
func (w *headerWriter) policies(all []Usage) {
	if w.text == nil {
		w.text = make([]byte, 0, 256)
	}
	for i, u := range all {
		if i > 0 {
			w.text = append(w.text, ", "...)
		}
		w.text = strconv.AppendInt(append(quoted(w.text, u.Policy.Name), ";q="...), u.Policy.Limit, 10)
		if u.Policy.Window > 0 {
			w.text = strconv.AppendInt(append(w.text, ";w="...), seconds(u.Policy.Window), 10)
		}
		if u.Unit != "" {
			w.text = quoted(append(w.text, ";qu="...), u.Unit)
		}
	}
	w.end("Ratelimit-Policy")
}

// olderPolicies is that of drafts 04 to 06, which have no names and no policy
// without a window.
func (w *headerWriter) olderPolicies(all []Usage) {
	for _, u := range all {
		if u.Policy.Window <= 0 {
			continue
		}
		if len(w.text) > 0 {
			w.text = append(w.text, ", "...)
		}
		w.text = strconv.AppendInt(w.text, u.Policy.Limit, 10)
		w.text = strconv.AppendInt(append(w.text, ";w="...), seconds(u.Policy.Window), 10)
	}
	if len(w.text) > 0 {
		w.end("Ratelimit-Policy")
	}
}

// quoted appends a String of RFC 9651 §3.3.3: New has seen to it that there is
// nothing to escape in it.
func quoted(text []byte, s string) []byte {
	return append(append(append(text, '"'), s...), '"')
}
