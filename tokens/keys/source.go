package keys

import "context"

// Source has the keys that access tokens are verified with: a [Set] that never
// changes, a [Ring] whose keys are replaced, or a source that fetches them from the
// issuer (package remotekeys).
//
// Many goroutines call it at once, for each token that is verified.
type Source interface {
	// KeySet returns the keys as they are now, and the same Set until they change.
	// An error means that the keys cannot be had now, and nothing about any token.
	//
	// missing is empty at first. A verifier that finds no key with the "kid" of a
	// token asks once more, with that kid: a source that fetches may look for it,
	// within limits of its own, because any caller can send any kid. A source that
	// has no such key returns the keys that it has.
	KeySet(ctx context.Context, missing string) (*Set, error)
}
