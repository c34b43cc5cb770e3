//go:build race

package middleware_test

// forgets is how much a pool forgets on purpose under the race detector.
const forgets = 3
