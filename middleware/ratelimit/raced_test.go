//go:build race

package ratelimit_test

// raced: the race detector is on. It makes everything slow, and pools forgetful.
const raced = true
