"""A run: one trial of trawl, as W&B shows it to its script."""

import atexit
import json
import os
import sys
import time

from . import _config
from ._nothing import Nothing, missing
from ._recorder import Recorder, Rule, say

_last = None  # the run before this one, of this process


class Settings:
    """Any setting, by attribute; one that was not given is None."""

    def __init__(self, **kwargs):
        self.__dict__.update(kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def update(self, d=None, **kwargs):
        self.__dict__.update(dict(d or {}, **kwargs))


def _other_rank():
    """Whether another process of this trial does the logging."""
    try:
        return int(os.environ.get("WORLD_SIZE", "1")) > 1 and int(os.environ.get("RANK", "0")) > 0
    except ValueError:
        return False


def _next_step():
    """The step behind the last one that the attempt before this one logged."""
    trial_dir = os.environ.get("TRAWL_TRIAL_DIR", "")
    attempt = int(os.environ.get("TRAWL_ATTEMPT") or 1)
    last = -1
    for n in range(1, attempt):
        try:
            with open(os.path.join(trial_dir, "metrics.%d.jsonl" % n), encoding="utf-8", errors="replace") as f:
                for line in f:
                    if line.startswith('{"step": ') and line.endswith("\n"):
                        last = max(last, int(line[9:].split(",", 1)[0]))
        except (OSError, ValueError):
            pass  # it logged nothing, or in lines of its own making
    return last + 1


class Run:
    """What wandb.init returns."""

    def __init__(self, given):
        env = os.environ
        trial = env.get("TRAWL_TRIAL", "")
        self.disabled = given.get("mode") == "disabled"
        path = None if self.disabled or _other_rank() else env.get("TRAWL_METRICS") or None
        resume = given.get("resume") or env.get("WANDB_RESUME")
        start = _last._recorder.step if _last is not None else _next_step() if resume and resume != "never" else 0
        self._recorder = Recorder(path, start)
        self.starting_step, self.resumed = start, _last is None and start > 0
        self.id = given.get("id") or env.get("WANDB_RUN_ID") or "trial-" + (trial or str(os.getpid()))
        self.name = given.get("name") or env.get("WANDB_NAME") or "trial-" + (trial or str(os.getpid()))
        self.project = given.get("project") or env.get("WANDB_PROJECT") or env.get("TRAWL_SWEEP") or "uncategorized"
        self.entity = given.get("entity") or env.get("WANDB_ENTITY") or ""
        self.group = given.get("group") or env.get("WANDB_RUN_GROUP") or ""
        self.job_type = given.get("job_type") or env.get("WANDB_JOB_TYPE") or ""
        tags = given.get("tags") or ()
        self.tags = (tags,) if isinstance(tags, str) else tuple(tags)
        self.notes = given.get("notes") or ""
        self.sweep_id = env.get("WANDB_SWEEP_ID")
        self.url = self.sweep_url = self.project_url = None
        self.offline, self.start_time = True, time.time()
        self.settings = self._settings = given.get("settings") or Settings()
        self.config, self.summary = _config.Config(), _config.Summary(self._recorder)
        self._dir, self._given_dir, self._pid, self._over = None, given.get("dir"), os.getpid(), False
        self._live = []  # (file, base) of save, copied again at the end
        atexit.register(self._at_exit)

    # Values.

    @property
    def step(self):
        return self._recorder.step

    @property
    def path(self):
        return "/".join(p for p in (self.entity, self.project, self.id) if p)

    @property
    def dir(self):
        """Where the run keeps files: wandb/ in the trial's directory."""
        if self._dir is None:
            base = os.environ.get("TRAWL_TRIAL_DIR") or self._given_dir or os.getcwd()
            self._dir = os.path.join(base, "wandb")
            os.makedirs(self._dir, exist_ok=True)
        return self._dir

    def project_name(self):
        return self.project

    def get_url(self):
        return None

    get_project_url = get_sweep_url = get_url

    # What a script says.

    def log(self, data=None, step=None, commit=None, sync=None):
        """Numbers to trawl, media to files, the rest to the summary."""
        if data is None:
            data = {}
        if not hasattr(data, "items"):
            raise ValueError("wandb.log must be passed a dictionary")
        if self._over:
            raise _config.UsageError("Run (%s) is finished. The call to `log` will be ignored. Please make sure that you are using an active run." % self.id)
        at = self._recorder.step if step is None else int(step)
        taken = self._recorder.log(data, step, commit)
        if taken is not None and taken[1]:
            self._keep(taken[1], at)

    def _keep(self, others, step):
        from . import _media

        for name, value in others.items():
            self._recorder.summary[name] = _media.keep(value, name, step, self)

    def define_metric(self, name, step_metric=None, step_sync=None, hidden=None, summary=None, goal=None, overwrite=None):
        rule = Rule(getattr(name, "name", name), getattr(step_metric, "name", step_metric), step_sync, summary, goal)
        self._recorder.define(rule)
        return rule

    def finish(self, exit_code=None, quiet=None):
        global _last
        if self._over or self._pid != os.getpid():
            return
        self._recorder.close()
        self._over, _last = True, self
        atexit.unregister(self._at_exit)
        if self._live:
            self._save_again()
        if os.environ.get("TRAWL_TRIAL_DIR") and self._recorder.path:
            self._write_summary()
        top = sys.modules["wandb"]
        if getattr(top, "run", None) is self:
            top.run = None

    join = finish

    def _at_exit(self):
        if self._pid == os.getpid():
            self.finish()

    def _write_summary(self):
        from ._media import Media

        doc = {k: v for k, v in self._recorder.summary.items() if not isinstance(v, Media)}
        try:
            with open(os.path.join(self.dir, "wandb-summary.json"), "w", encoding="utf-8") as f:
                json.dump(doc, f, default=str)
        except (OSError, ValueError, TypeError) as e:
            say("wandb-summary.json: %s" % e)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.finish(0 if kind is None else 1)
        return False

    def alert(self, title, text="", level=None, wait_duration=None):
        say("alert: %s: %s" % (title, text))

    def watch(self, models=None, criterion=None, log=None, log_freq=None, idx=None, log_graph=None):
        """Gradients and weights are not kept."""

    def unwatch(self, models=None):
        pass

    def mark_preempting(self):
        pass

    def log_code(self, root=".", name=None, include_fn=None, exclude_fn=None):
        return None

    def _label(self, *args, **kwargs):
        pass

    def _set_config_wandb(self, *args, **kwargs):
        pass

    _config_callback = _set_config_wandb

    # Files.

    def save(self, glob_str=None, base_path=None, policy="live"):
        """Copies files into dir, now and at the end of the run."""
        import glob

        if glob_str is None:
            return True
        pattern = os.fspath(glob_str)
        base = base_path or (os.path.dirname(pattern) if os.path.isabs(pattern) else "")
        saved = []
        for f in sorted(glob.glob(pattern)):
            if os.path.isfile(f):
                self._live.append((f, os.fspath(base)))
                saved.append(self._copy(f, os.fspath(base)))
        if not saved and "*" not in pattern:
            say("save: no such file: %s" % pattern)
        return saved

    def _copy(self, f, base):
        import shutil

        name = os.path.relpath(f, base) if base else f
        if os.path.isabs(name) or name.startswith(".."):
            name = os.path.basename(f)
        to = os.path.join(self.dir, name)
        if os.path.abspath(f) != os.path.abspath(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copyfile(f, to)
        return to

    def _save_again(self):
        for f, base in self._live:
            try:
                self._copy(f, base)
            except OSError as e:
                say("save: %s" % e)

    def restore(self, name, run_path=None, replace=False, root=None):
        path = os.path.join(self.dir, name)
        if not os.path.isfile(path):
            raise ValueError("File %s not found in %s" % (name, self.dir))
        return open(path, encoding="utf-8")

    def log_artifact(self, artifact_or_path, name=None, type=None, aliases=None, tags=None):
        from . import _artifact

        return _artifact.log(self, artifact_or_path, name, type, aliases)

    upsert_artifact = finish_artifact = log_artifact

    def use_artifact(self, artifact_or_name, type=None, aliases=None, use_as=None):
        from . import _artifact

        return _artifact.use(self, artifact_or_name, type)

    def log_model(self, path, name=None, aliases=None):
        return self.log_artifact(path, name or "run-%s-model" % self.id, "model", aliases)

    def use_model(self, name):
        return self.use_artifact(name).download()

    def link_artifact(self, artifact, target_path=None, aliases=None):
        return artifact

    def link_model(self, path, registered_model_name=None, name=None, aliases=None):
        return self.log_model(path, name, aliases)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("_"):
            return Nothing("run." + name)
        return missing("run." + name)


def init(*args, **given):
    """Begins the run. All of W&B's arguments are taken; those that name a
    server, a team or a mode change nothing but what the run says of itself."""
    top = sys.modules["wandb"]
    if args:  # positional in old scripts: job_type, dir, config, project
        given = dict(zip(("job_type", "dir", "config", "project"), args), **given)
    if top.run is not None:
        if given.get("reinit") in (None, False, "return_previous"):
            top.run.config.update(given.get("config"), allow_val_change=bool(given.get("allow_val_change")))
            return top.run
        top.run.finish()
    if _last is not None:
        say("a second run of this trial: it is recorded as the same trial, with its steps behind the first's")
    run = Run(given)
    params = _config.sweep_params()
    config = {}
    if os.path.isfile("config-defaults.yaml") and given.get("config") is None:
        config = _config.read_file("config-defaults.yaml")
    config.update(_config.as_dict(given.get("config"), given.get("config_exclude_keys"), given.get("config_include_keys")))
    run.config._start(config, params)
    if run.disabled:
        say('init(mode="disabled"): nothing that this run logs is recorded')
    top.run = run
    return run
