//go:build !race

package tokens_test

const raced = false
