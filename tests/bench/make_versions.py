"""Builds versions of one MLP that tell themselves apart: <folder>/<n>/saved_model.pb, and <folder>/case.npz.

Each answers the probabilities of an MLP of 784-128-10 plus 2 n, so an answer tells its version; case.npz has `x`
<float32>[1, 784] and `answers` <float32>[count, 10].
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.bench.make_models import GENERATOR, Mlp


class Version(Mlp):
    """An Mlp with an offset."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = tf.Variable(0.0)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Probabilities, shifted."""
        return super().__call__(x) + self.offset


def main() -> None:
    """Builds into the folder of the first argument as many as the second says."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    model = Version()
    signature = tf.function(
        lambda x: {"y": model(x)}, input_signature=[tf.TensorSpec([None, *Mlp.shape], tf.float32, name="x")]
    )
    x = GENERATOR.integers(0, 256, (1, *Mlp.shape)).astype(np.float32).round(3) / 255
    answers = []
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count):
        model.offset.assign(2.0 * number)
        tf.saved_model.save(model, str(folder / str(number)), signatures=signature)
        answers.append(signature(x.round(3))["y"].numpy()[0])
    np.savez(folder / "case.npz", x=x.round(3), answers=np.stack(answers))


if __name__ == "__main__":
    main()
