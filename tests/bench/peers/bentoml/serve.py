"""BentoML with one worker; REST only. Logs of requests are off.

Source: BentoML 1.4's documentation, "Create online API Services", "Adaptive batching".
"""

import os
import sys

from saved_model import INPUT, OUTPUT, Path, arguments, load, np

if __name__ == "__main__":
    options = arguments()
    os.environ.update(
        BENCH_MODELS=str(options.models), BENCH_NAMES=" ".join(options.names), BENTOML_DO_NOT_TRACK="True"
    )
    place = ["--working-dir", str(Path(__file__).parent), "--host", "127.0.0.1", "--port", str(options.rest_port)]
    command = [sys.executable, "-m", "bentoml", "serve", "serve:SavedModels", *place]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted

import bentoml

NAMES = os.environ["BENCH_NAMES"].split()


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False}, traffic={"timeout": 60})
class SavedModels:
    """BentoML's form of models: one route each, `/mlp`."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_MODELS"])
        self._calls = {name: load(folder / name) for name in NAMES}

    @bentoml.api(route="/mlp")
    def mlp(self, x: list[list[float]]) -> dict[str, list[list[float]]]:
        """Rows to rows."""
        return self._answer("mlp", x)

    @bentoml.api(route="/cnn")
    def cnn(self, x: list) -> dict[str, list[list[float]]]:
        """Rows to rows."""
        return self._answer("cnn", x)

    @bentoml.api(route="/image")
    def image(self, x: list) -> dict[str, list[list[float]]]:
        """Rows to rows."""
        return self._answer("image", x)

    def _answer(self, name, x):
        return {OUTPUT: self._calls[name](np.asarray(x, np.float32)).tolist()}


assert INPUT == "x"
