"""What the stand-in does not have: it does nothing, and says so once a name."""

import importlib.machinery
import sys
import types

from ._recorder import say

_said = set()


def missing(name):
    """A Nothing under that name, announced once."""
    if name not in _said:
        _said.add(name)
        say("%s is not part of trawl's stand-in; it does nothing here" % name)
    return Nothing(name)


class Nothing:
    """Takes every call, attribute, item and block, and does nothing."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def __call__(self, *args, **kwargs):
        if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
            return args[0]  # used as a decorator
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing("%s.%s" % (self._name, name))

    def __setattr__(self, name, value):
        pass

    def __getitem__(self, key):
        return self

    def __setitem__(self, key, value):
        pass

    def __contains__(self, key):
        return False

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def __bool__(self):
        return False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __mro_entries__(self, bases):
        return (Base,)

    def __instancecheck__(self, instance):
        return False

    def __subclasscheck__(self, cls):
        return False

    def __repr__(self):
        return "<%s: not part of trawl's stand-in>" % self._name


class Base:
    """What a class of the script inherits from a class that is not there."""

    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing("%s.%s" % (type(self).__name__, name))


class Module(types.ModuleType):
    """A submodule of wandb without a file. What it has is, in this order: its
    own names of the table below, the name in wandb itself, nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        full = "%s.%s" % (self.__name__, name)
        if full in sys.modules:
            return sys.modules[full]
        top = sys.modules["wandb"]
        value = special(self.__name__, name, top)
        if value is None:
            value = top.lookup(name)
        return missing(full) if value is None else value


def special(module, name, top):
    """Names that mean something else in one module than in wandb itself."""
    if module in ("wandb.keras", "wandb.integration.keras", "wandb.xgboost", "wandb.integration.xgboost",
                  "wandb.lightgbm", "wandb.integration.lightgbm", "wandb.integration.sb3"):
        from . import _callbacks

        return _callbacks.find(module.rsplit(".", 1)[1], name)
    if module == "wandb.plot":
        from . import _media

        return getattr(_media, "plot_" + name, None)
    return None


class Finder:
    """Makes any submodule of wandb importable."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith("wandb."):
            return None
        return importlib.machinery.ModuleSpec(name, Finder, is_package=True)

    @staticmethod
    def create_module(spec):
        return Module(spec.name)

    @staticmethod
    def exec_module(module):
        pass
