//go:build !race

package echov4_test

const raced = false
