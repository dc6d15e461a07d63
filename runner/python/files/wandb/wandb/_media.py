"""Media, kept as files under media/ of the run's directory, and plots, kept as
the tables that they are drawn from."""

import json
import os
import shutil
import sys

from ._recorder import number, say


def keep(value, name, step, run):
    """Writes media to files; what it returns stands in the summary."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, Media) for v in value):
        return [keep(v, "%s_%d" % (name, i), step, run) for i, v in enumerate(value)]
    if not isinstance(value, Media):
        module = type(value).__module__.split(".")[0]
        if module == "matplotlib" or hasattr(value, "savefig"):
            value = Image(value)
        elif module == "plotly" and hasattr(value, "to_html"):
            value = Html(value.to_html())
        elif module == "pandas" and hasattr(value, "columns"):
            value = Table(dataframe=value)
        elif hasattr(value, "shape") and hasattr(value, "tolist"):
            value = Histogram(value)
        else:
            return value
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    try:
        path = value.write(os.path.join(run.dir, "media", value.kind), "%s_%d" % (safe, step))
    except Exception as e:  # a picture must not end a training
        say("%s: %s is not kept: %s" % (name, type(value).__name__, e))
        return {"_type": value.kind}
    return dict(value.summary(), _type=value.kind, path=os.path.relpath(path, run.dir))


class Media:
    kind = "media"
    _suffix = ""

    def __init__(self, data_or_path=None, *args, **kwargs):
        self._data, self.caption = data_or_path, kwargs.get("caption")

    def suffix(self):
        if isinstance(self._data, (str, os.PathLike)):
            return os.path.splitext(os.fspath(self._data))[1] or self._suffix
        return self._suffix

    def summary(self):
        return {"caption": self.caption} if self.caption else {}

    def write(self, folder, name):
        """Writes the file NAME + suffix below folder and returns its path."""
        path = os.path.join(folder, name + self.suffix())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(self._data, (str, os.PathLike)):
            shutil.copyfile(os.fspath(self._data), path)
        else:
            self._write(path)
        return path

    def _write(self, path):
        if hasattr(self._data, "read"):
            data = self._data.read()
        elif isinstance(self._data, (bytes, bytearray)):
            data = bytes(self._data)
        else:
            raise ValueError("a %s; want a file" % type(self._data).__name__)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)


class Image(Media):
    """A path, a PIL image, a matplotlib figure, or an array or tensor of
    H×W, H×W×C (tensors: C×H×W) with values in [0, 1] or [0, 255]."""

    kind = "images"
    _suffix = ".png"

    def __init__(self, data_or_path, mode=None, caption=None, grouping=None, classes=None, boxes=None, masks=None, file_type=None, normalize=True):
        Media.__init__(self, data_or_path.filename if isinstance(data_or_path, Image) else data_or_path, caption=caption)

    def _write(self, path):
        d = self._data
        if hasattr(d, "savefig"):
            d.savefig(path)
        elif hasattr(d, "figure") and hasattr(d.figure, "savefig"):
            d.figure.savefig(path)
        elif hasattr(d, "save") and not hasattr(d, "shape"):
            d.save(path)
        else:
            with open(path, "wb") as f:
                f.write(png(*pixels(d)))


def pixels(a):
    """An array as (width, height, channels, bytes); floats of at most 1 are
    scaled by 255, everything is cut to 0…255."""
    if hasattr(a, "detach"):
        a = a.detach().cpu()
        if a.dim() == 3:
            a = a.permute(1, 2, 0)
        a = a.numpy()
    shape = tuple(a.shape)
    if len(shape) == 3 and shape[2] == 1:
        a, shape = a.reshape(shape[:2]), shape[:2]
    if len(shape) not in (2, 3) or len(shape) == 3 and shape[2] not in (2, 3, 4):
        raise ValueError("an image of shape %r; want H×W or H×W×C with C of 1 to 4" % (shape,))
    if a.dtype.kind in "fb" and float(a.max()) <= 1:
        a = a * 255.0
    flat = a.clip(0, 255).astype("uint8").tobytes()
    return shape[1], shape[0], shape[2] if len(shape) == 3 else 1, flat


def png(width, height, channels, data):
    """PNG, 8 bits a channel, no filter (PNG specification, W3C 2003, sections 5 and 11)."""
    import struct
    import zlib

    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    row = width * channels
    raw = b"".join(b"\0" + data[i * row:(i + 1) * row] for i in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


class Video(Media):
    """A path or a file; arrays are kept as .npy, for there is no encoder."""

    kind = "videos"
    _suffix = ".mp4"

    def __init__(self, data_or_path, caption=None, fps=None, format=None):
        Media.__init__(self, data_or_path, caption=caption)
        if hasattr(data_or_path, "shape"):
            self._suffix = ".npy"
        elif format:
            self._suffix = "." + format

    def _write(self, path):
        if not hasattr(self._data, "shape"):
            return Media._write(self, path)
        a = self._data.detach().cpu().numpy() if hasattr(self._data, "detach") else self._data
        sys.modules["numpy"].save(path, a)


class Audio(Media):
    """A path, or samples in [-1, 1] or 16-bit integers, kept as WAV."""

    kind = "audio"
    _suffix = ".wav"

    def __init__(self, data_or_path, sample_rate=None, caption=None):
        Media.__init__(self, data_or_path, caption=caption)
        self._rate = sample_rate or 44100

    def _write(self, path):
        if hasattr(self._data, "read") or isinstance(self._data, bytes):
            return Media._write(self, path)
        import array
        import wave

        values = flatten(self._data)
        if all(-1 <= v <= 1 for v in values):
            values = [v * 32767 for v in values]
        samples = array.array("h", (int(max(-32768, min(32767, v))) for v in values))
        if sys.byteorder == "big":
            samples.byteswap()
        with wave.open(path, "wb") as w:
            w.setnchannels(1)
            w.setsampwidth(2)
            w.setframerate(int(self._rate))
            w.writeframes(samples.tobytes())


class Html(Media):
    kind = "html"
    _suffix = ".html"

    def __init__(self, data, inject=True, data_is_not_path=False):
        is_path = isinstance(data, (str, os.PathLike)) and not data_is_not_path and str(data).endswith(".html") and os.path.isfile(data)
        Media.__init__(self, data if is_path or not isinstance(data, str) else data.encode())


class Object3D(Media):
    kind = "object3D"
    _suffix = ".json"

    def _write(self, path):
        if hasattr(self._data, "read"):
            return Media._write(self, path)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self._data, f, default=lambda v: v.tolist() if hasattr(v, "tolist") else str(v))


class Molecule(Media):
    kind = "molecules"
    _suffix = ".pdb"


class Plotly(Media):
    kind = "html"
    _suffix = ".html"

    def _write(self, path):
        self._data.write_html(path)


def flatten(v):
    """All numbers of nested lists, arrays or tensors."""
    if hasattr(v, "detach"):
        v = v.detach().cpu()
    if hasattr(v, "numpy"):
        v = v.numpy()
    if hasattr(v, "ravel"):
        v = v.ravel()
    if hasattr(v, "tolist"):
        v = v.tolist()
    out, todo = [], [v]
    while todo:
        x = todo.pop()
        if isinstance(x, (list, tuple)):
            todo.extend(reversed(x))
        else:
            n = number(x)
            if n is not None:
                out.append(float(n))
    return out


class Histogram(Media):
    """Counts in num_bins bins of equal width over the finite values."""

    kind = "histogram"
    _suffix = ".json"

    def __init__(self, sequence=None, np_histogram=None, num_bins=64):
        Media.__init__(self)
        if np_histogram is not None:
            self.histogram, self.bins = flatten(np_histogram[0]), flatten(np_histogram[1])
            return
        values = [v for v in flatten(sequence if sequence is not None else []) if v - v == 0]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        if low == high:
            low, high = low - 0.5, high + 0.5
        n = max(1, min(int(num_bins), 512))
        self.bins = [low + (high - low) * i / n for i in range(n + 1)]
        self.histogram = [0] * n
        for v in values:
            self.histogram[min(n - 1, int((v - low) / (high - low) * n))] += 1

    def summary(self):
        return {"bins": self.bins, "values": self.histogram}

    def _write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.summary(), f)


class Table(Media):
    """Rows under columns, kept as JSON in W&B's form."""

    kind = "table"
    _suffix = ".table.json"

    def __init__(self, columns=None, data=None, rows=None, dataframe=None, dtype=None, optional=True, allow_mixed_types=False, log_mode=None):
        Media.__init__(self)
        if dataframe is None and hasattr(data, "columns"):
            dataframe = data
        if dataframe is not None:
            columns, data = list(dataframe.columns), dataframe.values.tolist()
        data = data if data is not None else rows
        if hasattr(data, "tolist"):
            data = data.tolist()
        self.data = [list(r) for r in data] if data is not None else []
        if columns is None:
            columns = ["Input", "Output", "Expected"] if not self.data else [str(i) for i in range(len(self.data[0]))]
        self.columns = list(columns)

    def add_data(self, *row):
        if len(row) != len(self.columns):
            raise ValueError("This table expects %d columns: %s, found %d" % (len(self.columns), self.columns, len(row)))
        self.data.append(list(row))

    def add_row(self, *row):
        self.add_data(*row)

    def add_column(self, name, data, optional=False):
        values = data.tolist() if hasattr(data, "tolist") else list(data)
        if self.data and len(values) != len(self.data):
            raise ValueError("%d values for %d rows" % (len(values), len(self.data)))
        self.data = [r + [v] for r, v in zip(self.data, values)] if self.data else [[v] for v in values]
        self.columns.append(name)

    def get_column(self, name, convert_to=None):
        i = self.columns.index(name)
        return [r[i] for r in self.data]

    def get_index(self):
        return list(range(len(self.data)))

    def iterrows(self):
        return iter(enumerate(self.data))

    def get_dataframe(self):
        import pandas

        return pandas.DataFrame(self.data, columns=self.columns)

    def summary(self):
        return {"nrows": len(self.data), "ncols": len(self.columns)}

    def write(self, folder, name):
        path = os.path.join(folder, name + self._suffix)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        rows = [[self._cell(v, folder, "%s_%d_%d" % (name, i, j)) for j, v in enumerate(r)] for i, r in enumerate(self.data)]
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"columns": self.columns, "data": rows}, f, default=str)
        return path

    @staticmethod
    def _cell(v, folder, name):
        if isinstance(v, Media):
            return {"_type": v.kind, "path": os.path.relpath(v.write(os.path.join(folder, v.kind), name), folder)}
        if isinstance(v, (int, float, str, bool, list, dict)) or v is None:
            return v
        if hasattr(v, "tolist"):
            return v.tolist()
        return str(v)


