"""Writes what a script logs to $TRAWL_METRICS, with the steps that W&B gives it.

A row has a step. log without a step ends its row, and the next has step + 1;
log with a greater step ends the row before; commit=False leaves it open. A step
that is over is refused, as W&B does. Lines are written at once, not when the
row ends: for trawl the same name at the same step is the last one, so nothing
is lost with a process that is killed.

define_metric(name, step_metric=s) makes the value of s the step of name: that
of the same row, else the last one seen. Such values wait until it is known.
"""

import json
import os
import sys

_dumps = json.JSONEncoder(check_circular=False).encode
_MAX_LINE = 60_000  # trawl reads lines of at most 64 KiB
_MAX_NAMES = 500  # and at most 1,000 numbers of one


def say(text):
    """One line on stderr, marked as W&B marks its own."""
    try:
        sys.stderr.write("wandb: %s\n" % text)
    except (AttributeError, OSError, ValueError):
        pass  # no stderr any more


def number(v):
    """v as int or float; None if it is no single number. numpy's, torch's and
    TensorFlow's scalars and tensors of one element are numbers."""
    if isinstance(v, (int, float)):
        return int(v) if isinstance(v, int) else float(v)
    if v is None or isinstance(v, (str, bytes, list, tuple, dict, complex)):
        return None
    try:
        if hasattr(v, "item"):
            v = v.item()
        elif hasattr(v, "numpy"):
            v = v.numpy().item()
        elif hasattr(v, "__float__"):
            v = float(v)
        else:
            return None
    except Exception:
        return None  # of more than one element
    return number(v) if isinstance(v, (int, float)) else None


def split(data, prefix, numbers, others):
    """Sorts data into numbers, by names with / for nesting, and all else."""
    for key, v in data.items():
        name = prefix + key if type(key) is str else prefix + str(key)
        kind = type(v)
        if kind is float or kind is int:
            numbers[name] = v
        elif kind is dict or hasattr(v, "items") and not hasattr(v, "shape"):
            split(v, name + "/", numbers, others)
        else:
            n = number(v)
            if n is None:
                others[name] = v
            else:
                numbers[name] = n


class Rule:
    """What define_metric says of a name, or of all that begin like it."""

    def __init__(self, name, step_metric=None, step_sync=None, summary=None, goal=None):
        self.name, self.step_metric = name, step_metric
        self.step_sync = step_sync is not False
        self.summary = [s.strip() for s in (summary or "").split(",") if s.strip()]
        self.goal = goal

    def update(self, other):
        self.step_metric = other.step_metric or self.step_metric
        self.step_sync = other.step_sync
        self.summary = other.summary or self.summary
        self.goal = other.goal or self.goal


class Recorder:
    """The rows of one process; path None records nothing."""

    def __init__(self, path, step=0):
        self.path, self.step = path, step
        self.summary = {}  # the last value of every name, and what define_metric asks for
        self._fd = None
        self._torn = self._failed = self._refused = False
        self._rules, self._globs, self._of = {}, [], {}
        self._seen = {}  # step metric → its last value
        self._here = set()  # step metrics of the row
        self._held = {}  # values that wait for their step metric
        self._means = {}
        objective = os.environ.get("TRAWL_OBJECTIVE", "")
        self._nested = objective.replace(".", "/") if "." in objective else None  # W&B writes a.b, we a/b
        self._objective = objective

    def log(self, data, step=None, commit=None):
        """Takes a row or a part of one; returns (numbers, others), or None if
        its step is over."""
        if step is not None:
            step = int(step)
            if step < self.step:
                if not self._refused:
                    self._refused = True
                    say("step %d is less than the current step %d: what is logged to steps that are over is left out" % (step, self.step))
                return None
            if step > self.step:
                self.close()
                self.step = step
        numbers, others = {}, {}
        split(data, "", numbers, others)
        self.summary.update(numbers)
        if self._rules or self._globs:
            self._ruled(numbers)
        else:
            self.write(numbers, self.step)
        if commit or commit is None and step is None:
            self.close()
            self.step += 1
        return numbers, others

    def define(self, rule):
        self._of.clear()
        if rule.name.endswith("*"):
            self._globs = [g for g in self._globs if g.name != rule.name] + [rule]
        elif rule.name in self._rules:
            self._rules[rule.name].update(rule)
        else:
            self._rules[rule.name] = rule
        if rule.step_metric:
            self._seen.setdefault(rule.step_metric, None)

    def _rule(self, name):
        if name not in self._of:
            rule = self._rules.get(name)
            if rule is None:
                rule = next((g for g in self._globs if name.startswith(g.name[:-1])), None)
            self._of[name] = rule
        return self._of[name]

    def _ruled(self, numbers):
        now = {}
        for name, v in numbers.items():
            if name in self._seen:
                self._seen[name] = v
                self._here.add(name)
                now[name] = v
                continue
            rule = self._rule(name)
            if rule is not None and rule.summary:
                self._reduce(name, v, rule, now)
            if rule is not None and rule.step_metric:
                self._held[name] = v
            else:
                now[name] = v
        self.write(now, self.step)
        if self._held:
            self._release(lambda rule: rule.step_metric in self._here)

    def _release(self, ready):
        """Writes the held values whose step is known, those of a step together."""
        by_step = {}
        for name in [n for n in self._held if ready(self._rule(n))]:
            rule = self._rule(name)
            at = self._seen.get(rule.step_metric) if rule.step_sync or rule.step_metric in self._here else None
            if at is None or at != at or at < 0 or at != int(at):
                at = self.step
            by_step.setdefault(int(at), {})[name] = self._held.pop(name)
        for at, values in by_step.items():
            self.write(values, at)

    def _reduce(self, name, v, rule, now):
        for how in rule.summary:
            key = name + "/" + how
            old = self.summary.get(key)
            if how == "best":
                how = "max" if str(rule.goal).startswith("max") else "min"
            if how == "min" and v == v and (old is None or v < old) or how == "max" and v == v and (old is None or v > old) or how == "last":
                self.summary[key] = now[key] = v
            elif how == "mean":
                n, total = self._means.get(name, (0, 0.0))
                self._means[name] = n + 1, total + v
                self.summary[key] = now[key] = (total + v) / (n + 1)

    def close(self):
        """Ends the row."""
        if self._held:
            self._release(lambda rule: True)
        if self._here:
            self._here.clear()

    def write(self, numbers, step=None):
        """One line; without a step each metric takes its next one."""
        if not numbers or self.path is None:
            return
        if self._nested in numbers and self._objective not in numbers:
            numbers = dict(numbers, **{self._objective: numbers[self._nested]})
        if "step" in numbers:  # in a line of trawl that is the step itself
            numbers = {k: v for k, v in numbers.items() if k != "step"}
            if not numbers:
                return
        text = _dumps(numbers)
        if len(text) > _MAX_LINE or len(numbers) > _MAX_NAMES:
            names = list(numbers)
            if len(names) > 1:
                half = len(names) // 2
                self.write({k: numbers[k] for k in names[:half]}, step)
                self.write({k: numbers[k] for k in names[half:]}, step)
            return
        if step is not None:
            text = '{"step": %d, %s' % (step, text[1:])
        self._put((text + "\n").encode())

    def _put(self, line):
        try:
            if self._fd is None:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
            if self._torn:
                line = b"\n" + line
            self._torn = os.write(self._fd, line) < len(line)
        except OSError as e:
            if not self._failed:
                self._failed = True
                say("metrics are lost: %s: %s" % (self.path, e))
