//go:build race

package examples_test

// raced tells that the race detector slows everything down.
const raced = true
