"""Scripts in the manner of well-known public ones, on the stand-in for wandb,
line by line as such scripts use it."""

import importlib.util
import json
import os
import unittest

from test_wandb import trial

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
HAS_TORCH = importlib.util.find_spec("torch") is not None

TORCH = '''
import argparse, os
import torch, torch.nn as nn, torch.nn.functional as F
import wandb

def test(model, x, y):
    example_images = []
    with torch.no_grad():
        out = model(x)
        loss = F.cross_entropy(out, y)
        example_images.append(wandb.Image(x[0].reshape(1, 4, 4), caption="Pred: {} Truth: {}".format(out.max(1)[1][0].item(), y[0])))
    wandb.log({"Examples": example_images, "Test Accuracy": 100. * out.argmax(1).eq(y).float().mean(), "Test Loss": loss})

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args(["--lr", "0.1"])
    wandb.init(project="pytorch-mnist")
    wandb.config.update(args)
    config = wandb.config
    config.batch_size = 8
    config.seed = 42
    torch.manual_seed(config.seed)
    model = nn.Sequential(nn.Linear(16, 2))
    wandb.watch(model, log="all")
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr)
    x, y = torch.randn(32, 16), torch.randint(0, 2, (32,))
    for epoch in range(1, config.epochs + 1):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        wandb.log({"grad": wandb.Histogram(model[0].weight.grad)}, commit=False)
        optimizer.step()
        test(model, x, y)
    torch.save(model.state_dict(), os.path.join(wandb.run.dir, "model.pt"))
    wandb.save("model.pt")
    assert config.lr == 0.25, config

main()
'''

LIGHTNING = '''
import argparse, os, tempfile
from importlib.metadata import version, distribution
import wandb
from wandb.sdk.lib import RunDisabled
from wandb.wandb_run import Run
assert [int(n) for n in version("wandb").split(".")] >= [0, 12, 10] and distribution("wandb").metadata["Name"] == "wandb"

class WandbLogger:
    """As Lightning's: the run is made when it is first needed."""

    def __init__(self, **kwargs):
        self._init = dict(name=None, project="lightning_logs", dir=".", id=None, resume="allow", anonymous=None)
        self._init.update(kwargs)
        self._experiment = None
        wandb.require("service")

    @property
    def experiment(self):
        if self._experiment is None:
            if wandb.run is not None:
                self._experiment = wandb.run
            elif getattr(self, "_attach_id", None) is not None and hasattr(wandb, "_attach"):
                self._experiment = wandb._attach(self._attach_id)
            else:
                self._experiment = wandb.init(**self._init)
                if isinstance(self._experiment, (Run, RunDisabled)) and getattr(self._experiment, "define_metric", None):
                    self._experiment.define_metric("trainer/global_step")
                    self._experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        self._experiment._label(repo="pytorch_lightning")
        return self._experiment

    def __getstate__(self):
        state = self.__dict__.copy()
        if self._experiment is not None:
            state["_id"], state["_attach_id"], state["_name"] = self.experiment.id, getattr(self.experiment, "_attach_id", None), self.experiment.name
        state["_experiment"] = None
        return state

logger = WandbLogger(log_model=False) if False else WandbLogger(tags=["a"])
logger.experiment.config.update({"lr": 0.5, "layers": 3}, allow_val_change=True)
logger.experiment.watch(object(), log="gradients", log_freq=100, log_graph=True)
for step in range(0, 30, 10):
    logger.experiment.log(dict({"train_loss": 1.0 / (step + 1), "epoch": step // 10}, **{"trainer/global_step": step}))
logger.experiment.log({"val_loss": 0.25, "trainer/global_step": 29})
state = logger.__getstate__()
assert state["_id"] and state["_name"], state
text = wandb.Table(columns=["input", "label"], data=[["cheese", "english"]], dataframe=None)
logger.experiment.log({"text": text, "trainer/global_step": 29})
with open("best.ckpt", "w") as f:
    f.write("weights")
artifact = wandb.Artifact(name="model-%s" % logger.experiment.id, type="model", metadata={"score": 0.25, "original_filename": "best.ckpt"})
artifact.add_file("best.ckpt", name="model.ckpt")
logger.experiment.log_artifact(artifact, aliases=["latest", "best"])
assert wandb.config.lr == 0.25 and wandb.config.layers == 3
'''

