// Package gp is Bayesian optimisation with a Gaussian process.
package gp
