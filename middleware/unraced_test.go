//go:build !race

package middleware_test

const forgets = 0