TRANSFORMERS = '''
import importlib.metadata, importlib.util, os, tempfile
assert importlib.util.find_spec("wandb") is not None
importlib.metadata.metadata("wandb")
import wandb

class WandbCallback:
    """As Hugging Face's: set up at the start of training, rewritten names in on_log."""

    def __init__(self):
        self._wandb = wandb

    def setup(self, args, model):
        init_args = {"name": args["run_name"], "group": "g"}
        if self._wandb.run is None:
            self._wandb.init(project=os.getenv("WANDB_PROJECT", "huggingface"), **init_args)
        self._wandb.config.update(dict(args), allow_val_change=True)
        if getattr(self._wandb, "define_metric", None):
            self._wandb.define_metric("train/global_step")
            self._wandb.define_metric("*", step_metric="train/global_step", step_sync=True)
        self._wandb.watch(model, log="gradients", log_freq=100)
        self._wandb.run._label(code="transformers_trainer")
        self._wandb.config["model/num_parameters"] = 12
        artifact = self._wandb.Artifact(name="model-" + self._wandb.run.id, type="model",
                                        metadata={"n": self._wandb.config.get("model/num_parameters"), "initial_model": True})
        with artifact.new_file("model_architecture.txt", mode="w+") as f:
            f.write("Linear(2, 2)")
        self._wandb.run.log_artifact(artifact, aliases=["base_model"])
        assert "[](%s)" % self._wandb.run.get_url()

    def on_log(self, logs, step):
        for k in ("train_runtime",):
            if k in logs:
                self._wandb.run.summary[k] = logs.pop(k)
        new = {("eval/" + k[5:] if k.startswith("eval_") else "train/" + k): v for k, v in logs.items()}
        self._wandb.log({**new, "train/global_step": step})

cb = WandbCallback()
cb.setup({"run_name": "out", "lr": 0.25, "num_train_epochs": 3.0, "layers": [1, 2], "nested": {"a": None}}, object())
cb.on_log({"loss": 0.7, "learning_rate": 5e-05, "epoch": 0.5}, 50)
cb.on_log({"eval_loss": 0.41, "eval_accuracy": 0.87, "epoch": 1.0}, 100)
cb.on_log({"train_runtime": 12.5}, 100)
with tempfile.TemporaryDirectory() as d:
    open(os.path.join(d, "pytorch_model.bin"), "w").write("x")
    artifact = wandb.Artifact(name="model-" + wandb.run.id, type="model", metadata={})
    artifact.add_dir(d)
    wandb.run.log_artifact(artifact)
wandb.run.finish()
'''

KERAS = {"keras/__init__.py": "from . import callbacks\n",
         "keras/callbacks.py": "class Callback:\n    def __init__(self): self.model = None\n    def set_model(self, m): self.model = m\n"
                               "class ModelCheckpoint(Callback):\n    def __init__(self, filepath, **kw):\n        super().__init__()\n        self.filepath = filepath\n"}


def named(lines, name):
    return [(l["step"], l[name]) for l in lines if name in l]


