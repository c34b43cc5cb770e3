// Package wire has the wire formats of families of clients: how their requests
// are read and their responses written. [OAuth2] is that of RFC 6749 and RFC
// 6750, [Lexik] that of Symfony applications, [FastAPI] and [PostmanRefresh]
// those of FastAPI applications. A host can add another one by implementing
// [Dialect].
//
// The package decides nothing: package middleware decides which requests are
// rejected, and why, and passes an [Error] with its [Reason] to the Dialect.
package wire
