package wire

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// readBody reads a request's body, at most the limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit, nil)
	}
	if len(r.Header["Content-Type"]) > 1 {
		return nil, NewError(ReasonMalformed, errMedia)
	}
	if isCompressed(r) {
		return nil, NewError(ReasonMalformed, errEncoding)
	}
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case int64(len(body)) > limit:
		return nil, tooLarge(limit, nil)
	}
	return body, nil
}

func tooLarge(limit int64, cause error) *Error {
	e := NewError(ReasonTooLarge, cause)
	e.Description = "The body must be " + strconv.FormatInt(limit, 10) + " bytes or less"
	return e
}

// unreadable returns the rejection of a body whose reader has failed, with the
// status of the host's middleware if that limits the body.
func unreadable(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(e.Limit, err)
	}
	status := 0
	if e, ok := errors.AsType[interface {
		error
		StatusCode() int
	}](err); ok {
		status = e.StatusCode()
	}
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return NewError(ReasonTooLarge, err)
	case status == http.StatusRequestTimeout, errors.Is(err, os.ErrDeadlineExceeded):
		e := NewError(ReasonMalformed, err)
		e.Status, e.Description = http.StatusRequestTimeout, string(errLate)
		return e
	}
	return NewError(ReasonMalformed, err)
}

// isCompressed reports whether the body must be decompressed. A middleware that
// has decompressed it with a gzip.Reader, or with a reader that embeds one as
// that of Echo v5 does, may have left the header unchanged.
func isCompressed(r *http.Request) bool {
	codings := r.Header["Content-Encoding"]
	if _, ok := r.Body.(interface{ Multistream(ok bool) }); ok && len(codings) == 1 && strings.EqualFold(codings[0], "gzip") {
		return false
	}
	for _, coding := range codings {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}