class Scripts(unittest.TestCase):
    @unittest.skipUnless(HAS_TORCH, "no torch")
    def test_pytorch(self):
        lines, _, err, folder = trial(TORCH, {"lr": 0.25})
        self.assertEqual([s for s, _ in named(lines, "Test Loss")], [0, 1])
        self.assertTrue(0 <= named(lines, "Test Accuracy")[1][1] <= 100)
        self.assertTrue(os.path.exists(os.path.join(folder, "wandb", "model.pt")))
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "wandb", "media", "images"))), ["Examples_0_0.png", "Examples_0_1.png"])
        self.assertNotIn("not part", err)

    def test_lightning(self):
        lines, _, err, folder = trial(LIGHTNING, {"lr": 0.25})
        self.assertEqual(named(lines, "train_loss"), [(0, 1.0), (10, 1.0 / 11), (20, 1.0 / 21)])
        self.assertEqual(named(lines, "val_loss"), [(29, 0.25)])
        self.assertTrue(os.path.exists(os.path.join(folder, "artifacts", "model-s-7", "v0", "model.ckpt")))
        self.assertNotIn("not part", err)

    def test_transformers(self):
        lines, _, err, folder = trial(TRANSFORMERS, {"lr": 0.25})
        self.assertEqual(named(lines, "eval/loss"), [(100, 0.41)])
        self.assertEqual(named(lines, "train/loss"), [(50, 0.7)])
        self.assertEqual([l["train_runtime"] for l in lines if "train_runtime" in l], [12.5])
        self.assertTrue(os.path.exists(os.path.join(folder, "artifacts", "model-s-7", "v1", "pytorch_model.bin")))
        self.assertNotIn("not part", err)

    def test_keras(self):
        lines, _, err, folder = trial("import wandb\nfrom wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint\nimport keras\nwandb.init(config={'epochs': 2})\n"
                                 "class Table(wandb.keras.WandbEvalCallback):\n"
                                 "    def __init__(self, n):\n        super().__init__(['idx'], ['epoch', 'idx'])\n        self.n = n\n"
                                 "    def add_ground_truth(self, logs=None):\n        self.data_table.add_data(1)\n"
                                 "    def add_model_predictions(self, epoch, logs=None):\n        self.pred_table.add_data(epoch, len(self.data_table_ref.get_index()) + self.n)\n"
                                 "cbs = [WandbMetricsLogger(log_freq=2), WandbModelCheckpoint('models'), Table(3)]\n"
                                 "for c in cbs: assert isinstance(c, keras.callbacks.Callback), c\n"
                                 "def call(f, *a):\n    for c in cbs:\n        getattr(c, f, lambda *a: None)(*a)\n"
                                 "call('on_train_begin', {})\n"
                                 "for epoch in range(2):\n    for batch in range(4): call('on_train_batch_end', batch, {'loss': 1.0})\n"
                                 "    call('on_epoch_end', epoch, {'loss': 0.5, 'val_loss': 0.25, 'name': 'x'})\ncall('on_train_end', {})",
                                 files=KERAS)
        self.assertEqual(named(lines, "epoch/val_loss"), [(0, 0.25), (1, 0.25)])
        self.assertEqual([s for s, _ in named(lines, "batch/loss")], [1, 3, 5, 7])
        with open(os.path.join(folder, "wandb", "media", "table", "predictions_6.table.json")) as f:
            self.assertEqual(json.load(f), {"columns": ["epoch", "idx"], "data": [[1, 4]]})
        self.assertNotIn("not part", err)

    def test_a_base_class_that_is_not_there(self):
        lines, _, err, _ = trial("import wandb\nfrom wandb.integration.new import Callback\nwandb.init()\nclass Mine(Callback):\n"
                                 "    def __init__(self):\n        super().__init__(verbose=1)\n        self.n = 1\n    def end(self):\n        self.model.save('x')\n        return self.n\n"
                                 "wandb.log({'n': Mine().end()})")
        self.assertEqual(lines, [{"step": 0, "n": 1}])
        self.assertEqual(err.count("not part"), 1)

    def test_idioms(self):
        lines, _, err, folder = trial('''
import argparse, copy, json, pickle
import wandb
args = argparse.Namespace(lr=9.0, batch=4, name="n")
def step(lr, batch, **rest): return lr * batch
with wandb.init(config=args, project="p", entity="e", job_type="train", monitor_gym=True, sync_tensorboard=True, save_code=True, allow_val_change=True) as run:
    assert step(**wandb.config) == step(**run.config) == step(**dict(wandb.config)) == 1.0
    run.config.update(args)
    run.config.update({"extra": {"a": 1}}, allow_val_change=True)
    ns = argparse.Namespace(**wandb.config)
    assert ns.lr == 0.25 and ns.extra == {"a": 1} and json.loads(json.dumps(dict(wandb.config)))["batch"] == 4
    assert copy.deepcopy(run.config)["lr"] == 0.25 and copy.deepcopy(wandb.config).lr == 0.25
    assert wandb.config.get("none") is None and wandb.config["extra"]["a"] == 1 and "lr" in wandb.config and list(wandb.config.items())
    assert pickle.loads(pickle.dumps(dict(run.config)))["name"] == "n"
    wandb.log({"a": {"b": 1, "c": {"d": 2}}})
    wandb.run.summary["x"] = 3
    wandb.run.summary.update({"y": 4})
    wandb.summary["z"] = 5.5
    assert wandb.run.summary["x"] == 3 and wandb.summary["z"] == 5.5 and wandb.run.summary.get("q", 1) == 1
    run.log({"t": wandb.Table(data=[[1, "x"], [2, "y"]], columns=["n", "s"])})
    table = wandb.Table(columns=["id"])
    table.add_data(1)
    run.log({"t2": table, "line": wandb.plot.line(table, "id", "id", title="t"), "pr": wandb.plot.pr_curve([0, 1], [[0.2, 0.8], [0.1, 0.9]])})
    run.name = "other"
    run.tags += ("more",)
    run.notes = "n"
    run.save()
    wandb.run.log_code(".")
    run.define_metric("v", summary="min", goal="minimize")
    run.log({"v": 2}, step=10)
    run.log({"v": 1}, step=11, commit=True)
    run.alert("title", "text", level=wandb.AlertLevel.WARN)
    def later(x: "wandb.sdk.wandb_run.Run", y: wandb.Artifact = None): return x
    print(run.url, run.project, run.entity, run.path, run.get_project_url())
assert wandb.run is None
''', {"lr": 0.25})
        flat = {}
        for l in lines:
            flat.update(l)
        self.assertEqual((flat["a/b"], flat["a/c/d"], flat["x"], flat["y"], flat["z"], flat["v"], flat["v/min"]), (1, 2, 3, 4, 5.5, 1, 1))
        with open(os.path.join(folder, "wandb", "media", "table", "t_1.table.json")) as f:
            self.assertEqual(json.load(f), {"columns": ["n", "s"], "data": [[1, "x"], [2, "y"]]})
        self.assertEqual(err.count("is left out"), 1)  # args.lr is what the sweep has set

    @unittest.skipUnless(HAS_NUMPY, "no numpy")
    def test_numpy(self):
        lines, _, err, folder = trial('''
import numpy as np, wandb
wandb.init(config={"lr": np.float32(0.5), "shape": np.array([1, 2])})
wandb.log({"img": wandb.Image(np.random.rand(8, 8, 3), caption="c"), "grey": wandb.Image(np.zeros((4, 4), dtype=np.uint8)), "video": wandb.Video(np.zeros((2, 3, 4, 4), dtype=np.uint8), fps=4),
           "audio": wandb.Audio(np.sin(np.arange(100) / 10), sample_rate=8000), "hist": wandb.Histogram(np_histogram=np.histogram(np.arange(10))),
           "loss": np.float64(0.5), "acc": np.array(0.75), "arr": np.arange(3), "cloud": wandb.Object3D(np.zeros((3, 3))), "masks": wandb.Image(np.zeros((4, 4)), masks={"p": {"mask_data": np.zeros((4, 4)), "class_labels": {0: "a"}}})})
wandb.log({"imgs": [wandb.Image(np.ones((3, 3))) for _ in range(2)]})
wandb.log({"cm": wandb.plot.confusion_matrix(probs=None, y_true=np.array([0, 1]), preds=np.array([1, 1]), class_names=["a", "b"])})
''')
        self.assertEqual(named(lines, "loss") + named(lines, "acc"), [(0, 0.5), (0, 0.75)])
        self.assertNotIn("not kept", err)
        self.assertEqual(len(os.listdir(os.path.join(folder, "wandb", "media", "images"))), 5)

    def test_cross_validation(self):
        """Folds as processes, each a run of its own; the mean is logged last, and is what counts."""
        files = {"train.py": """
import multiprocessing, os
import wandb

def reset_wandb_env():
    for k in list(os.environ):
        if k.startswith("WANDB_") and k not in ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_API_KEY"):
            del os.environ[k]

def fold(queue, n, config, group):
    reset_wandb_env()
    run = wandb.init(group=group, job_type="fold", name="fold-%d" % n, config=config)
    run.log({"val_accuracy": 0.5 + n / 10})
    wandb.join()
    queue.put(0.5 + n / 10)

if __name__ == "__main__":
    sweep_run = wandb.init()
    sweep_id = sweep_run.sweep_id or "unknown"
    sweep_run.notes = "{}/groups/{}".format(sweep_run.get_project_url(), sweep_id)
    sweep_run.save()
    name = sweep_run.name or sweep_run.id or "unknown"
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=fold, args=(queue, n, dict(sweep_run.config), sweep_id + "-" + name)) for n in range(2)]
    for w in workers: w.start()
    values = [queue.get() for _ in workers]
    for w in workers: w.join()
    assert [w.exitcode for w in workers] == [0, 0]
    sweep_run.log({"val_accuracy": sum(values) / len(values)})
    wandb.join()
"""}
        lines, _, _, _ = trial("import runpy, sys\nsys.argv = ['train.py']\nrunpy.run_path('train.py', run_name='__main__')", {"lr": 0.5}, files=files)
        self.assertEqual(len(lines), 3)
        self.assertAlmostEqual(lines[-1]["val_accuracy"], 0.55)
        self.assertEqual({l["step"] for l in lines}, {0})

    def test_sweep_in_the_script(self):
        """A script that makes its own sweep runs its function once in a trial, and says how it is run outside of one."""
        code = ("import wandb\n"
                "config = {'method': 'random', 'metric': {'goal': 'minimize', 'name': 'score'}, 'parameters': {'x': {'max': 0.1, 'min': 0.01}}}\n"
                "def main():\n    wandb.init(project='my-first-sweep')\n    wandb.log({'score': wandb.config.x ** 3})\n"
                "sweep_id = wandb.sweep(sweep=config, project='my-first-sweep')\nwandb.agent(sweep_id, function=main, count=10)\n")
        lines, _, err, _ = trial(code, {"x": 0.5})
        self.assertEqual(lines, [{"step": 0, "score": 0.125}])
        gone = {k: None for k in ("TRAWL_METRICS", "TRAWL_PARAMS", "TRAWL_TRIAL", "TRAWL_TRIAL_DIR", "TRAWL_SWEEP", "WANDB_SWEEP_ID", "WANDB_RUN_ID")}
        _, _, err, folder = trial(code, env=gone, fails=True)
        self.assertIn("there is no server; run the sweep with `trawl run", err)
        self.assertTrue(os.path.exists(os.path.join(folder, "sweep.json")))


if __name__ == "__main__":
    unittest.main()