# wandb.plot: the table behind the plot.


def plot_table_of(table, *args, **kwargs):
    return table


plot_line = plot_scatter = plot_bar = plot_histogram = plot_table_of


def plot_plot_table(vega_spec_name=None, data_table=None, *args, **kwargs):
    return data_table


def plot_line_series(xs, ys, keys=None, title=None, xname="x", **kwargs):
    ys = [list(y) for y in ys]
    xs = [list(x) if hasattr(x, "__iter__") else None for x in xs]
    if any(x is None for x in xs) or len(xs) != len(ys):
        raise ValueError("line_series: want one list of x for each list of y")
    names = keys or ["line_%d" % i for i in range(len(ys))]
    return Table([xname, "lineKey", "lineVal"], [[x, n, y] for a, b, n in zip(xs, ys, names) for x, y in zip(a, b)])


def plot_confusion_matrix(probs=None, y_true=None, preds=None, class_names=None, title=None, split_table=False):
    if preds is None:
        preds = [max(range(len(p)), key=p.__getitem__) for p in (probs.tolist() if hasattr(probs, "tolist") else probs)]
    actual, guessed = [int(v) for v in flatten(y_true)], [int(v) for v in flatten(preds)]
    n = max(actual + guessed, default=-1) + 1
    names = list(class_names) if class_names else ["Class_%d" % (i + 1) for i in range(n)]
    counts = {}
    for pair in zip(actual, guessed):
        counts[pair] = counts.get(pair, 0) + 1
    return Table(["Actual", "Predicted", "nPredictions"],
                 [[names[a], names[g], counts.get((a, g), 0)] for a in range(len(names)) for g in range(len(names))])
