package middleware

import (
	"net/http"
	"strings"
)

// pathID returns the ID of the session or the API key of a request: id, if the
// caller has it from its router; otherwise the wildcard {id} of the path, which
// http.ServeMux and r.SetPathValue set; otherwise the last segment of the path,
// so that a handler works with routers that keep their parameters elsewhere. A
// text that is not an ID is not found; no ID ends what belongs to another user.
func pathID(r *http.Request, id string) string {
	if id == "" {
		id = r.PathValue("id")
	}
	if id == "" {
		id = r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	}
	return id
}
