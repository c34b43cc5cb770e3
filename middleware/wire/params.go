package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Params are the headers and the body parameters of a login, refresh, logout or
// token request. The query is not among them.
type Params struct {
	Header     http.Header
	values     map[string]string
	registered bool // clients must be registered
}

// Get returns a parameter; "" if it is not there.
func (p *Params) Get(name string) string { return p.values[name] }

// Lookup returns a parameter, and whether it is there.
func (p *Params) Lookup(name string) (string, bool) {
	v, ok := p.values[name]
	return v, ok
}

var (
	errJSON      = errors.New("the body is not one JSON object of strings")
	errTwice     = errors.New("a parameter or a header is repeated")
	errText      = errors.New("a parameter is not UTF-8, or has a NUL in it")
	errMedia     = errors.New("the Content-Type is not supported here")
	errEncoding  = errors.New("the body is compressed")
	errMultipart = errors.New("the body is not multipart, from its first boundary to its last")
)

// Limits bounds what Read reads.
type Limits struct {
	// MaxBody is the longest body, in bytes.
	MaxBody int64

	// Registered is true if clients must be registered. Malformed credentials of a
	// client are then a failed authentication instead of a malformed request.
	Registered bool
}

// Read reads the parameters of a POST and refuses any request that is ambiguous. It
// reads at most limits.MaxBody bytes.
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
	values, err := parse(r.Header.Get("Content-Type"), body, accepts)
	if err != nil {
		return nil, NewError(ReasonMalformed, err)
	}
	for name, value := range values {
		if !isText(name) || !isText(value) {
			return nil, NewError(ReasonMalformed, errText)
		}
	}
	return &Params{Header: r.Header, values: values, registered: limits.Registered}, nil
}

// ReadObject reads a body that is one JSON object without repeated names.
// The Content-Type must be application/json: no form of another site can send that.
func ReadObject(r *http.Request, limits Limits) (map[string]any, error) {
	body, err := readBody(r, limits.MaxBody)
	if err != nil {
		return nil, err
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != mediaJSON {
		return nil, NewError(ReasonMalformed, errMedia)
	}
	object, err := parseObject(body)
	if err != nil {
		return nil, NewError(ReasonMalformed, err)
	}
	return object, nil
}

// readBody reads a request's body, and no more of it than the limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, NewError(ReasonTooLarge, nil)
	}
	if len(r.Header["Content-Type"]) > 1 {
		return nil, NewError(ReasonMalformed, errTwice)
	}
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, NewError(ReasonMalformed, errEncoding)
		}
	}
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	var capped *http.MaxBytesError
	switch {
	case errors.As(err, &capped), int64(len(body)) > limit:
		return nil, NewError(ReasonTooLarge, err)
	case err != nil:
		return nil, NewError(ReasonMalformed, err)
	}
	return body, nil
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func parse(contentType string, body []byte, accepts Accepts) (map[string]string, error) {
	var media string
	var args map[string]string
	if contentType != "" {
		var err error
		if media, args, err = mime.ParseMediaType(contentType); err != nil {
			return nil, err
		}
		if charset := args["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
			return nil, errMedia
		}
	}
	switch {
	case accepts.JSON && (media == mediaJSON || strings.HasSuffix(media, "+json") || bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))):
		return parseJSON(body)
	case accepts.Multipart && media == "multipart/form-data":
		return parseMultipart(body, args["boundary"])
	case media == "application/x-www-form-urlencoded":
		return parseForm(body)
	case len(body) == 0, accepts.Unknown:
		return nil, nil
	}
	return nil, errMedia
}

func parseForm(body []byte) (map[string]string, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("not a form") // its text would quote the body
	}
	values := make(map[string]string, len(form))
	for name, all := range form {
		if len(all) > 1 { // RFC 6749 §3.2
			return nil, errTwice
		}
		values[name] = all[0]
	}
	return values, nil
}

// parseJSON takes the strings of one flat object. What else is in it is not
// read, unless it stands where a string is wanted: then it is not there.
func parseJSON(body []byte) (map[string]string, error) {
	object, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, value := range object {
		if s, ok := value.(string); ok {
			values[name] = s
		}
	}
	return values, nil
}

// parseObject takes one object, in which no name stands twice, and nothing
// behind it.
func parseObject(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errJSON
	}
	object := map[string]any{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if _, twice := object[name]; twice {
			return nil, errTwice
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, errJSON
		}
		object[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return object, nil
}

func parseMultipart(body []byte, boundary string) (map[string]string, error) {
	// the reader takes a body that breaks off between two parts for a whole one,
	// and does not look at what is behind the last
	_, rest, ok := bytes.Cut(body, []byte("--"+boundary+"--"))
	if !ok || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errMultipart
	}
	values := map[string]string{}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // one that comes too early is wrapped
			return values, nil
		}
		if err != nil {
			return nil, errMultipart
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errMultipart
		}
		if part.FileName() != "" {
			continue
		}
		if _, twice := values[part.FormName()]; twice {
			return nil, errTwice
		}
		values[part.FormName()] = string(value)
	}
}

// refreshHeader reads the refresh-token header; "" if there is none.
func (p *Params) refreshHeader() (string, error) {
	all := p.Header["Refresh-Token"]
	if len(all) > 1 {
		return "", NewError(ReasonMalformed, errTwice)
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0], nil
}
