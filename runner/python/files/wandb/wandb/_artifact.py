"""Artifacts: folders of files in the trial's directory."""

import contextlib
import json
import os
import shutil

from . import _config


class Artifact:
    """Files under a name. They are copied when they are added, into
    artifacts/NAME of the trial's directory once the artifact is logged."""

    def __init__(self, name, type="dataset", description=None, metadata=None, incremental=None, use_as=None):
        self.name, self.type, self.description = str(name), type, description
        self.metadata = dict(metadata or {})
        self.aliases, self.tags, self.version, self.state = [], [], "v0", "PENDING"
        self.id = self.digest = None
        self._files = {}  # name inside → path
        self._dir = None
        self._made = None

    def add_file(self, local_path, name=None, is_tmp=False, skip_cache=None, policy=None, overwrite=None):
        local_path = os.fspath(local_path)
        if not os.path.isfile(local_path):
            raise ValueError("Path is not a file: %s" % local_path)
        return self._add(name or os.path.basename(local_path), local_path)

    def add_dir(self, local_path, name=None, skip_cache=None, policy=None, merge=None):
        local_path = os.fspath(local_path)
        if not os.path.isdir(local_path):
            raise ValueError("Path is not a directory: %s" % local_path)
        for folder, _, files in os.walk(local_path):
            for f in sorted(files):
                path = os.path.join(folder, f)
                self._add(os.path.join(name or "", os.path.relpath(path, local_path)), path)

    def add_reference(self, uri, name=None, checksum=True, max_objects=None):
        """Only the address is kept."""
        self.metadata.setdefault("references", {})[name or os.path.basename(str(uri))] = str(uri)
        return []

    def add(self, obj, name, overwrite=False):
        from . import _media

        if isinstance(obj, _media.Media):
            return self._add(name + obj.suffix(), obj.write(self._folder(), name))
        with self.new_file(name + ".json") as f:
            json.dump(obj, f, default=str)

    @contextlib.contextmanager
    def new_file(self, name, mode="x", encoding=None):
        path = os.path.join(self._folder(), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, mode.replace("x", "w"), encoding=encoding or (None if "b" in mode else "utf-8")) as f:
            yield f
        self._add(name, path)

    def _add(self, name, path):
        name = os.path.normpath(str(name))
        if os.path.isabs(name) or name.startswith(".."):
            raise ValueError("artifact %s: %s leaves the artifact" % (self.name, name))
        self._files[name] = path
        return self

    def _folder(self):
        if self._made is None:
            import tempfile

            self._made = tempfile.mkdtemp(prefix="artifact-", dir=os.environ.get("TRAWL_TRIAL_DIR"))
        return self._made

    def _store(self, folder):
        for name, path in self._files.items():
            to = os.path.join(folder, name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            if os.path.abspath(path) != os.path.abspath(to):
                shutil.copyfile(path, to)
        os.makedirs(folder, exist_ok=True)
        with open(folder + ".json", "w", encoding="utf-8") as f:
            json.dump({"name": self.name, "type": self.type, "description": self.description, "metadata": self.metadata,
                       "aliases": self.aliases, "files": sorted(self._files)}, f, default=str)
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)
            self._made = None
        self._dir, self.state = folder, "COMMITTED"
        self._files = {n: os.path.join(folder, n) for n in self._files}

    # Once logged or found.

    def wait(self, timeout=None):
        return self

    def save(self, project=None, settings=None):
        log(None, self, None, None, None)

    def download(self, root=None, allow_missing_references=False, skip_cache=None, path_prefix=None, multipart=None):
        """The folder of its files, or root with copies of them."""
        if root is None:
            if self._dir is None:
                raise _config.CommError("artifact %s was not logged yet" % self.name)
            return self._dir
        for name, path in self._files.items():
            to = os.path.join(os.fspath(root), name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copyfile(path, to)
        return os.fspath(root)

    checkout = download

    def file(self, root=None):
        if len(self._files) != 1:
            raise ValueError("artifact %s has %d files; want one" % (self.name, len(self._files)))
        return next(iter(self._files.values()))

    def files(self, names=None, per_page=50):
        return [_Entry(n, p) for n, p in self._files.items() if not names or n in names]

    def get_path(self, name):
        if name not in self._files:
            raise KeyError("Path not contained in artifact: %s" % name)
        return _Entry(name, self._files[name])

    get_entry = get_path

    @property
    def manifest(self):
        return _Manifest({n: _Entry(n, p) for n, p in self._files.items()})

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False


class _Manifest:
    def __init__(self, entries):
        self.entries = entries


class _Entry:
    """A file of an artifact."""

    def __init__(self, name, path):
        self.name = self.path = name
        self._path = path

    @property
    def size(self):
        return os.path.getsize(self._path)

    def download(self, root=None, skip_cache=None):
        if root is None:
            return self._path
        to = os.path.join(os.fspath(root), self.name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        return shutil.copyfile(self._path, to)


def _root():
    return os.path.join(os.environ.get("TRAWL_TRIAL_DIR") or os.path.join(os.getcwd(), "wandb"), "artifacts")


def _safe(name):
    return name.replace("/", "_").replace(os.sep, "_").replace("..", "_") or "_"


def log(run, what, name, type, aliases):
    """Keeps an artifact, or makes one of a file or a folder."""
    if not isinstance(what, Artifact):
        path = os.fspath(what)
        what = Artifact(name or "run-%s-%s" % (run.id, os.path.basename(path.rstrip("/"))), type or "unspecified")
        if os.path.isdir(path):
            what.add_dir(path)
        else:
            what.add_file(path)
    what.aliases = list(aliases or ["latest"])
    n = 0
    while os.path.exists(os.path.join(_root(), _safe(what.name), "v%d.json" % n)):
        n += 1
    what.version = "v%d" % n
    what._store(os.path.join(_root(), _safe(what.name), what.version))
    return what


def use(run, what, type):
    """Finds an artifact that this trial has logged: NAME, NAME:latest, NAME:v0,
    NAME:alias, with or without a project before it."""
    if isinstance(what, Artifact):
        if what._dir is None:
            log(run, what, None, type, None)
        return what
    name, _, want = str(what).rsplit("/", 1)[-1].partition(":")
    folder = os.path.join(_root(), _safe(name))
    versions = sorted((int(f[1:-5]) for f in _listdir(folder) if f.startswith("v") and f.endswith(".json") and f[1:-5].isdigit()), reverse=True)
    for n in versions:
        with open(os.path.join(folder, "v%d.json" % n), encoding="utf-8") as f:
            doc = json.load(f)
        if want in ("", "latest", "v%d" % n) or want in doc["aliases"]:
            a = Artifact(doc["name"], doc["type"], doc["description"], doc["metadata"])
            a._dir, a.version, a.aliases, a.state = os.path.join(folder, "v%d" % n), "v%d" % n, doc["aliases"], "COMMITTED"
            a._files = {f: os.path.join(a._dir, f) for f in doc["files"]}
            return a
    raise _config.CommError("artifact %s: this trial has logged none of that name, and there is no server to ask; read the files "
                            "from a path instead, or run with `wandb: auto` and an account" % what)


def _listdir(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []
