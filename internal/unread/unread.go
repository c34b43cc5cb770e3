// Package unread reads past the body of a request that is refused before its body was
// read.
package unread

import (
	"io"
	"net/http"
	"strings"
)

// most is the number of bytes that are read and dropped. nginx passes on bodies of up
// to 1 MiB by default.
const most = 1 << 20

// Discard reads and drops at most 1 MiB of the body of a request whose connection
// closes after the answer. Call it before a refusal is written, if the body may not
// have been read. Without it the connection is reset while the client, or a proxy, is
// still sending, and the answer is lost: nginx, which asks its servers to close each
// connection by default, answers with 502 instead.
//
// It does nothing on connections that stay open, where net/http does the same for
// 256 KiB; on HTTP/2, where a refused stream ends alone; and for a client that waits
// for the answer before it sends the body (Expect: 100-continue, RFC 9110 section
// 10.1.1). The ReadTimeout of the server limits how long it may take.
func Discard(r *http.Request) {
	if r.Body == nil || r.ProtoMajor > 1 || !r.Close || strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, most)
}
