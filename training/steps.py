"""The steps of a training run, in order: the one place from which command line and workflow are derived."""

from collections.abc import Callable

from training.evaluate import evaluate
from training.gate import gate
from training.prepare import prepare
from training.train import train

STEPS: dict[str, Callable[..., None]] = {step.__name__: step for step in (prepare, train, evaluate, gate)}
