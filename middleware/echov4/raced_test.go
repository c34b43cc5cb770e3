//go:build race

package echov4_test

// raced: the race detector is on. It makes everything slow, and pools forgetful.
const raced = true
