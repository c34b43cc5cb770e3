package keys

import "context"

// Source supplies the keys that verify access tokens. A [Set] never changes, the
// keys of a [Ring] are replaced by the host, and package remotekeys fetches them
// from the issuer.
//
// A Source must be safe for concurrent use. It is called for each token that is
// verified, so it should answer from memory.
type Source interface {
	// KeySet returns the current keys, and the same Set until they change. An error
	// means that the keys are unavailable: the token is neither accepted nor
	// rejected, and the caller gets tokens.ErrUnavailable.
	//
	// missing is empty at first. If a verifier finds no key with the "kid" of a
	// token, it calls KeySet once more with that kid. A source that fetches its keys
	// may then fetch them again, within limits of its own, because any caller can
	// send any kid. A source that has no such key returns the keys that it has, and
	// no error.
	KeySet(ctx context.Context, missing string) (*Set, error)
}
