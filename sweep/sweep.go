// Package sweep is the vocabulary of trawl: what a sweep, a point, a trial and
// an event are, and the contracts that samplers, pruners and the loop obey.
//
// It does no I/O, reads no clock, starts no goroutine. Everything that decides
// (states of a trial, the objective of a series, the identity of a point) is a
// pure function here, so that it is the same live, on resume and in a test.
//
//	Spec     what the sweep file says, resolved
//	Space    the parameters; Domain draws and names their values
//	Point    one assignment of values; Key is its identity
//	Trial    one execution of a point; Trial.Apply is the state machine
//	Event    what happened; the journal is a list of Entry
//	Report   named numbers at a step; Tracker reduces them to the objective
//	Sampler  proposes points; its state is the fold of Tell
//	Pruner   ends trials early; its state is the fold of Observe
package sweep
