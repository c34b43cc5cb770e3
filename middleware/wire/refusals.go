package wire

import (
	"net/http"
	"slices"
	"sync/atomic"
)

// Refusals answers refused requests in one wire format and for one realm. Create it
// with [NewRefusals]. It is safe for concurrent use.
//
// What a server refuses most often it makes with little memory: a request that is over
// its limit in the format of [OAuth2], and in each of this package's formats a request
// without a valid access token, whose answer depends on the reason alone and is made
// once.
type Refusals struct {
	dialect Dialect
	realm   string
	bearer  *[bearerReasons]atomic.Pointer[prepared] // nil: the dialect is the host's, and decides each time
}

// NewRefusals returns the Refusals of a wire format, with the realm of
// WWW-Authenticate.
func NewRefusals(d Dialect, realm string) *Refusals {
	r := &Refusals{dialect: d, realm: realm}
	switch d.(type) {
	case OAuth2, Lexik, FastAPI, PostmanRefresh: // not what embeds one of them
		r.bearer = new([bearerReasons]atomic.Pointer[prepared])
	}
	return r
}

// RefusedIn sets the headers of the Dialect's Refused in h, as those of a response that
// has been begun, and returns the answer, whose Header is h. Its Body may be shared with
// other answers: do not change it.
func (r *Refusals) RefusedIn(h http.Header, route Route, e *Error) Answer {
	if _, ok := r.dialect.(OAuth2); ok && isLimited(e) {
		return limitedAnswer(h, e)
	}
	if i := bearerReason(e.Reason); i >= 0 && route == RouteAPI && r.bearer != nil {
		p := r.bearer[i].Load()
		if p == nil {
			p = newPrepared(NewError(e.Reason, nil), r.dialect, r.realm)
			r.bearer[i].Store(p)
		}
		if p.fits(e) {
			return p.in(h)
		}
	}
	a := r.dialect.Refused(route, r.realm, e)
	a.SetHeader(h)
	a.Header, a.isJSON = h, r.bearer != nil
	return a
}

const bearerReasons = 5

// bearerReason numbers the reasons for which a request has no valid access token; -1 is
// any other.
func bearerReason(r Reason) int {
	switch r {
	case ReasonNoBearer:
		return 0
	case ReasonBearer:
		return 1
	case ReasonExpired:
		return 2
	case ReasonBearerForm:
		return 3
	case ReasonTwoBearers:
		return 4
	}
	return -1
}

// prepared is an answer that does not depend on the request.
type prepared struct {
	to     *Error // what it answers
	status int
	header []field
	body   []byte
}

func newPrepared(e *Error, d Dialect, realm string) *prepared {
	a := d.Refused(RouteAPI, realm, e)
	p := &prepared{to: e, status: a.Status, body: slices.Clip(a.Body)}
	for name, values := range a.Header {
		p.header = append(p.header, field{name, values[0]}) // each of these has one
	}
	return p
}

// fits reports whether it is the answer to e. The cause does not matter: no answer to
// these reasons shows it.
func (p *prepared) fits(e *Error) bool {
	return e.Status == p.to.Status && e.Code == p.to.Code && e.Description == p.to.Description &&
		e.Quota == nil && e.RetryAfter == 0 && !e.ReducedCapacity &&
		len(e.Fields) == 0 && e.Allow == "" && e.Scope == "" && e.HostCode == ""
}

// in sets the headers in h. The lists of their values are the response's own: other
// middleware may change them.
func (p *prepared) in(h http.Header) Answer {
	values := make([]string, len(p.header))
	for i := range p.header {
		values[i] = p.header[i].value
		h[p.header[i].name] = values[i : i+1 : i+1]
	}
	return Answer{Status: p.status, Header: h, Body: p.body, isJSON: true}
}
