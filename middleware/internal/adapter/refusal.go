package adapter

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

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

// Write writes the answer, as net/http's Auth does: without the work of an error handler
// that encodes it.
func (r *Refusal) Write(w http.ResponseWriter, q *http.Request) {
	if r.mediaType != nil {
		w.Header()[contentType] = r.mediaType
	}
	w.WriteHeader(r.Status)
	if q.Method != http.MethodHead && len(r.answer.Body) > 0 {
		_, _ = w.Write(r.answer.Body) // it fails only if the client has disconnected
	}
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
	var short stack
	runtime.Callers(3, short[:]) // the callers of MarshalJSON
	known := &judged[(short[0]^short[len(short)-1]>>4)%uintptr(len(judged))]
	if j := known.Load(); j != nil && j.stack == short {
		return j.whole
	}
	var long [16]uintptr
	whole, read := isWhole(long[:runtime.Callers(3, long[:])])
	if read <= len(short) {
		known.Store(&judgement{short, whole})
	}
	return whole
}

// stack is the innermost part of a stack. It shows all of most encoders.
type stack [7]uintptr

// judgement is what isWhole returned for the stacks that begin like this. A program has
// few of them, and to name the functions takes longer than all else.
type judgement struct {
	stack stack
	whole bool
}

var judged [8]atomic.Pointer[judgement]

// isWhole is isWholeDocument for the callers of MarshalJSON, and returns how many of them
// it has read.
func isWhole(callers []uintptr) (whole bool, read int) {
	inside := false
	for i, pc := range callers {
		function := runtime.FuncForPC(pc - 1).Name()
		name, within := strings.CutPrefix(function, "encoding/json.")
		switch {
		case !within && inside: // a MarshalJSON of the host's makes a document around it
			return !strings.HasSuffix(function, ".MarshalJSON"), i + 1
		case !within && !strings.HasSuffix(function, ".MarshalJSON"): // that of a type that has the Refusal embedded
			return false, i + 1
		case within && isContainer(name):
			return false, i + 1
		}
		inside = inside || within
	}
	return false, len(callers)
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
