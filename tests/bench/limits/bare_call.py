"""The limit of a model: the cheapest call of it that this server knows, in a loop on one thread, without a transport.

Prints {model: {batch: {"rate": rows per second, "cpu": CPU seconds per 1,000 rows}}} as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES = (1, 32)
_CALLS_A_LOOK = 20


def main() -> None:
    """`bare_call.py MODELS SECONDS NAME...`."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    result = {name: measured(folder / name, seconds) for name in sys.argv[3:]}
    print(json.dumps(result))  # noqa: T201 - its output is its answer


def measured(folder: Path, seconds: float) -> dict[int, dict[str, float]]:
    """Rate and CPU of one model, by batch."""
    call = loaded(str(folder / "1"))
    x = np.load(folder / "case.npz")["x"]
    return {batch: timed(call, [np.repeat(x, batch, 0)], batch, seconds) for batch in BATCHES}


def loaded(path: str) -> Callable[[list[Any]], list[Any]]:
    """The session callable of a SavedModel's default signature."""
    from serving.servables import tensorflow_light

    tensorflow_light.use()
    from serving.servables.saved_model import load_saved_model

    bundle = load_saved_model(path)
    signature = bundle.signatures["serving_default"]
    names = [[info.tensor for info in infos.values()] for infos in (signature.inputs, signature.outputs)]
    return bundle.session.callable(*names)


def timed(call: Callable[[list[Any]], list[Any]], feeds: list[Any], batch: int, seconds: float) -> dict[str, float]:
    """Calls for that long, after a tenth of it to warm up."""
    _repeat(call, feeds, seconds / 10)
    wall, cpu = time.perf_counter(), time.process_time()
    rows = batch * _repeat(call, feeds, seconds)
    return {"rate": rows / (time.perf_counter() - wall), "cpu": 1000 * (time.process_time() - cpu) / rows}


def _repeat(call: Callable[[list[Any]], list[Any]], feeds: list[Any], seconds: float) -> int:
    until, calls = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        for _ in range(_CALLS_A_LOOK):
            call(feeds)
        calls += _CALLS_A_LOOK
    return calls


if __name__ == "__main__":
    main()
