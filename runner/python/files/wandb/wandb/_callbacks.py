"""The callbacks by which Keras, xgboost and LightGBM log to W&B. Each is made
when it is asked for, so that its framework is imported by the script alone."""

import sys

from ._recorder import number


def _log(data, **kwargs):
    sys.modules["wandb"].log(data, **kwargs)


def find(framework, name):
    """The callback of that name, None if there is none."""
    if framework == "keras":
        return {"WandbCallback": _keras_callback, "WandbMetricsLogger": _keras_logger, "WandbModelCheckpoint": _keras_checkpoint,
                "WandbEvalCallback": _keras_eval}.get(name, lambda: None)()
    if framework == "xgboost":
        return {"WandbCallback": _xgboost_callback, "wandb_callback": lambda: _evaluations}.get(name, lambda: None)()
    if framework == "lightgbm":
        return {"wandb_callback": lambda: _lightgbm_callback, "log_summary": lambda: lambda *a, **k: None}.get(name, lambda: None)()
    return None


def _keras():
    if "tensorflow" in sys.modules or "keras" not in sys.modules:
        try:
            from tensorflow import keras

            return keras
        except ImportError:
            pass
    import keras

    return keras


def _numbers(logs):
    return {k: v for k, v in (logs or {}).items() if number(v) is not None}


def _keras_callback():
    class WandbCallback(_keras().callbacks.Callback):
        """Logs epoch and all metrics at the end of each epoch."""

        def __init__(self, *args, **kwargs):
            super().__init__()

        def on_epoch_end(self, epoch, logs=None):
            _log(dict(_numbers(logs), epoch=epoch))

    return WandbCallback


def _keras_logger():
    class WandbMetricsLogger(_keras().callbacks.Callback):
        """Logs epoch/NAME at the end of each epoch, with log_freq also batch/NAME."""

        def __init__(self, log_freq="epoch", initial_global_step=0, *args, **kwargs):
            super().__init__()
            self._every = 1 if log_freq == "batch" else log_freq if isinstance(log_freq, int) else 0
            self._batch = initial_global_step
            run = sys.modules["wandb"].run
            if run is None:
                raise sys.modules["wandb"].Error("You must call `wandb.init()` before WandbMetricsLogger()")
            run.define_metric("epoch/epoch")
            run.define_metric("epoch/*", step_metric="epoch/epoch")
            if self._every:
                run.define_metric("batch/batch_step")
                run.define_metric("batch/*", step_metric="batch/batch_step")

        def on_train_batch_end(self, batch, logs=None):
            self._batch += 1
            if self._every and batch % self._every == 0:
                _log(dict({"batch/" + k: v for k, v in _numbers(logs).items()}, **{"batch/batch_step": self._batch}))

        def on_epoch_end(self, epoch, logs=None):
            _log(dict({"epoch/" + k: v for k, v in _numbers(logs).items()}, **{"epoch/epoch": epoch}))

    return WandbMetricsLogger


def _keras_checkpoint():
    class WandbModelCheckpoint(_keras().callbacks.ModelCheckpoint):
        """Keras's own checkpoints, where the script wants them."""

    return WandbModelCheckpoint


def _keras_eval():
    from ._media import Table

    class WandbEvalCallback(_keras().callbacks.Callback):
        """Keeps the tables that a subclass fills: data_table at the start of
        training, pred_table at the end of each epoch."""

        def __init__(self, data_table_columns, pred_table_columns, *args, **kwargs):
            super().__init__()
            self.data_table_columns, self.pred_table_columns = data_table_columns, pred_table_columns

        def on_train_begin(self, logs=None):
            self.data_table = self.data_table_ref = Table(columns=self.data_table_columns)
            self.add_ground_truth(logs)
            _log({"val_data": self.data_table}, commit=False)

        def on_epoch_end(self, epoch, logs=None):
            self.pred_table = Table(columns=self.pred_table_columns)
            self.add_model_predictions(epoch, logs)
            _log({"predictions": self.pred_table}, commit=False)

        def add_ground_truth(self, logs=None):
            raise NotImplementedError("add_ground_truth of %s" % type(self).__name__)

        def add_model_predictions(self, epoch, logs=None):
            raise NotImplementedError("add_model_predictions of %s" % type(self).__name__)

    return WandbEvalCallback


def _evaluations(*args, **kwargs):
    """xgboost's callback of old: a function of an environment."""

    def callback(env):
        _log(dict(env.evaluation_result_list))

    return callback


def _xgboost_callback():
    import xgboost

    class WandbCallback(xgboost.callback.TrainingCallback):
        """Logs DATA-METRIC of each round, and the best score at the end."""

        def __init__(self, *args, **kwargs):
            super().__init__()

        def after_iteration(self, model, epoch, evals_log):
            row = {"epoch": epoch}
            for data, metrics in evals_log.items():
                for name, values in metrics.items():
                    last = values[-1]
                    row["%s-%s" % (data, name)] = last[0] if isinstance(last, tuple) else last
            _log(row)
            return False

        def after_training(self, model):
            best = model.attr("best_score")
            if best is not None:
                sys.modules["wandb"].run.summary["best_score"] = float(best)
                sys.modules["wandb"].run.summary["best_iteration"] = int(model.attr("best_iteration"))
            return model

    return WandbCallback


def _lightgbm_callback(*args, **kwargs):
    def callback(env):
        row = {"iteration": env.iteration}
        for item in env.evaluation_result_list or ():
            row["%s_%s" % (item[0], item[1])] = item[2]
        _log(row)

    callback.order = 20
    return callback
