package adapter

import (
	"net/http"
	"slices"

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

const contentType = "Content-Type"

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
// If the framework has set Content-Type to application/json, MarshalJSON replaces it
// with the media type of the body. Marshaling for a log changes no header.
func (r *Refusal) MarshalJSON() ([]byte, error) {
	if !r.answer.IsJSON() {
		return []byte("null"), nil
	}
	if now := r.answer.Header[contentType]; len(now) == 1 && now[0] == "application/json" {
		r.answer.Header[contentType] = r.mediaType
	}
	return slices.Clip(r.answer.Body), nil // other refusals may share it
}

// String returns the description, for error handlers that put the message into a
// body of their own.
func (r *Refusal) String() string { return r.Cause.Description }
