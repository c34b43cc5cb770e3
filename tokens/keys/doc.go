// Package keys provides the keys that sign and verify access tokens. A [Key] is
// bound to one algorithm, a [Set] holds checked keys, a [Ring] holds keys that are
// replaced while the host runs, and a [Source] supplies keys to a verifier. The
// package reads PEM, JWK and JWK Sets.
//
// Signatures are golang-jwt's, made as strict as RFC 7518 where golang-jwt is not.
// This is the only package of Sallyport that imports golang-jwt.
package keys
