package wire

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Params are the headers and the body parameters of a login, refresh, logout or
// token request. The query is not among them. Create it with [Read].
type Params struct {
	// Header has the headers of the request.
	Header     http.Header
	values     map[string]string
	trues      map[string]bool // what is true in JSON
	unread     *unread         // the body was of a kind that is not read here; nil: it was read
	registered bool            // clients must be registered
	observer   *observer       // nil: the request is a real one
}

// Get returns a parameter of the body, or "" if it is missing.
func (p *Params) Get(name string) string {
	if p.observer != nil {
		p.observer.note("body", name)
	}
	return p.values[name]
}

// Lookup returns a parameter of the body, and whether it is present.
func (p *Params) Lookup(name string) (string, bool) {
	if p.observer != nil {
		p.observer.note("body", name)
	}
	v, ok := p.values[name]
	return v, ok
}

// IsTrue reports whether a parameter of the body is "1", "true", "on" or "yes",
// in any case, or true in JSON.
func (p *Params) IsTrue(name string) bool {
	switch strings.ToLower(p.values[name]) {
	case "1", "true", "on", "yes":
		return true
	}
	return p.trues[name]
}

// malformed says what a request must be like. The sentence is for the developer
// of the client: it contains nothing of the request.
type malformed string

// Error returns the sentence.
func (m malformed) Error() string { return string(m) }

const (
	errJSON      malformed = "The body must be one JSON object"
	errTwice     malformed = "A parameter or a header is repeated"
	errText      malformed = "Parameters must be UTF-8, without NUL"
	errMedia     malformed = "The Content-Type is malformed or repeated"
	errCharset   malformed = "The charset of the body must be UTF-8"
	errEncoding  malformed = "The body must not be compressed"
	errMultipart malformed = "The body must be complete multipart/form-data, of at most 100 parts"
	errForm      malformed = "The body must be percent-encoded as application/x-www-form-urlencoded"
	errObject    malformed = "The body must be a JSON object, with Content-Type application/json"
	errLate      malformed = "The body was not received in time"
)

// maxParts is the maximum number of parts of multipart/form-data.
const maxParts = 100

// Limits limits what Read and ReadObject read.
type Limits struct {
	// MaxBody is the maximum length of a body, in bytes. Zero: no body is accepted.
	MaxBody int64

	// Registered is true if clients must be registered. Malformed credentials of a
	// client are then a failed authentication instead of a malformed request.
	Registered bool
}

// Read reads the parameters of a POST, and rejects a request that is ambiguous:
// with a repeated parameter or header, with a malformed or compressed body, or
// with text that is not UTF-8. It reads at most limits.MaxBody bytes, and writes
// no file.
//
// A body of a kind that accepts does not name is not read: the request then has
// only the parameters of its headers. See [Params.Explain].
//
// If a middleware has read the body before, Read takes r.PostForm. It never takes
// parameters of the URL. Its errors are *Error values.
func Read(r *http.Request, accepts Accepts, limits Limits) (*Params, error) {
	if r.Method != http.MethodPost {
		return nil, NewError(ReasonMethod, nil)
	}
	if len(r.Header["Authorization"]) > 1 {
		return nil, NewError(ReasonTwoBearers, nil)
	}
	body, err := readBody(r, limits.MaxBody)
	if err != nil {
		return nil, err
	}
	p := &Params{Header: r.Header, registered: limits.Registered}
	if err := p.parse(r, body, accepts, limits.MaxBody); err != nil {
		return nil, asMalformed(err)
	}
	for name, value := range p.values {
		if !isText(name) || !isText(value) {
			return nil, NewError(ReasonMalformed, errText)
		}
	}
	return p, nil
}

func asMalformed(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return NewError(ReasonMalformed, err)
}

// unread is a body that was not read.
type unread struct {
	want    malformed
	media   string // the media type of the request
	lenient bool   // Accepts.Unknown
}

// Explain returns err, or a better one. If err says that a parameter is missing,
// and the request had a body of a kind that is not read here, the result says
// which kinds are. Handlers pass the errors of a Dialect through it, so that a
// client that sends JSON to a format of forms learns that, and a body that is not
// needed is ignored.
func (p *Params) Explain(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || p.unread == nil || e.Reason != ReasonMissing && e.Reason != ReasonNoRefresh {
		return err
	}
	if !p.unread.lenient {
		return NewError(ReasonMalformed, p.unread.want)
	}
	explained := *e
	explained.Fields = append(slices.Clip(e.Fields), Field{
		In: "header", Name: "content-type", Value: p.unread.media, Want: string(p.unread.want),
	})
	return &explained
}

// ReadObject reads a body that is one JSON object without repeated names. The
// Content-Type must be application/json, which no form of another site can send.
// Its errors are *Error values.
func ReadObject(r *http.Request, limits Limits) (map[string]any, error) {
	body, err := readBody(r, limits.MaxBody)
	if err != nil {
		return nil, err
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != mediaJSON {
		return nil, NewError(ReasonMalformed, errObject)
	}
	object, err := parseObject(body)
	if err != nil {
		return nil, NewError(ReasonMalformed, err)
	}
	return object, nil
}

// refreshHeader reads the refresh-token header, or "" without one.
func (p *Params) refreshHeader() (string, error) {
	if p.observer != nil {
		p.observer.note("header", "refresh-token")
	}
	all := p.Header["Refresh-Token"]
	if len(all) > 1 {
		return "", NewError(ReasonMalformed, errTwice)
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0], nil
}
