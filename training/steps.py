"""The steps of a training run, in order: the one place from which command line and workflow are derived."""

from collections.abc import Callable

from training.check import check
from training.evaluate import evaluate
from training.export import export
from training.gate import gate
from training.prepare import prepare
from training.train import train
from training.validate import validate

STEPS: dict[str, Callable[..., None]] = {
    step.__name__: step for step in (prepare, validate, train, evaluate, gate, export, check)
}
