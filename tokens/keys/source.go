package keys

import "context"

// Source supplies the keys that verify access tokens: a [Set] that never changes,
// a [Ring] whose keys are replaced, or a source that fetches them from the issuer
// (package remotekeys).
//
// It must be safe for concurrent use. It is called for each token that is
// verified.
type Source interface {
	// KeySet returns the current keys, and the same Set until they change. An error
	// means that the keys are unavailable, and nothing about any token.
	//
	// missing is empty at first. If a verifier finds no key with the "kid" of a
	// token, it calls KeySet once more with that kid. A source that fetches its keys
	// may then look for it, within limits of its own, because any caller can send
	// any kid. A source that has no such key returns the keys that it has.
	KeySet(ctx context.Context, missing string) (*Set, error)
}
