"""Runs Optuna's samplers on the problems of functions.py.

Appends one line per run to a CSV, `sampler,problem,seed,trials,regret`, a
regret for each budget, and skips runs that the file has already: it can be
stopped and started again. Exit status 75 means that --seconds ran out first.
"""

import argparse
import csv
import os
import random
import sys
import time
import warnings

import functions
import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)

SAMPLERS = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
}


def run(sampler, problem, seed, budgets):
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    rng = random.Random(1000 + seed)
    least, out = float("inf"), {}
    for k in range(1, max(budgets) + 1):
        trial = study.ask()
        point = problem.ask(trial)
        least = min(least, problem.regret(point))
        study.tell(trial, problem.noisy(point, rng))
        if k in budgets:
            out[k] = least
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--samplers", default="random,tpe,cmaes")
    a.add_argument("--only", default="", help="names of problems, with commas")
    a.add_argument("--tables", required=True)
    a.add_argument("--choices", action="store_true", help="table columns as unordered choices")
    a.add_argument("--seeds", type=int, default=20)
    a.add_argument("--budgets", default="50,100,200")
    a.add_argument("--cache", required=True)
    a.add_argument("--seconds", type=float, default=float("inf"))
    a = a.parse_args()
    start, budgets = time.monotonic(), [int(b) for b in a.budgets.split(",")]
    done = set()
    if os.path.exists(a.cache):
        with open(a.cache) as f:
            done = {(r[0], r[1], int(r[2]), int(r[3])) for r in csv.reader(f) if len(r) == 5}
    only = set(filter(None, a.only.split(",")))
    todo = [p for p in functions.problems(a.tables, a.choices) if not only or p.name in only]
    with open(a.cache, "a") as f:
        for seed in range(a.seeds):
            for problem in todo:
                for sampler in a.samplers.split(","):
                    if all((sampler, problem.name, seed, b) in done for b in budgets):
                        continue
                    if time.monotonic() - start > a.seconds:
                        sys.exit(75)
                    for b, regret in run(sampler, problem, seed, budgets).items():
                        f.write(f"{sampler},{problem.name},{seed},{b},{regret!r}\n")
                    f.flush()


if __name__ == "__main__":
    main()
