package adapter

import (
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/unread"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Refusal is a refused request. An adapter makes it an error of its framework. It is
// neither a string nor an error itself, because error handlers add the cause to both.
type Refusal struct {
	Status int
	Cause  *wire.Error

	answer    wire.Answer // its Header is that of the response
	mediaType []string
}

const (
	contentType = "Content-Type"
	mediaJSON   = "application/json"
)

// refuse sets the headers of the refusal and returns it for the app's error handler.
// It removes Content-Type, because a framework keeps one that is set and the handler
// may write another body.
func (a Auth[C, H, W]) refuse(c C, auth *middleware.Auth, route wire.Route, err error) error {
	unread.Discard(c.Request())
	// A middleware of the framework in front of the handler has limited the body.
	if a.status(err) == http.StatusRequestEntityTooLarge {
		err = wire.NewError(wire.ReasonTooLarge, err)
	}
	r := &Refusal{}
	r.answer, r.Cause = auth.RefusedIn(c.Response().Header(), route, err)
	r.Status, r.mediaType = r.answer.Status, r.answer.Header[contentType]
	delete(r.answer.Header, contentType)
	return a.refused(r)
}

// MarshalJSON returns the body, or null if it is not JSON. It never fails, because
// a framework's error handler would answer 200 then.
//
// If the framework has set Content-Type to application/json, and encoding/json writes
// the refusal as a whole document, MarshalJSON replaces it with the media type of the
// body. A document of the host's in which the refusal is a part keeps its own.
// Marshaling for a log changes no header.
func (r *Refusal) MarshalJSON() ([]byte, error) {
	if !r.answer.IsJSON() {
		return []byte("null"), nil
	}
	now := r.answer.Header[contentType]
	if len(now) == 1 && now[0] == mediaJSON && !slices.Equal(now, r.mediaType) && isWholeDocument() {
		r.answer.Header[contentType] = r.mediaType
	}
	return slices.Clip(r.answer.Body), nil // other refusals may share it
}

// isWholeDocument reports whether encoding/json, which has called MarshalJSON, encodes
// that value alone. Nothing but the stack tells: between the call of the encoder and that
// of MarshalJSON there is a function for each value around it. With another encoder it
// reports false, because application/json is true of each document.
func isWholeDocument() bool {
	var pcs [16]uintptr
	inside := false
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] { // the callers of MarshalJSON
		function := runtime.FuncForPC(pc - 1).Name()
		name, within := strings.CutPrefix(function, "encoding/json.")
		switch {
		case !within && inside: // a MarshalJSON of the host's makes a document around it
			return !strings.HasSuffix(function, ".MarshalJSON")
		case !within && !strings.HasSuffix(function, ".MarshalJSON"): // that of a type that has the Refusal embedded
			return false
		case within && isContainer(name):
			return false
		}
		inside = inside || within
	}
	return false
}

// isContainer reports whether a function of encoding/json encodes a value with others in
// it.
func isContainer(function string) bool {
	for _, of := range []string{"mapEncoder", "structEncoder", "arrayEncoder", "sliceEncoder"} {
		if strings.Contains(function, of) {
			return true
		}
	}
	return false
}

// String returns the description, for error handlers that put the message into a
// body of their own.
func (r *Refusal) String() string { return r.Cause.Description }
