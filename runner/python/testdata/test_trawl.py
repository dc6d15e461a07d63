"""import trawl, inside a trial and outside."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest


def run(code, inside=True, fails=False, **more):
    folder = tempfile.mkdtemp(dir=os.getcwd())
    with open(os.path.join(folder, "params.json"), "w") as f:
        f.write('{"lr": 0.1, "n": 64, "opt": {"name": "sgd"}}')
    env = dict(os.environ)
    if inside:
        env.update(TRAWL_SWEEP="s", TRAWL_TRIAL="7", TRAWL_ATTEMPT="2", TRAWL_SEED="11", TRAWL_TRIAL_DIR=folder, TRAWL_PARAMS=os.path.join(folder, "params.json"),
                   TRAWL_METRICS=os.path.join(folder, "metrics.jsonl"), TRAWL_CHECKPOINT_DIR=os.path.join(folder, "checkpoint"))
    env.update(more)
    p = subprocess.run([sys.executable, "-c", "import trawl, os, signal\n" + code], cwd=folder, env=env,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if (p.returncode != 0) != fails:
        raise AssertionError("exit %d\n%s" % (p.returncode, p.stderr))
    try:
        with open(os.path.join(folder, "metrics.jsonl")) as f:
            return [json.loads(line) for line in f], p.stdout, p.stderr
    except FileNotFoundError:
        return [], p.stdout, p.stderr


class Trawl(unittest.TestCase):
    def test_syntax_of_python_3_8(self):
        import ast
        files = [os.path.join(folder, f) for root in os.environ["TESTED_PATH"].split(os.pathsep) for folder, _, names in os.walk(root) for f in names if f.endswith(".py")]
        self.assertGreater(len(files), 8)
        for path in files:
            with open(path, encoding="utf-8") as f:
                ast.parse(f.read(), path, feature_version=(3, 8))

    def test_values(self):
        run("assert trawl.params.lr == trawl.params['lr'] == 0.1 and trawl.params.opt.name == 'sgd' and trawl.params.get('x', 3) == 3\n"
            "assert type(trawl.params.n) is int and (trawl.trial, trawl.attempt, trawl.seed, trawl.sweep) == (7, 2, 11, 's')\n"
            "assert os.path.isdir(trawl.checkpoint_dir) and trawl.trial_dir == os.environ['TRAWL_TRIAL_DIR']\n"
            "def f(lr, n, **rest): return lr\nassert f(**trawl.params) == 0.1\n"
            "try:\n trawl.params.epochs\n raise SystemExit(1)\nexcept AttributeError as e: assert 'lr, n, opt' in str(e), e")

    def test_report(self):
        lines, out, _ = run("trawl.report(3, val_loss=0.5)\ntrawl.report(val_loss=1, step=4)\ntrawl.report(val_loss=2)\n"
                            "trawl.report({'val/loss': 1}, step=5)\ntrawl.report({'a': 1}, 6)\ntrawl.report(7, {'b': 1}, c=2)\n"
                            "class T:\n def __float__(s): return 0.25\ntrawl.report(t=T())\ntrawl.report(x=float('inf'))")
        self.assertEqual(out, "")
        self.assertEqual(lines, [{"step": 3, "val_loss": 0.5}, {"step": 4, "val_loss": 1}, {"val_loss": 2}, {"step": 5, "val/loss": 1},
                                 {"step": 6, "a": 1}, {"step": 7, "b": 1, "c": 2}, {"t": 0.25}, {"x": float("inf")}])

    def test_mistakes(self):
        for code, want in (("trawl.report()", "nothing to report"), ("trawl.report(a='x')", "a='x'; want a number"), ("trawl.report(a=[1])", "want a number"),
                           ("trawl.report(-1, a=1)", "step -1; want an integer"), ("trawl.report(1.5, a=1)", "step 1.5"), ("trawl.nothing", "no attribute")):
            self.assertIn(want, run(code, fails=True)[2])

    def test_stop(self):
        run("assert not trawl.should_stop()\nos.kill(os.getpid(), signal.SIGTERM)\nassert trawl.should_stop() and trawl.should_stop()")
        run("assert not trawl.should_stop()\nos.kill(os.getpid(), signal.SIGUSR1)\nassert trawl.should_stop()", TRAWL_STOP_SIGNAL="SIGUSR1")
        run("os.kill(os.getpid(), signal.SIGTERM)", fails=True)
        run("said = []\nsignal.signal(signal.SIGTERM, lambda s, f: said.append(s))\ntrawl.should_stop()\nos.kill(os.getpid(), signal.SIGTERM)\n"
            "assert trawl.should_stop() and said == [signal.SIGTERM]")
        run("import threading\nt = threading.Thread(target=lambda: print(trawl.should_stop()))\nt.start()\nt.join()")

    def test_outside(self):
        lines, out, _ = run("assert trawl.params == {} and trawl.trial == 0 and trawl.sweep == ''\ntrawl.report(2, a=1)\n"
                            "assert os.path.isdir(trawl.checkpoint_dir)\nassert not trawl.should_stop()", inside=False)
        self.assertEqual((lines, out), ([], '{"step": 2, "a": 1}\n'))


if __name__ == "__main__":
    unittest.main()
