"""BentoML with one worker and adaptive batching of 32; REST only. Logs of requests are off.

Source: BentoML 1.4's documentation, "Create online API Services", "Adaptive batching".
"""

import os
import sys

from saved_model import Path, arguments, load, np

if __name__ == "__main__":
    options = arguments()
    os.environ.update(BENCH_MODELS=str(options.models), BENCH_NAMES=" ".join(options.names))
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    place = ["--working-dir", str(Path(__file__).parent), "--host", "127.0.0.1", "--port", str(options.rest_port)]
    command = [sys.executable, "-m", "bentoml", "serve", "serve:SavedModels", *place]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted

import bentoml

BATCHED = {"batchable": True, "max_batch_size": 32, "max_latency_ms": 1000}


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False}, traffic={"timeout": 60})
class SavedModels:
    """BentoML's form of models: one route each, rows to rows."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_MODELS"])
        self._calls = {name: load(folder / name) for name in os.environ["BENCH_NAMES"].split()}

    @bentoml.api(route="/mlp", **BATCHED)
    def mlp(self, x: np.ndarray) -> np.ndarray:
        """<float32>[batch, 784] to <float32>[batch, 10]."""
        return self._calls["mlp"](x.astype(np.float32))

    @bentoml.api(route="/cnn", **BATCHED)
    def cnn(self, x: np.ndarray) -> np.ndarray:
        """<float32>[batch, 28, 28, 1] to <float32>[batch, 10]."""
        return self._calls["cnn"](x.astype(np.float32))

    @bentoml.api(route="/image", **BATCHED)
    def image(self, x: np.ndarray) -> np.ndarray:
        """<float32>[batch, 224, 224, 3] to <float32>[batch, 10]."""
        return self._calls["image"](x.astype(np.float32))
