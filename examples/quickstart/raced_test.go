//go:build race

package main

// raced: the race detector is on, and takes several times the memory for itself.
const raced = true
