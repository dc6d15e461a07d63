"""Random search with Optuna on its SQLite storage: prints trials per second.

usage: optuna_random.py TRIALS DATABASE
"""
import sys
import time

import optuna


def objective(trial):
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    momentum = trial.suggest_float("momentum", 0.0, 0.99)
    decay = trial.suggest_float("decay", 0.0, 0.1)
    depth = trial.suggest_int("depth", 1, 8)
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "rmsprop", "adam"])
    return lr + momentum + decay + depth + len(optimizer)


def main():
    trials, database = int(sys.argv[1]), sys.argv[2]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=optuna.storages.RDBStorage("sqlite:///" + database),
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    start = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    print("%.2f" % (trials / (time.perf_counter() - start)))


main()
