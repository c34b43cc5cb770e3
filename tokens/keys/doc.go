// Package keys holds the keys that sign and verify access tokens: a [Key] is bound
// to one algorithm, a [Set] has keys that were checked, a [Ring] has keys that are
// replaced while the host runs, and a [Source] is where a verifier gets its keys. It
// reads PEM, JWK and JWK Sets.
//
// Signatures are golang-jwt's, made as strict as RFC 7518 where golang-jwt is not.
// This is the only package of Sallyport that imports golang-jwt.
package keys
