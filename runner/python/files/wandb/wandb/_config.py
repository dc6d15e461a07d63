"""wandb.config and wandb.summary."""

import json
import os

from ._recorder import number, say, split


class Error(Exception):
    """What W&B's errors derive from."""


class UsageError(Error):
    pass


class CommError(Error):
    pass


class ConfigError(Error):
    pass


class AuthenticationError(CommError):
    pass


def sweep_params():
    """The values of this trial as W&B gives them: nested parameters as dicts."""
    path = os.environ.get("TRAWL_PARAMS")
    if not path:
        return {}
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def as_dict(values, exclude=None, include=None):
    """Whatever init and update accept: a dict, argparse's Namespace, absl's
    FLAGS, a file, or None."""
    if values is None:
        out = {}
    elif isinstance(values, (str, os.PathLike)):
        out = read_file(os.fspath(values))
    elif type(values).__module__.startswith("absl.flags"):
        out = values.flag_values_dict()
    elif hasattr(values, "keys"):
        out = {k: values[k] for k in values.keys()}
    elif hasattr(values, "__dict__"):
        out = dict(vars(values))
    else:
        out = dict(values)
    out = {str(k): v for k, v in out.items()}
    if include:
        out = {k: out[k] for k in include if k in out}
    return {k: v for k, v in out.items() if k not in (exclude or ())}


def read_file(path):
    """A parameter file: {name: {value: v}} as W&B writes it, or {name: v}."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    try:
        doc = json.loads(text)
    except ValueError:
        try:
            import yaml
        except ImportError:
            raise UsageError("%s: reading YAML needs PyYAML (pip install pyyaml), or write it as JSON" % path) from None
        doc = yaml.safe_load(text)
    if not isinstance(doc, dict):
        raise UsageError("%s: want a mapping of names to values" % path)
    return {k: v["value"] if isinstance(v, dict) and "value" in v else v
            for k, v in doc.items() if k not in ("wandb_version", "_wandb")}


class Config:
    """The values of the run. Those of the trial are locked: a script may not
    change what the sweep chose."""

    def __init__(self):
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_locked", set())

    def _start(self, given, params):
        self._items.update(given)
        self._items.update(params)
        self._locked.update(params)

    def _set(self, key, value, change=False):
        if key in self._locked:
            if self._items[key] != value:
                say("config.%s = %r is left out: the sweep has set it to %r" % (key, value, self._items[key]))
            return
        if not change and key in self._items and _differ(self._items[key], value):
            raise ConfigError('Attempted to change value of key "%s" from %s to %s\nIf you really want to do this, pass '
                              "allow_val_change=True to config.update()" % (key, self._items[key], value))
        self._items[key] = value

    def update(self, d=None, allow_val_change=None, exclude_keys=None, include_keys=None):
        for k, v in as_dict(d, exclude_keys, include_keys).items():
            self._set(k, v, bool(allow_val_change))

    def setdefaults(self, d):
        for k, v in as_dict(d).items():
            self._items.setdefault(k, v)

    def setdefault(self, key, default=None):
        return self._items.setdefault(key, default)

    def update_locked(self, d, user=None, _allow_val_change=None):
        self._items.update(d)
        self._locked.update(d)

    def persist(self):
        pass

    def as_dict(self):
        return dict(self._items)

    def get(self, key, default=None):
        return self._items.get(key, default)

    def keys(self):
        return self._items.keys()

    def values(self):
        return self._items.values()

    def items(self):
        return self._items.items()

    def __getitem__(self, key):
        return self._items[key]

    def __setitem__(self, key, value):
        self._set(key, value)

    def __getattr__(self, key):
        try:
            return self.__dict__["_items"][key]
        except KeyError:
            raise AttributeError("%r object has no attribute %r" % (type(self), key)) from None

    def __setattr__(self, key, value):
        self._set(key, value)

    def __contains__(self, key):
        return key in self._items

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return str(self._items)


def _differ(a, b):
    try:
        return bool(a != b)
    except Exception:
        return True  # arrays


class Summary:
    """The final values of the run. A number that a script sets is reported at
    the next step of its name, so that it is the last one of it."""

    def __init__(self, recorder):
        object.__setattr__(self, "_recorder", recorder)

    def update(self, d=None, **more):
        numbers, others = {}, {}
        split(dict(d or {}, **more), "", numbers, others)
        self._recorder.summary.update(others)
        self._recorder.summary.update(numbers)
        self._recorder.write(numbers)

    def get(self, key, default=None):
        return self._recorder.summary.get(key, default)

    def keys(self):
        return self._recorder.summary.keys()

    def items(self):
        return self._recorder.summary.items()

    def _as_dict(self):
        return dict(self._recorder.summary)

    def __getitem__(self, key):
        return self._recorder.summary[key]

    def __setitem__(self, key, value):
        self.update({key: value})

    def __delitem__(self, key):
        del self._recorder.summary[key]

    def __getattr__(self, key):
        if key.startswith("__") or key not in self._recorder.summary:
            raise AttributeError(key)
        return self._recorder.summary[key]

    def __setattr__(self, key, value):
        self.update({key: value})

    def __contains__(self, key):
        return key in self._recorder.summary

    def __iter__(self):
        return iter(self._recorder.summary)

    def __len__(self):
        return len(self._recorder.summary)

    def __repr__(self):
        return str(self._recorder.summary)


def plain(v):
    """v as JSON can have it."""
    n = number(v)
    return str(v) if n is None else n
