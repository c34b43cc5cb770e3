// Package wire has the wire formats of three families of clients: how their
// requests are read and answers written. [OAuth2] is that of RFC 6749 and RFC
// 6750, [Lexik] that of Symfony applications, [FastAPI] that of FastAPI
// applications. A host can add another one by implementing [Dialect].
//
// The package decides nothing: which requests are refused, and why, is decided by
// package middleware, which hands an [Error] with its [Reason] to the Dialect.
package wire
