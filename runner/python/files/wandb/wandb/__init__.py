"""A stand-in for wandb, put on PYTHONPATH by trawl: a W&B script runs with no
account and no network, gets its values from the sweep, and what it logs is
recorded by trawl. See _run.Run for what a run can do. Switch it off with
`wandb: off` in the sweep file; `wandb: shim` keeps the real package out.
"""

import sys as _sys

from . import _handover

__version__ = "0.19.11"

_real = _handover.wanted()
if _real is not None:
    _handover.hand_over(_real)  # sys.modules["wandb"] is the real one from here on
else:
    from . import _config, _nothing, _run
    from ._config import AuthenticationError, CommError, Config, ConfigError, Error, UsageError
    from ._nothing import Finder as _Finder
    from ._recorder import say as _say
    from ._run import Run, Settings, init

    _sys.meta_path.append(_Finder)
    run = None
    _submodules = frozenset("apis beta data_types env errors integration keras lightgbm old plot plots proto sdk sklearn util wandb_run wandb_sdk xgboost".split())
    _media_names = frozenset("Image Video Audio Html Object3D Molecule Plotly Histogram Table Media".split())
    RunDisabled = Run

    def _active(what):
        if run is None:
            raise Error("You must call wandb.init() before wandb.%s" % what)
        return run

    def log(data=None, step=None, commit=None, sync=None):
        _active("log()").log(data, step, commit)

    def finish(exit_code=None, quiet=None):
        if run is not None:
            run.finish(exit_code)

    join = finish

    def save(glob_str=None, base_path=None, policy="live"):
        return _active("save()").save(glob_str, base_path, policy)

    def watch(models=None, *args, **kwargs):
        _active("watch()")

    def unwatch(models=None):
        pass

    def define_metric(name, *args, **kwargs):
        return _active("define_metric()").define_metric(name, *args, **kwargs)

    def log_artifact(*args, **kwargs):
        return _active("log_artifact()").log_artifact(*args, **kwargs)

    def use_artifact(*args, **kwargs):
        return _active("use_artifact()").use_artifact(*args, **kwargs)

    def log_model(*args, **kwargs):
        return _active("log_model()").log_model(*args, **kwargs)

    def use_model(*args, **kwargs):
        return _active("use_model()").use_model(*args, **kwargs)

    def link_model(*args, **kwargs):
        return _active("link_model()").link_model(*args, **kwargs)

    def restore(*args, **kwargs):
        return _active("restore()").restore(*args, **kwargs)

    def alert(*args, **kwargs):
        _active("alert()").alert(*args, **kwargs)

    def mark_preempting():
        pass

    def login(anonymous=None, key=None, relogin=None, host=None, force=None, timeout=None, verify=False):
        return True

    def setup(settings=None):
        return None

    def teardown(exit_code=None):
        finish(exit_code)

    def require(*args, **kwargs):
        pass

    ensure_configured = require

    def termlog(string="", *args, **kwargs):
        _say(string)

    def termwarn(string="", *args, **kwargs):
        _say("WARNING " + string)

    def termerror(string="", *args, **kwargs):
        _say("ERROR " + string)

    def generate_id(length=8):
        import random

        return "".join(random.SystemRandom().choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(length))

    class AlertLevel:
        INFO, WARN, ERROR = "INFO", "WARN", "ERROR"

    class Api:
        """The public API of a server that is not there."""

        def __init__(self, *args, **kwargs):
            pass

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            raise CommError("wandb.Api().%s: there is no server to ask; this script runs on trawl's stand-in for wandb" % name)

    def sweep(sweep=None, entity=None, project=None, prior_runs=None):
        """Keeps the sweep as a file that trawl runs."""
        import json
        import os

        path = os.path.join(os.environ.get("TRAWL_TRIAL_DIR") or os.getcwd(), "sweep.json")
        doc = dict(sweep() if callable(sweep) else sweep or {})
        doc.setdefault("program", os.path.basename(_sys.argv[0]))
        with open(path, "w", encoding="utf-8") as f:
            json.dump(doc, f, indent=2, default=str)
            f.write("\n")
        _say("sweep(): trawl runs sweeps, scripts are their trials. The sweep is written to %s: trawl run %s" % (path, path))
        if not os.environ.get("TRAWL_METRICS"):
            raise Error("wandb.sweep: there is no server; run the sweep with `trawl run %s`" % path)
        return os.environ.get("WANDB_SWEEP_ID") or "sweep"

    def agent(sweep_id=None, function=None, entity=None, project=None, count=None, forward_signals=None):
        """Runs the function once: this process is one trial of a sweep."""
        if function is None:
            raise Error("wandb.agent: this process is a trial already; trawl starts the trials of a sweep: trawl run FILE")
        _say("agent(): this process is one trial of trawl's sweep: %s runs once, with its values" % getattr(function, "__name__", "the function"))
        function()
        finish()

    controller = agent

    class _Active:
        """wandb.config and wandb.summary: those of the run of the moment."""

        def __init__(self, name):
            object.__setattr__(self, "_name", name)

        def _get(self):
            name = object.__getattribute__(self, "_name")
            return getattr(_active(name), name)

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(self._get(), name)

        def __setattr__(self, name, value):
            setattr(self._get(), name, value)

        def __getitem__(self, key):
            return self._get()[key]

        def __setitem__(self, key, value):
            self._get()[key] = value

        def __delitem__(self, key):
            del self._get()[key]

        def __contains__(self, key):
            return key in self._get()

        def __iter__(self):
            return iter(self._get())

        def __len__(self):
            return len(self._get())

        def __repr__(self):
            return repr(self._get()) if run is not None else "<wandb.%s: no run yet>" % object.__getattribute__(self, "_name")

    config, summary = _Active("config"), _Active("summary")

    def lookup(name):
        """What wandb has under a name, None if nothing."""
        if name in globals():
            return globals()[name]
        if name in _media_names:
            from . import _media

            return getattr(_media, name)
        if name == "Artifact":
            from . import _artifact

            return _artifact.Artifact
        if name in _submodules:
            import importlib

            return importlib.import_module("wandb." + name)
        return None

    def __getattr__(name):
        if name.startswith("_"):  # also what `from . import _media` asks before it imports
            raise AttributeError("module 'wandb' has no attribute %r" % name)
        value = lookup(name)
        return _nothing.missing("wandb." + name) if value is None else value
