"""Compares two CSVs of `sampler,problem,seed,trials,regret`: trawl's and Optuna's.

For each problem and budget it prints median and quartiles of each sampler, and
for each pairing of a trawl sampler with an Optuna sampler the ratio of the
medians and the p of Wilcoxon's rank-sum test, two-sided: seeds pair nothing
across programs. Medians count at least 1e-3 of that of random search there.
Then the verdicts. Exit status 1 if a pairing that must hold does not.
"""

import argparse
import csv
import math
import statistics
import sys
from collections import defaultdict

from scipy.stats import mannwhitneyu


def read(path):
    runs = defaultdict(dict)
    with open(path) as f:
        for r in csv.reader(f):
            if len(r) == 5:
                runs[r[0], r[1], int(r[3])][int(r[2])] = float(r[4])
    return runs


def quartiles(values):
    q = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return q


def main():
    a = argparse.ArgumentParser()
    a.add_argument("trawl")
    a.add_argument("optuna")
    a.add_argument("--tables", default="", help="names of the problems that are tables, with commas")
    a.add_argument("--seeds", type=int, default=20)
    a = a.parse_args()
    tables = set(filter(None, a.tables.split(",")))
    sides = {"trawl": read(a.trawl), "optuna": read(a.optuna)}
    runs = {(side, *k): [v[s] for s in sorted(v) if s < a.seeds] for side, r in sides.items() for k, v in r.items()}
    problems = list(dict.fromkeys(k[2] for k in runs))
    budgets = sorted({k[3] for k in runs})
    samplers = {side: list(dict.fromkeys(k[1] for k in runs if k[0] == side)) for side in sides}

    def floor(problem, budget):
        for side in ("trawl", "optuna"):
            if values := runs.get((side, "random", problem, budget)):
                return 1e-3 * statistics.median(values)
        return 1e-12

    print("problem,trials,sampler,n,q1,median,q3")
    for p in problems:
        for b in budgets:
            for side in sides:
                for s in samplers[side]:
                    if v := runs.get((side, s, p, b)):
                        q = quartiles(v)
                        print(f"{p},{b},{side}-{s},{len(v)},{q[0]:.4g},{q[1]:.4g},{q[2]:.4g}")
    print("\nproblem,trials,trawl,optuna,ratio of medians,p")
    ratios = defaultdict(list)
    for p in problems:
        for b in budgets:
            for s in samplers["trawl"]:
                for o in samplers["optuna"]:
                    x, y = runs.get(("trawl", s, p, b)), runs.get(("optuna", o, p, b))
                    if not x or not y:
                        continue
                    least = floor(p, b)
                    ratio = max(least, statistics.median(x)) / max(least, statistics.median(y))
                    pvalue = mannwhitneyu(x, y, alternative="two-sided").pvalue
                    print(f"{p},{b},{s},{o},{ratio:.3g},{pvalue:.2g}")
                    if p not in tables:
                        ratios[s, o, b].append((ratio, pvalue, p))
    bad = False
    print("\ntrials,trawl,optuna,functions within 1.15x,worse by 2x with p < 0.05")
    for (s, o, b), v in sorted(ratios.items()):
        within = sum(r <= 1.15 for r, _, _ in v)
        worse = [name for r, pvalue, name in v if r > 2 and pvalue < 0.05]
        print(f"{b},{s},{o},{within} of {len(v)},{' '.join(worse) or '-'}")
        bad |= s == o and s in ("tpe", "cmaes") and (within < math.ceil(0.75 * len(v)) or bool(worse))
    if tables:
        print("\ntrials,sampler,regret on tables: geometric mean of medians,of means")
        for b in budgets:
            for side in sides:
                for s in samplers[side]:
                    v = [runs[side, s, p, b] for p in sorted(tables) if (side, s, p, b) in runs]
                    if len(v) == len(tables):
                        mean = [math.exp(statistics.fmean(math.log(max(1e-6, f(x))) for x in v))
                                for f in (statistics.median, statistics.fmean)]
                        print(f"{b},{side}-{s},{mean[0]:.3f},{mean[1]:.3f}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
