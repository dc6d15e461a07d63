"""What a trial of trawl asks and says, for Python.

    import trawl
    for epoch in range(trawl.params.epochs):
        trawl.report(epoch, val_loss=train_one_epoch(lr=trawl.params.lr))
        if trawl.should_stop():
            break

Standard library only, Python 3.8 or newer. Outside of trawl nothing breaks:
params is empty, report prints its line to standard output.

    params          the values of this trial, by key and by attribute; nested ones nested
    trial, attempt  their numbers, from 1; 0 outside of trawl
    seed            the seed of this repeat; 0 outside of trawl
    sweep           the name of the sweep; "" outside of trawl
    trial_dir       this trial's directory; the working directory outside of trawl
    checkpoint_dir  kept over attempts; ./checkpoint outside of trawl, made when asked for
"""

import json
import os
import sys

__all__ = ["params", "report", "should_stop", "checkpoint_dir", "trial_dir", "trial", "attempt", "seed", "sweep"]


class Params(dict):
    """A dict whose keys are attributes too: params.lr is params["lr"]."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError("no parameter %r; this trial has: %s" % (name, ", ".join(map(str, self)) or "none")) from None


def _load():
    path = os.environ.get("TRAWL_PARAMS")
    if not path:
        return Params()
    with open(path, encoding="utf-8") as f:
        return json.load(f, object_hook=Params)


def _number(name):
    try:
        return int(os.environ.get(name, ""))
    except ValueError:
        return 0


params = _load()
trial = _number("TRAWL_TRIAL")
attempt = _number("TRAWL_ATTEMPT")
seed = _number("TRAWL_SEED")
sweep = os.environ.get("TRAWL_SWEEP", "")
trial_dir = os.environ.get("TRAWL_TRIAL_DIR") or os.getcwd()

_fd = None
_stop = None  # None until should_stop is first asked


def report(*args, step=None, **metrics):
    """Reports numbers: report(3, val_loss=0.41), report(val_loss=0.41, step=3),
    or a dict for names that are no Python names: report({"val/loss": 0.41}, step=3).

    step is an integer of at least 0; without one, each metric takes its last
    step + 1, and 0 first. nan and inf are data. What is no number is a
    TypeError, a bad step a ValueError: the trial should not go on unnoticed.
    """
    for arg in args:
        if hasattr(arg, "items"):
            metrics = dict(arg, **metrics)
        elif step is None:
            step = arg
        else:
            raise TypeError("trawl.report: two steps: %r and %r" % (step, arg))
    if not metrics:
        raise TypeError("trawl.report: nothing to report; want name=number")
    line = {}
    if step is not None:
        line["step"] = _step(step)
    for name, value in metrics.items():
        if name == "step":
            raise ValueError('trawl.report: "step" is no metric; pass step=N')
        line[str(name)] = _float(name, value)
    _write(json.dumps(line) + "\n")


def _step(step):
    try:
        n = int(step)  # also numpy's and torch's integers
        if n == step and n >= 0:
            return n
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("trawl.report: step %r; want an integer of at least 0" % (step,))


def _float(name, value):
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, str):
        raise TypeError("trawl.report: %s=%r; want a number" % (name, value))
    try:
        return float(value)  # also numpy's and torch's numbers
    except (TypeError, ValueError):
        raise TypeError("trawl.report: %s=%r; want a number" % (name, value)) from None


def _write(line):
    global _fd
    path = os.environ.get("TRAWL_METRICS")
    if not path:
        sys.stdout.write(line)
        sys.stdout.flush()
        return
    if _fd is None:
        _fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    os.write(_fd, line.encode())  # one write, so that the lines of several processes do not mix


def should_stop():
    """Whether trawl has asked this trial to end: pruned, stopped, or out of time.

    The first call begins to watch for the signal (SIGTERM, or stop.signal of
    the sweep file) in place of ending at once, so ask from the main thread once
    per step, save what must be saved, and leave within the grace period.
    """
    global _stop
    if _stop is None:
        import signal

        _stop = False
        number = getattr(signal, os.environ.get("TRAWL_STOP_SIGNAL", "SIGTERM"), signal.SIGTERM)
        before = signal.getsignal(number)

        def asked(signum, frame):
            global _stop
            _stop = True
            if callable(before) and before is not signal.default_int_handler:
                before(signum, frame)

        try:
            signal.signal(number, asked)
        except ValueError:  # not the main thread: only the signal itself can end it
            pass
    return _stop


def __getattr__(name):
    if name == "checkpoint_dir":
        path = os.environ.get("TRAWL_CHECKPOINT_DIR") or os.path.abspath("checkpoint")
        os.makedirs(path, exist_ok=True)
        return path
    raise AttributeError("module 'trawl' has no attribute %r" % name)
