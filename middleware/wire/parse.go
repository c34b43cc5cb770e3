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
	"unicode"
	"unicode/utf8"
)

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// parse reads the body, if it is of a kind that is read. If a middleware has read
// it before, it takes r.PostForm.
func (p *Params) parse(r *http.Request, body []byte, accepts Accepts, limit int64) error {
	media, args, err := mediaType(r)
	if err != nil {
		return err
	}
	isForm := media == mediaForm || accepts.Multipart && media == mediaMultipart
	isJSON := accepts.JSON && (media == mediaJSON || strings.HasSuffix(media, "+json") || bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")))
	switch {
	case isForm && len(body) == 0:
		p.values, err = parsed(r.PostForm, limit)
	case isJSON && isNothing(body):
		p.unread = &unread{errJSON, media, accepts.Unknown}
	case isJSON:
		p.values, p.trues, err = parseJSON(body)
	case len(body) == 0 && media == "":
	case media == mediaForm:
		p.values, err = parseForm(body)
	case isForm:
		p.values, err = parseMultipart(body, args["boundary"])
	default:
		p.unread = &unread{accepts.wanted(), media, accepts.Unknown}
	}
	if foreign, _ := isForeign(args["charset"]); err == nil && foreign && !isASCII(p.values) {
		return errCharset
	}
	return err
}

// mediaType reads the Content-Type, or "" without one.
func mediaType(r *http.Request) (media string, args map[string]string, err error) {
	contentType := r.Header.Get("Content-Type")
	if contentType == mediaForm { // as most clients write it
		return contentType, nil, nil
	}
	if contentType != "" {
		if media, args, err = mime.ParseMediaType(contentType); err != nil {
			return "", nil, errMedia
		}
	}
	if _, ok := isForeign(args["charset"]); !ok {
		return "", nil, errCharset
	}
	return media, args, nil
}

// isForeign reports whether a charset is another than UTF-8. ok is false if ASCII
// may have another meaning in it.
func isForeign(charset string) (foreign, ok bool) {
	charset = strings.ToLower(charset)
	switch charset {
	case "", "utf-8", "utf8":
		return false, true
	case "us-ascii", "ascii", "latin1":
		return true, true
	}
	for _, family := range []string{"iso-8859-", "iso8859-", "iso_8859-", "windows-125", "cp125"} {
		if strings.HasPrefix(charset, family) {
			return true, true
		}
	}
	return true, false
}

func isASCII(values map[string]string) bool {
	for name, value := range values {
		if strings.IndexFunc(name+value, func(c rune) bool { return c > unicode.MaxASCII }) >= 0 {
			return false
		}
	}
	return true
}

// isNothing reports whether JSON has no content.
func isNothing(body []byte) bool {
	text := bytes.TrimSpace(body)
	return len(text) == 0 || string(text) == "null"
}

// wanted returns which bodies are read, as a sentence.
func (a Accepts) wanted() malformed {
	kinds := []string{"a form (" + mediaForm + ")"}
	if a.Multipart {
		kinds = append(kinds, mediaMultipart)
	}
	if a.JSON {
		kinds = append(kinds, "JSON ("+mediaJSON+")")
	}
	return malformed("The body must be " + strings.Join(kinds, " or "))
}

// parsed takes a form that a middleware has parsed, if it is not longer than the
// limit.
func parsed(form url.Values, limit int64) (map[string]string, error) {
	size := int64(0)
	for name, all := range form {
		for _, value := range all {
			size += int64(len(name) + len(value) + len("=&"))
		}
	}
	if size > limit+1 { // the last parameter has no "&" behind it
		return nil, tooLarge(limit, nil)
	}
	return single(form)
}

// single takes each parameter, which must occur once.
func single(form url.Values) (map[string]string, error) {
	values := make(map[string]string, len(form))
	for name, all := range form {
		if len(all) != 1 { // RFC 6749 §3.2
			return nil, errTwice
		}
		values[name] = all[0]
	}
	return values, nil
}

// maxParams is the maximum number of parameters of a form, that of url.ParseQuery.
const maxParams = 10_000

// parseForm takes each parameter of a form, which must occur once. It reads what
// url.ParseQuery reads, without a list for each parameter.
func parseForm(body []byte) (map[string]string, error) {
	values, twice := map[string]string{}, false
	for rest, n := string(body), 0; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		n++
		if n > maxParams || strings.IndexByte(pair, ';') >= 0 {
			return nil, errForm
		}
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errForm // the text of err would contain the body
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errForm
		}
		_, has := values[name]
		twice = twice || has // RFC 6749 §3.2
		values[name] = value
	}
	if twice {
		return nil, errTwice
	}
	return values, nil
}

// parseJSON takes the strings of one flat object, and the names of members that
// are true. Other members are not read: if one is where a string is required, the
// parameter is missing.
func parseJSON(body []byte) (values map[string]string, trues map[string]bool, err error) {
	object, err := parseObject(body)
	if err != nil {
		return nil, nil, err
	}
	values, trues = map[string]string{}, map[string]bool{}
	for name, value := range object {
		switch v := value.(type) {
		case string:
			values[name] = v
		case bool:
			trues[name] = v
		}
	}
	return values, trues, nil
}

// parseObject takes one object, without repeated names, and nothing after it.
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
	for n := 0; ; n++ {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // one that comes too early is wrapped
			return values, nil
		}
		if err != nil || n == maxParts {
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
