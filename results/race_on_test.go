//go:build race

package results

// raced tells that the race detector slows SQLite down, which is Go here.
const raced = true
