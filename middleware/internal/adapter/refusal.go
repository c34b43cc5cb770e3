package adapter

import (
	"encoding/json"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/unread"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Refusal is a refused request. An adapter makes it an error of its framework. It is
// neither a string nor an error itself, because error handlers add the cause to both.
type Refusal struct {
	Status int
	Cause  *wire.Error

	body      []byte
	mediaType string
	header    http.Header // of the response
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
	cause := wire.AsError(err)
	if _, ok := err.(*ratelimit.Error); ok { //nolint:errorlint // to be translated once: one that is wrapped is translated twice
		err = cause
	}
	header := c.Response().Header()
	answer := auth.RefusedIn(header, route, err)
	mediaType := answer.Header.Get(contentType)
	header.Del(contentType)
	return a.refused(Refusal{
		Status: answer.Status, Cause: cause,
		body: answer.Body, mediaType: mediaType, header: header,
	})
}

// MarshalJSON returns the body, or null if it is not JSON. It never fails, because
// a framework's error handler would answer 200 then.
//
// If the framework has set Content-Type to application/json, MarshalJSON replaces it
// with the media type of the body. Marshaling for a log changes no header.
func (r Refusal) MarshalJSON() ([]byte, error) {
	if !json.Valid(r.body) {
		return []byte("null"), nil
	}
	if r.header.Get(contentType) == "application/json" {
		r.header.Set(contentType, r.mediaType)
	}
	return r.body, nil
}

// String returns the description, for error handlers that put the message into a
// body of their own.
func (r Refusal) String() string { return r.Cause.Description }
