// Package gp is Bayesian optimisation with a Gaussian process: it learns how
// smooth the objective is, how noisy, and which parameters matter, and proposes
// the point whose improvement on the best so far has the largest expectation.
// It is the method for few and dear trials: up to some hundreds, up to about 20
// parameters.
//
// The process has a constant mean and a Matérn 5/2 covariance with a length
// scale per parameter (kernel.go), over numbers on their own scale, ordered
// lists, choices and conditional parameters (coord.go). Objective values are
// warped first, as much as the data say (warp.go), so that losses over many
// orders of magnitude and plateaus of divergence do no harm. Length scales,
// noise and warp are those of the largest posterior density (fit.go); mean and
// variance have closed forms. The covariance is factorised once per fit and
// extended by a row per result (chol.go, model.go). The acquisition is log
// expected improvement (logei.go) below the least posterior mean of the points
// tried, not below the luckiest value; search.go maximises it.
//
// A fit is made for each of the first 20 results, then each time their number
// has grown by a tenth, from three starts: the last fit, the mode of the prior,
// and a noisy one. It looks at 256 results at most: the better half of these
// are the best, the rest spread over the others. The proposal's note carries
// the fit, so a resumed sweep computes none twice.
//
// The first 2d points, 6 at least and 20 at most, are those of a scrambled
// Sobol sequence, as are all until three results have a value. Points that run
// count as having the value that the model expects there, so proposals asked
// for together keep apart. No point is proposed twice while there are others.
//
// Failed and diverged trials, and values that are not finite, count as a value
// at the beginning of the worst quarter; pruned trials as their last value, or
// the median of the finished if that is worse; killed trials are ignored.
//
// Beyond 1,000 results the model keeps the better half of 1,000 and a spread of
// the others, chosen anew at each fit, and all that came since; so the cost of
// a proposal stops growing.
//
// A space with more dimensions than Sobol has direction numbers starts with
// random points. Several objectives are refused: nsga2 and tpe take them.
//
// Sources: Jones, Schonlau and Welch, Efficient global optimization of expensive
// black-box functions, J. Global Optim. 13, 1998 (expected improvement); Snoek,
// Larochelle and Adams, Practical Bayesian optimization of machine learning
// algorithms, NIPS 2012 (Matérn 5/2, ARD); Ament et al. 2023, arXiv 2310.20708
// (log EI); Hvarfner, Hellsten and Nardi 2024, arXiv 2402.02229 (prior of length
// scales); Snelson, Rasmussen and Ghahramani 2003 (warping); Ginsbourger, Le
// Riche and Carraro 2010 (kriging believer); Rasmussen and Williams, Gaussian
// processes for machine learning, 2006.
//
// We depart from them thus: the length scales of Hvarfner et al. are longer by
// a factor e^0.75, which helped in ten dimensions; log EI is that of the warped
// values; hyper-parameters are point estimates, where Snoek et al. integrate.
package gp
