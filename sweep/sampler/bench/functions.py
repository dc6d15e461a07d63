"""The problems of package benchfn, written again for Optuna's side.

`functions.py check` reads lines `NAME {"x01": ...}` on stdin and prints the
true value of each: a test compares them with the Go side's.
"""

import csv
import gzip
import json
import math
import sys
from pathlib import Path

ACKLEY = (10.5, -7.3, 4.9, -12.1, 8.7)
ROSENBROCK = (0.8, -1.1, 0.4, -0.6)
LEVY = (2.3, -3.1, 1.4, -4.2, 3.7, -1.9, 2.8, -2.6, 0.9, -3.6)
RASTRIGIN = (1.3, -0.8, 2.1, -1.7, 0.6)
HARTMANN = (
    (1.0, (10, 3, 17, 3.5, 1.7, 8), (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886)),
    (1.2, (0.05, 10, 17, 0.1, 8, 14), (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991)),
    (3.0, (3, 3.5, 1.7, 10, 17, 8), (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650)),
    (3.2, (17, 8, 0.05, 10, 0.1, 14), (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381)),
)
SIGMA = 0.03


def xs(p):
    return [p[k] for k in sorted(p)]


def branin(p):
    a, b = xs(p)
    inner = b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6
    return inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


def hartmann6(p):
    x = xs(p)
    return -sum(alpha * math.exp(-sum(w * (v - c) ** 2 for w, v, c in zip(weights, x, centre)))
                for alpha, weights, centre in HARTMANN)


def ackley5(p):
    z = [v - s for v, s in zip(xs(p), ACKLEY)]
    n = len(z)
    return (-20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in z) / n))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in z) / n) + 20 + math.e)


def rosenbrock4(p):
    z = [v - s for v, s in zip(xs(p), ROSENBROCK)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(z, z[1:]))


def levy10(p):
    w = [1 + (v - s - 1) / 4 for v, s in zip(xs(p), LEVY)]
    return (math.sin(math.pi * w[0]) ** 2
            + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def rastrigin5(p):
    z = [v - s for v, s in zip(xs(p), RASTRIGIN)]
    return sum(v * v + 10 * (1 - math.cos(2 * math.pi * v)) for v in z)


def mixed(p):
    rate = {"adam": -3, "sgd": -1, "rmsprop": -3.5}[p["opt"]]
    depth = p["depth"] - 5
    e = math.log10(p["lr"]) - rate + 0.15 * depth
    return (0.15 * e * e + 0.03 * depth**2 + 0.06 * math.log2(p["width"] / 160) ** 2
            + {"adam": 0, "sgd": 0.05, "rmsprop": 0.12}[p["opt"]]
            + {"relu": 0.06, "tanh": 0.15, "gelu": 0}[p["act"]])


def training(p):
    mu = p["momentum"]
    a = math.log10(p["lr"] / (1 - mu)) + 0.6
    b = math.log10(p["clip"]) - 0.3
    if a > 0.9 - 0.3 * b:
        return 2.3
    return 0.1 * a * a + 0.3 * (mu - 0.85) ** 2 + 0.02 * (math.log10(p["decay"]) + 3.6) ** 2 + 0.03 * b * b


def box(d, lo, hi):
    return lambda t: {f"x{i + 1:02d}": t.suggest_float(f"x{i + 1:02d}", lo, hi) for i in range(d)}


def mixed_space(t):
    return {
        "act": t.suggest_categorical("act", ["relu", "tanh", "gelu"]),
        "depth": t.suggest_int("depth", 1, 8),
        "lr": t.suggest_float("lr", 1e-5, 1, log=True),
        "opt": t.suggest_categorical("opt", ["adam", "sgd", "rmsprop"]),
        "width": t.suggest_int("width", 16, 1024, log=True),
    }


def training_space(t):
    return {
        "clip": t.suggest_float("clip", 0.1, 100, log=True),
        "decay": t.suggest_float("decay", 1e-6, 0.1, log=True),
        "lr": t.suggest_float("lr", 1e-5, 10, log=True),
        "momentum": t.suggest_float("momentum", 0, 0.99),
    }


class Function:
    """name, ask(trial) -> point, true(point), noisy(point, rng), regret(point); less is better."""

    def __init__(self, name, ask, true, least, sigma=0.0):
        self.name, self.ask, self.true, self.least, self.sigma = name, ask, true, least, sigma

    def noisy(self, p, rng):
        return self.true(p) + (self.sigma * rng.gauss(0, 1) if self.sigma else 0.0)

    def regret(self, p):
        return max(0.0, self.true(p) - self.least)


FUNCTIONS = [
    Function("branin", lambda t: {"x01": t.suggest_float("x01", -5, 10), "x02": t.suggest_float("x02", 0, 15)},
             branin, 0.39788735772973816),
    Function("hartmann6", box(6, 0, 1), hartmann6, -3.322368011415515),
    Function("ackley5", box(5, -32.768, 32.768), ackley5, 0),
    Function("rosenbrock4", box(4, -5, 10), rosenbrock4, 0),
    Function("levy10", box(10, -10, 10), levy10, 0),
    Function("rastrigin5", box(5, -5.12, 5.12), rastrigin5, 0),
    Function("mixed", mixed_space, mixed, 0),
    Function("training", training_space, training, 0, SIGMA),
]


class Table:
    """A recorded tuning table; values are negated accuracies."""

    def __init__(self, path, choices):
        self.name, self.choices = path.name.split(".")[0], choices
        with gzip.open(path, "rt") as f:
            rows = list(csv.reader(f))
        head, rows = rows[0], rows[1:]
        d = next(i for i, name in enumerate(head) if name[0] == "s" and name[1:].isdigit())
        self.names = head[:d]
        self.levels = [sorted({r[c] for r in rows}, key=float) for c in range(d)]
        self.runs = {tuple(r[:d]): [float(x) for x in r[d:]] for r in rows}
        self.mean = {k: sum(v) / len(v) for k, v in self.runs.items()}
        means = sorted(self.mean.values())
        n = len(means)
        self.best = means[-1]
        self.scale = self.best - (means[(n - 1) // 2] + means[n // 2]) / 2

    def ask(self, t):
        if self.choices:
            return tuple(t.suggest_categorical(n, v) for n, v in zip(self.names, self.levels))
        return tuple(v[t.suggest_int(n, 0, len(v) - 1)] for n, v in zip(self.names, self.levels))

    def noisy(self, p, rng):
        return -rng.choice(self.runs[p])

    def regret(self, p):
        return (self.best - self.mean[p]) / self.scale


def problems(tables, choices=False):
    return FUNCTIONS + [Table(p, choices) for p in sorted(Path(tables).glob("*.csv.gz"))]


if __name__ == "__main__":
    if sys.argv[1:] != ["check"]:
        sys.exit("functions.py: want the word check, and lines NAME POINT on stdin")
    by_name = {f.name: f for f in FUNCTIONS}
    for line in sys.stdin:
        name, point = line.split(" ", 1)
        print(repr(float(by_name[name].true(json.loads(point)))))
