//go:build race

package adapter_test

// raced: the race detector is on. It makes everything slow.
const raced = true
