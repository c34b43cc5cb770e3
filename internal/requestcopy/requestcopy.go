// Package requestcopy keeps a request and the copy of it that was served in step.
package requestcopy

import "net/http"

// Carry sets in a request what the handler of its copy has set in the copy, for the
// middleware further out and for the server: the pattern of the route, and the parsed
// forms, whose temporary files the server deletes (http.Request.MultipartForm). Call it
// when the handler has returned, also after a panic. It does nothing if both are the same
// request.
func Carry(to, from *http.Request) {
	if from == nil || to == from {
		return
	}
	to.Pattern = from.Pattern
	to.Form, to.PostForm, to.MultipartForm = from.Form, from.PostForm, from.MultipartForm
}
