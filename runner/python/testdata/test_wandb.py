"""The stand-in for wandb, as scripts and frameworks use it."""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest


def trial(code, params=None, env=None, files=None, fails=False):
    """Runs code as a trial; returns (metrics lines, stdout, stderr, directory)."""
    folder = tempfile.mkdtemp(dir=os.getcwd())
    with open(os.path.join(folder, "params.json"), "w") as f:
        json.dump(params or {}, f)
    for name, text in (files or {}).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    metrics = os.path.join(folder, "metrics.jsonl")
    full = dict(os.environ, TRAWL_SWEEP="s", TRAWL_TRIAL="7", TRAWL_ATTEMPT="1", TRAWL_TRIAL_DIR=folder, TRAWL_WANDB="auto",
                TRAWL_PARAMS=os.path.join(folder, "params.json"), TRAWL_METRICS=metrics, WANDB_SWEEP_ID="s", WANDB_RUN_ID="s-7")
    full.update(env or {})
    p = subprocess.run([sys.executable, "-c", code], cwd=folder, env={k: v for k, v in full.items() if v is not None},
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if (p.returncode != 0) != fails:
        raise AssertionError("exit %d\n%s%s" % (p.returncode, p.stdout, p.stderr))
    lines = []
    if os.path.exists(metrics):
        with open(metrics) as f:
            lines = [json.loads(line) for line in f]
    return lines, p.stdout, p.stderr, folder


class Steps(unittest.TestCase):
    def check(self, code, *want, **kw):
        lines = trial("import wandb\nwandb.init()\n" + code, **kw)[0]
        self.assertEqual(lines, list(want))

    def test_each_log_is_a_step(self):
        self.check("for i in range(3): wandb.log({'a': i})", {"step": 0, "a": 0}, {"step": 1, "a": 1}, {"step": 2, "a": 2})

    def test_commit_false_shares_the_step(self):
        self.check("wandb.log({'a': 1}, commit=False); wandb.log({'b': 2}); wandb.log({'a': 3})",
                   {"step": 0, "a": 1}, {"step": 0, "b": 2}, {"step": 1, "a": 3})

    def test_given_steps_stay_open_until_a_later_one(self):
        self.check("wandb.log({'a': 1}, step=5); wandb.log({'b': 2}, step=5); wandb.log({'c': 3}); wandb.log({'d': 4})",
                   {"step": 5, "a": 1}, {"step": 5, "b": 2}, {"step": 5, "c": 3}, {"step": 6, "d": 4})

    def test_a_step_that_is_over_is_refused(self):
        lines, _, err, _ = trial("import wandb\nr = wandb.init()\nwandb.log({'a': 1}, step=5, commit=True)\nassert r.step == 6\n"
                                 "wandb.log({'a': 2}, step=5)\nwandb.log({'a': 3}, step=4)")
        self.assertEqual(lines, [{"step": 5, "a": 1}])
        self.assertEqual(err.count("less than the current step"), 1)

    def test_values(self):
        self.check("wandb.log({'a': {'b': {'c': 1}}, 'ok': True, 'text': 'x', 'none': None, 'list': [1, 2], 'step': 9, 2: 3})",
                   {"step": 0, "a/b/c": 1, "ok": 1, "2": 3})

    def test_not_finite(self):
        lines = trial("import wandb\nwandb.init()\nwandb.log({'a': float('nan'), 'b': float('-inf')})")[0]
        self.assertNotEqual(lines[0]["a"], lines[0]["a"])
        self.assertEqual(lines[0]["b"], float("-inf"))

    def test_numbers_of_other_libraries(self):
        code = ("class T:\n def __init__(s, v): s.v = v\n def item(s):\n  if len(s.v) != 1: raise ValueError\n  return s.v[0]\n"
                "class E:\n def numpy(s): return T([4])\n"
                "import fractions\nwandb.log({'a': T([1.5]), 'many': T([1, 2]), 'e': E(), 'f': fractions.Fraction(1, 4)})")
        self.check(code, {"step": 0, "a": 1.5, "e": 4, "f": 0.25})

    def test_long_rows_are_split(self):
        lines = trial("import wandb\nwandb.init()\nwandb.log({'n' * 200 + str(i): i for i in range(1500)})")[0]
        self.assertEqual(sum(len(l) - 1 for l in lines), 1500)
        self.assertTrue(all(l["step"] == 0 and len(json.dumps(l)) < 65536 and len(l) <= 1000 for l in lines))

    def test_step_metric(self):
        self.check("wandb.define_metric('epoch')\nwandb.define_metric('val/*', step_metric='epoch')\n"
                   "wandb.log({'loss': 1}); wandb.log({'val/acc': 2, 'epoch': 40})",
                   {"step": 0, "loss": 1}, {"step": 1, "epoch": 40}, {"step": 40, "val/acc": 2})

    def test_step_metric_of_the_same_row_comes_later(self):
        self.check("wandb.define_metric('v', step_metric='e')\nwandb.log({'v': 1}, commit=False); wandb.log({'e': 7}); wandb.log({'v': 2})",
                   {"step": 0, "e": 7}, {"step": 7, "v": 1}, {"step": 7, "v": 2})

    def test_step_metric_that_is_no_step(self):
        self.check("wandb.define_metric('*', step_metric='t')\nwandb.log({'t': 0.5, 'v': 1}); wandb.log({'t': -3, 'v': 2})",
                   {"step": 0, "t": 0.5}, {"step": 0, "v": 1}, {"step": 1, "t": -3}, {"step": 1, "v": 2})

    def test_held_values_are_written_at_the_end(self):
        self.check("wandb.define_metric('v', step_metric='e')\nwandb.log({'v': 1}, step=3)", {"step": 3, "v": 1})

    def test_summaries(self):
        lines, _, _, folder = trial("import wandb\nwandb.init()\nwandb.define_metric('a', summary='min,max,mean')\n"
                                    "wandb.define_metric('b', summary='best', goal='maximize')\n"
                                    "for v in (3, 1, 2): wandb.log({'a': v, 'b': v})")
        last = {}
        for l in lines:
            last.update(l)
        self.assertEqual((last["a/min"], last["a/max"], last["a/mean"], last["b/best"], last["a"]), (1, 3, 2, 3, 2))
        with open(os.path.join(folder, "wandb", "wandb-summary.json")) as f:
            self.assertEqual(json.load(f)["a/min"], 1)

    def test_summary_that_a_script_sets(self):
        self.check("wandb.log({'a': 1})\nwandb.summary['best'] = 0.5\nwandb.run.summary.update({'x': {'y': 2}, 't': 'text'})\n"
                   "assert wandb.summary['best'] == 0.5 and wandb.summary.get('t') == 'text' and wandb.run.summary['a'] == 1",
                   {"step": 0, "a": 1}, {"best": 0.5}, {"x/y": 2})

    def test_objective_in_the_words_of_W_and_B(self):
        self.check("wandb.log({'val': {'loss': 1}})", {"step": 0, "val/loss": 1, "val.loss": 1}, env={"TRAWL_OBJECTIVE": "val.loss"})

    def test_a_second_run_goes_on(self):
        lines, _, err, _ = trial("import wandb\nfor fold in range(2):\n r = wandb.init(reinit=True)\n wandb.log({'a': fold})\n wandb.finish()\nassert wandb.run is None")
        self.assertEqual(lines, [{"step": 0, "a": 0}, {"step": 1, "a": 1}])
        self.assertIn("second run", err)

    def test_resume_goes_on(self):
        old = '{"step": 0, "a": 1}\n{"step": 11, "a": 2}\n{"step": 12'
        for given, want in (("resume='allow'", 12), ("", 0)):
            lines = trial("import wandb\nwandb.init(%s)\nwandb.log({'a': 3})" % given, env={"TRAWL_ATTEMPT": "2"}, files={"metrics.1.jsonl": old})[0]
            self.assertEqual(lines, [{"step": want, "a": 3}])

    def test_other_ranks_are_silent(self):
        self.check("wandb.log({'a': 1})", env={"RANK": "1", "WORLD_SIZE": "2"})
        self.check("wandb.log({'a': 1})", {"step": 0, "a": 1}, env={"RANK": "1"})

    def test_a_killed_process_loses_nothing(self):
        code = "import os, wandb\nwandb.init()\nwandb.log({'a': 1}, step=3)\nos.kill(os.getpid(), 9)"
        self.assertEqual(trial(code, fails=True)[0], [{"step": 3, "a": 1}])

    def test_a_forked_child_does_not_end_the_run(self):
        self.check("import os, sys\npid = os.fork()\nif pid == 0: sys.exit(0)\nos.waitpid(pid, 0)\nwandb.log({'a': 1})\nassert wandb.run is not None",
                   {"step": 0, "a": 1})


class ConfigOf(unittest.TestCase):
    def run_trial(self, code, params=None, **kw):
        return trial("import wandb\n" + code, params, **kw)

    def test_the_sweep_wins(self):
        _, _, err, _ = self.run_trial("import argparse\nargs = argparse.Namespace(lr=9, batch=2)\nwandb.init(config=args)\nc = wandb.config\n"
                                      "assert c.lr == 0.1 and c['batch'] == 2 and c.opt == {'name': 'sgd'}, c\n"
                                      "c.lr = 3\nc.update({'lr': 4, 'new': 5})\nassert c.lr == 0.1 and c.new == 5\n"
                                      "c.setdefaults({'lr': 1, 'z': 2})\nassert dict(c) == {'lr': 0.1, 'batch': 2, 'opt': {'name': 'sgd'}, 'new': 5, 'z': 2}\n"
                                      "assert 'lr' in c and c.get('no', 3) == 3 and sorted(c.keys())[0] == 'batch' and len(c.items()) == 5 == len(c)",
                                      {"lr": 0.1, "opt": {"name": "sgd"}})
        self.assertEqual(err.count("the sweep has set it"), 2)

    def test_change(self):
        self.run_trial("from wandb.errors import Error\nfrom wandb.sdk.lib.config_util import ConfigError\nwandb.init(config={'a': 1})\n"
                       "try:\n wandb.config.update({'a': 2})\n raise SystemExit('changed')\nexcept ConfigError as e:\n assert isinstance(e, Error)\n"
                       "wandb.config.update({'a': 2}, allow_val_change=True)\nassert wandb.config.a == 2")

    def test_missing(self):
        self.run_trial("wandb.init()\ntry:\n wandb.config.lr\n raise SystemExit(1)\nexcept AttributeError as e:\n assert 'lr' in str(e)\n"
                       "try:\n wandb.config['lr']\n raise SystemExit(1)\nexcept KeyError: pass\nassert getattr(wandb.config, 'lr', 3) == 3")

    def test_files(self):
        self.run_trial("wandb.init(config='c.json')\nassert dict(wandb.config) == {'a': 1, 'b': 2}", files={"c.json": '{"wandb_version": 1, "a": {"value": 1}, "b": 2}'})
        _, _, err, _ = self.run_trial("import sys\nsys.modules['yaml'] = None\nwandb.init(config='c.yaml')", files={"c.yaml": "a: 1\n"}, fails=True)
        self.assertIn("PyYAML", err)

    def test_before_init(self):
        self.run_trial("assert wandb.run is None\nfor f in (lambda: wandb.log({}), lambda: wandb.config.a, lambda: wandb.summary['a']):\n"
                       " try:\n  f()\n  raise SystemExit(1)\n except wandb.Error as e:\n  assert 'wandb.init()' in str(e)\nwandb.finish()")

    def test_config_imported_early(self):
        self.run_trial("from wandb import config\nwandb.init(config={'a': 1})\nassert config.a == 1 and dict(config) == {'a': 1}")

    def test_init_twice_is_one_run(self):
        self.run_trial("a = wandb.init(config={'a': 1})\nb = wandb.init(config={'b': 1})\nassert a is b and wandb.config.b == 1")


class Rest(unittest.TestCase):
    def test_run(self):
        trial("import os, wandb\nwith wandb.init(project='p', name='n', group='g', tags=['t'], notes='x', job_type='train', mode='online', "
              "settings=wandb.Settings(start_method='fork')) as run:\n"
              " assert run is wandb.run and run.id == 's-7' and run.name == 'n' and run.project == 'p' and run.sweep_id == 's' and run.tags == ('t',)\n"
              " assert run.url is None and run.get_url() is None and run.path == 'p/s-7' and run.group == 'g' and not run.resumed\n"
              " assert os.path.isdir(run.dir) and run.dir.startswith(os.environ['TRAWL_TRIAL_DIR'])\n"
              " assert run.settings.start_method == 'fork' and run.settings.other is None\nassert wandb.run is None")

    def test_disabled(self):
        lines, _, err, _ = trial("import wandb\nwandb.init(mode='disabled')\nwandb.log({'a': 1})")
        self.assertEqual(lines, [])
        self.assertIn("nothing that this run logs is recorded", err)

    def test_unknown_says_so_once(self):
        _, out, err, _ = trial("import wandb, wandb.foo.bar\nfrom wandb.future import Thing\nwandb.init()\nfor i in range(3):\n"
                               " wandb.new_thing(i).more[3].log()\n wandb.run.new_method()\n Thing()\nclass A(Thing): pass\nassert not isinstance(A(), Thing)\n"
                               "@wandb.decorate\ndef f(): return 4\nassert f() == 4\nwith wandb.block(): pass\nwandb.log({'a': wandb.unknown()})")
        self.assertEqual(out, "")
        for name in ("wandb.new_thing", "run.new_method", "wandb.future.Thing", "wandb.decorate", "wandb.block"):
            self.assertEqual(err.count(name + " is not part"), 1, name)

    def test_what_frameworks_look_for(self):
        self.assertIsNotNone(importlib.util.find_spec("wandb"))
        self.assertGreaterEqual(tuple(map(int, importlib.metadata.version("wandb").split("."))), (0, 12, 10))
        _, _, err, _ = trial("import wandb\nfrom wandb.sdk.lib import RunDisabled\nfrom wandb.wandb_run import Run\nfrom wandb.sdk.wandb_run import Run as R2\n"
                             "from wandb import Artifact, Image, Settings\nfrom wandb.sdk.lib.config_util import ConfigError\nimport wandb.util, wandb.sdk.wandb_config\n"
                             "assert Run is R2 and wandb.sdk.wandb_config.Config is wandb.Config and len(wandb.util.generate_id()) == 8\n"
                             "wandb.require('service')\nrun = wandb.init(resume='allow', id='x', _disable_stats=True)\nassert isinstance(run, (Run, RunDisabled))\n"
                             "run._label(repo='pytorch_lightning')\nrun.define_metric('trainer/global_step')\nrun.define_metric('*', step_metric='trainer/global_step', step_sync=True)\n"
                             "run.config.update({'a': 1}, allow_val_change=True)\nrun.watch(None, log='all', log_freq=10, log_graph=False)\nassert wandb.login() and wandb.setup() is None\n"
                             "run.log({'x': 1, 'trainer/global_step': 3})\nwandb.termwarn('careful')\nwandb.alert(title='t', text='x')\nwandb.mark_preempting()")
        self.assertIn("careful", err)
        self.assertNotIn("not part", err)

    def test_lightgbm(self):
        lines = trial("import wandb, collections\nfrom wandb.integration.lightgbm import wandb_callback, log_summary\nwandb.init()\n"
                      "E = collections.namedtuple('E', 'iteration evaluation_result_list')\nwandb_callback()(E(3, [('valid', 'auc', 0.5, True)]))")[0]
        self.assertEqual(lines, [{"step": 0, "iteration": 3, "valid_auc": 0.5}])

    def test_agent_runs_once(self):
        lines, _, err, folder = trial("import wandb\nid = wandb.sweep({'method': 'grid', 'parameters': {'a': {'values': [1]}}}, project='p')\n"
                                      "def train():\n with wandb.init():\n  wandb.log({'a': wandb.config.a})\nwandb.agent(id, function=train, count=5)", {"a": 4})
        self.assertEqual(lines, [{"step": 0, "a": 4}])
        with open(os.path.join(folder, "sweep.json")) as f:
            self.assertEqual(json.load(f)["method"], "grid")
        self.assertIn("trawl run", err)
        self.assertIn("trawl run FILE", trial("import wandb\nwandb.agent('x')", fails=True)[2])

    def test_api(self):
        self.assertIn("no server to ask", trial("import wandb\nwandb.Api().run('a/b/c')", fails=True)[2])

    def test_artifacts(self):
        _, _, _, folder = trial(
            "import os, wandb\nrun = wandb.init()\nopen('m.pt', 'w').write('1')\nos.makedirs('d/e')\nopen('d/e/f', 'w').write('2')\n"
            "a = wandb.Artifact('m', 'model', metadata={'k': 1})\na.add_file('m.pt')\na.add_dir('d', name='dir')\n"
            "with a.new_file('n.txt') as f: f.write('3')\na.add(wandb.Table(columns=['x'], data=[[1]]), 't')\nrun.log_artifact(a, aliases=['best']).wait()\n"
            "open('m.pt', 'w').write('other')\nrun.log_artifact('m.pt', name='m', type='model')\n"
            "b = run.use_artifact('me/p/m:best')\nassert open(b.get_path('m.pt').download()).read() == '1' and b.metadata == {'k': 1} and b.version == 'v0'\n"
            "assert wandb.use_artifact('m:latest').version == 'v1' and open(wandb.use_artifact('m:v1').file()).read() == 'other'\n"
            "assert sorted(os.listdir(b.download('copy'))) == ['dir', 'm.pt', 'n.txt', 't.table.json']\n"
            "try:\n wandb.use_artifact('none:latest')\n raise SystemExit(1)\nexcept wandb.CommError as e: assert 'none:latest' in str(e)\n"
            "try:\n a.add_file('m.pt', name='../x')\n raise SystemExit(1)\nexcept ValueError: pass")
        self.assertEqual([n for n in os.listdir(folder) if n.startswith("artifact-")], [])

    def test_save(self):
        _, _, _, folder = trial("import os, wandb\nwandb.init()\nopen('a.txt', 'w').write('1')\nwandb.save('a.txt')\nwandb.save('*.none')\n"
                                "open('a.txt', 'w').write('2')")
        with open(os.path.join(folder, "wandb", "a.txt")) as f:
            self.assertEqual(f.read(), "2")

    def test_media(self):
        code = ("import wandb\nwandb.init()\nwandb.log({'a': 1, 'h': wandb.Histogram([0, 0, 1, float('nan')], num_bins=2), 'html': wandb.Html('<b>'),\n"
                " 't': wandb.Table(columns=['x', 'y'], data=[[1, 'z']]), 's': wandb.Audio([0.0, 1.0], sample_rate=8000), 'bad': wandb.Image(object())})\n"
                "assert wandb.summary['h']['values'] == [2, 1]\n"
                "wandb.log({'c': wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=['n', 'p'])})\n"
                "t = wandb.plot.line_series([[0, 1]], [[2, 3]])\nassert t.data == [[0, 'line_0', 2], [1, 'line_0', 3]]")
        lines, _, err, folder = trial(code)
        self.assertEqual(lines, [{"step": 0, "a": 1}])
        self.assertIn("bad: Image is not kept", err)
        media = os.path.join(folder, "wandb", "media")
        with open(os.path.join(media, "table", "c_1.table.json")) as f:
            self.assertEqual(json.load(f)["data"], [["n", "n", 1], ["n", "p", 0], ["p", "n", 1], ["p", "p", 1]])
        import wave
        with wave.open(os.path.join(media, "audio", "s_0.wav")) as w:
            self.assertEqual((w.getframerate(), w.getnframes()), (8000, 2))

    @unittest.skipUnless(importlib.util.find_spec("numpy"), "no numpy")
    def test_arrays(self):
        code = ("import wandb, numpy as np\nwandb.init()\nwandb.log({'f': np.float32(0.5), 'i': np.int64(3), 'b': np.bool_(True), 'one': np.array([2.0]),\n"
                " 'many': np.arange(10), 'img': wandb.Image(np.zeros((4, 6, 3))), 'imgs': [wandb.Image(np.ones((2, 2), dtype='uint8'))]})")
        lines, _, err, folder = trial(code)
        self.assertEqual(lines, [{"step": 0, "f": 0.5, "i": 3, "b": 1, "one": 2.0}])
        with open(os.path.join(folder, "wandb", "media", "images", "img_0.png"), "rb") as f:
            data = f.read()
        self.assertEqual(data[:8] + data[16:24], b"\x89PNG\r\n\x1a\n" + b"\0\0\0\6" + b"\0\0\0\4")
        import zlib
        length = int.from_bytes(data[33:37], "big")
        self.assertEqual(zlib.decompress(data[41:41 + length]), (b"\0" + b"\0" * 18) * 4)

    def test_outside_of_trawl(self):
        gone = {k: None for k in ("TRAWL_METRICS", "TRAWL_PARAMS", "TRAWL_TRIAL", "TRAWL_TRIAL_DIR", "TRAWL_WANDB", "TRAWL_SWEEP", "TRAWL_ATTEMPT", "WANDB_SWEEP_ID", "WANDB_RUN_ID")}
        lines, out, _, _ = trial("import wandb\nwandb.init(config={'a': 1})\nwandb.log({'x': wandb.config.a})\nwandb.summary['y'] = 2\nwandb.finish()", env=gone)
        self.assertEqual((lines, out), ([], ""))

    def test_a_full_disk_is_said_and_not_fatal(self):
        if os.path.exists("/dev/full"):
            _, _, err, _ = trial("import wandb\nwandb.init()\nfor i in range(3): wandb.log({'a': i})", env={"TRAWL_METRICS": "/dev/full"})
            self.assertEqual(err.count("metrics are lost"), 1)


REAL = {
    "real/wandb/__init__.py": "from . import sdk\nfrom .sdk.wandb_run import Run, init\nimport os\nprint('real', sorted(k for k in os.environ if k.startswith('WANDB_SWEEP')))\n"
                              "def __getattr__(name):\n    raise AttributeError(name)\n",
    "real/wandb/sdk/__init__.py": "from . import wandb_run, wandb_summary\n",
    "real/wandb/sdk/wandb_summary.py": "class SummaryDict:\n    def __init__(self): self.d = {}\n    def __setitem__(self, k, v): self.update({k: v})\n"
                                       "    def update(self, d): self.d.update(d)\n",
    "real/wandb/sdk/wandb_run.py": "from .wandb_summary import SummaryDict\nclass Run:\n    def __init__(self): self.summary = SummaryDict()\n"
                                   "    def log(self, data, step=None, commit=None, sync=None): print('logged', data)\n"
                                   "    def define_metric(self, name, step_metric=None, step_sync=None, **kw): pass\n    def finish(self, exit_code=None): print('finished')\n"
                                   "def init(**kw):\n    return Run()\n",
}


class HandOver(unittest.TestCase):
    code = "import wandb, wandb.sdk\nr = wandb.init()\nr.log({'a': 1})\nr.log({'b': {'c': 2}}, step=4)\nr.summary.update({'best': 3})\nr.finish()\nimport trawl"

    def run_with(self, **env):
        folder = tempfile.mkdtemp(dir=os.getcwd())
        for name, text in REAL.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        env = dict({"PYTHONPATH": os.environ["TESTED_PATH"] + os.pathsep + os.path.join(folder, "real")}, **env)
        return trial(self.code, {"lr": 1e-05, "clip": float("inf"), "name": "1e-05"}, env=env)

    def test_with_credentials(self):
        lines, out, _, folder = self.run_with(WANDB_API_KEY="x" * 40)
        self.assertEqual(out.splitlines(), ["real ['WANDB_SWEEP_PARAM_PATH']", "logged {'a': 1}", "logged {'b': {'c': 2}}", "finished"])
        self.assertEqual(lines, [{"step": 0, "a": 1}, {"step": 4, "b/c": 2}, {"best": 3}])
        with open(os.path.join(folder, "wandb-params.yaml")) as f:
            self.assertEqual(f.read(), '{"wandb_version": 1, "lr": {"value": 1.0e-05}, "clip": {"value": .inf}, "name": {"value": "1e-05"}}\n')

    def test_with_netrc(self):
        netrc = os.path.join(tempfile.mkdtemp(dir=os.getcwd()), "netrc")
        with open(netrc, "w") as f:
            f.write("machine api.wandb.ai\n  login user\n  password x\n")
        self.assertIn("real", self.run_with(NETRC=netrc)[1])
        self.assertNotIn("real", self.run_with(NETRC=netrc, WANDB_BASE_URL="https://wandb.example.org:8080")[1])

    def test_stays(self):
        for env in ({}, {"WANDB_API_KEY": "x", "WANDB_MODE": "offline"}, {"WANDB_API_KEY": "x", "TRAWL_WANDB": "shim"},
                    {"WANDB_API_KEY": "x", "WANDB_DISABLED": "true"}):
            lines, out, _, _ = self.run_with(**env)
            self.assertEqual(out, "", env)
            self.assertEqual(lines[:2], [{"step": 0, "a": 1}, {"step": 4, "b/c": 2}])

    def test_not_installed(self):
        lines, _, _, _ = trial("import wandb\nwandb.init()\nwandb.log({'a': 1})", env={"WANDB_API_KEY": "x"}, files={"wandb/run/x.txt": ""})
        self.assertEqual(lines, [{"step": 0, "a": 1}])


if __name__ == "__main__":
    unittest.main()
