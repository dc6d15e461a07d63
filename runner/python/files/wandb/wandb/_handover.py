"""wandb: auto. Where the real package is installed, has credentials and is not
offline, it takes the place of this one, and what is logged is copied to trawl."""

import importlib.machinery
import importlib.util
import os
import sys

from ._config import sweep_params
from ._recorder import Recorder, Rule, say, split

_here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the entry of sys.path


def wanted():
    """The real package's spec; None where this one stays."""
    if os.environ.get("TRAWL_WANDB") != "auto" or not os.environ.get("TRAWL_METRICS"):
        return None
    if os.environ.get("WANDB_MODE", "online") in ("offline", "dryrun", "disabled") or os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1"):
        return None
    if not _credentials():
        return None
    elsewhere = [p for p in sys.path if os.path.abspath(p or ".") != _here]
    spec = importlib.machinery.PathFinder.find_spec("wandb", elsewhere)
    if spec is None or not spec.origin:  # a folder without code, as W&B itself leaves in the working directory
        return None
    return spec


def _credentials():
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("//")[-1].split("/")[0].split(":")[0]
    for name in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            with open(os.path.expanduser(name or ""), encoding="utf-8") as f:
                if host in f.read().split():
                    return True
        except OSError:
            continue
    return False


def hand_over(spec):
    """Loads the real package under its name and listens to its runs."""
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != _here]
    for name in [n for n in sys.modules if n == "wandb" or n.startswith("wandb.")]:
        del sys.modules[name]
    _environment()
    real = importlib.util.module_from_spec(spec)
    sys.modules["wandb"] = real
    spec.loader.exec_module(real)
    _listen(real)


def _environment():
    """The sweep is trawl's: W&B's server knows no such sweep, but its package
    reads the values from the same file as an agent's."""
    os.environ.pop("WANDB_SWEEP_ID", None)
    os.environ.pop("WANDB_RUN_ID", None)
    os.environ.setdefault("WANDB_RUN_GROUP", os.environ.get("TRAWL_SWEEP", "trawl"))
    os.environ.setdefault("WANDB_NAME", "%s-%s" % (os.environ.get("TRAWL_SWEEP", "trawl"), os.environ.get("TRAWL_TRIAL", "")))
    path = os.path.join(os.environ.get("TRAWL_TRIAL_DIR") or os.getcwd(), "wandb-params.yaml")
    try:
        write_params(path, sweep_params())
        os.environ["WANDB_SWEEP_PARAM_PATH"] = path
    except OSError as e:
        say("%s: %s: config has only what the script gives it" % (path, e))


def write_params(path, params):
    """The parameter file of a W&B agent. JSON is YAML, but to PyYAML, which
    reads YAML 1.1, a float has a dot and a sign in its exponent."""
    import json
    import re

    def old(m):
        whole, fraction, sign, exponent, word = m.groups()
        if word:
            return word.replace("Infinity", ".inf")
        return "%s%se%s%s" % (whole, fraction or ".0", sign or "+", exponent) if whole else m.group()

    doc = {"wandb_version": 1}
    doc.update({k: {"value": v} for k, v in params.items()})
    text = json.dumps(doc, ensure_ascii=False)
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub(r'"(?:[^"\\]|\\.)*"|(-?\d+)(\.\d+)?e([-+]?)(\d+)|(-?Infinity)', old, text) + "\n")


def _listen(real):
    try:
        run = real.sdk.wandb_run.Run
    except AttributeError:
        say("this version of wandb is not known: trawl gets no copy of what is logged; use wandb: shim")
        return
    recorder = Recorder(os.environ["TRAWL_METRICS"])
    log, define, finish = run.log, run.define_metric, run.finish

    def copied_log(self, data=None, step=None, commit=None, *args, **kwargs):
        out = log(self, data, step, commit, *args, **kwargs)
        if hasattr(data, "items"):
            recorder.log(data, step, commit)
        return out

    def copied_define(self, name, step_metric=None, step_sync=None, *args, **kwargs):
        out = define(self, name, step_metric, step_sync, *args, **kwargs)
        recorder.define(Rule(getattr(name, "name", name), getattr(step_metric, "name", step_metric), step_sync,
                             kwargs.get("summary"), kwargs.get("goal")))
        return out

    def copied_finish(self, *args, **kwargs):
        recorder.close()
        return finish(self, *args, **kwargs)

    run.log, run.define_metric, run.finish = copied_log, copied_define, copied_finish
    summary = getattr(getattr(real.sdk, "wandb_summary", None), "SummaryDict", None)
    if summary is not None:
        _listen_summary(summary, recorder)


def _listen_summary(summary, recorder):
    setitem, update = summary.__setitem__, summary.update

    def tell(values):
        numbers = {}
        split(values, "", numbers, {})
        recorder.write(numbers)

    def copied_setitem(self, key, value):
        setitem(self, key, value)
        tell({key: value})

    def copied_update(self, d):
        update(self, d)
        tell(d)

    summary.__setitem__, summary.update = copied_setitem, copied_update
