"""The step train: fits the model's network to the training split and saves it. Not here: how (fitting.py)."""

from dataclasses import asdict

from training import checkpoint
from training import dataset as datasets
from training import report as reports
from training.errors import TrainingError
from training.model import find
from training.step import InputPath, OutputPath


def train(*, model: str, dataset: InputPath, epochs: int, seed: int, trained: OutputPath, report: OutputPath) -> None:
    """Trains reproducibly on the training split; `trained` gets model.keras, checkpoints/ and TensorBoard's logs/.

    If `trained` already holds checkpoints of the same plan and data (the step was retried), goes on from the last.

    Args:
      epochs: 0 means the number in the model's config.
    Raises: UnknownModelError; ArtifactError; DivergedError; TrainingError (epochs or seed out of range).
    """
    found = find(model)
    if epochs < 0:
        raise TrainingError(f"epochs must be 0 (the config's own number) or more. Received: epochs={epochs}")
    if not 0 <= seed < 2**32:
        raise TrainingError(f"seed must be an integer from 0 to 2**32 - 1. Received: seed={seed}")
    data = datasets.read(dataset, model)
    from training import fitting, weights

    plan = fitting.Plan(epochs or found.config.epochs, seed)
    checkpoint.keep_only(trained, {**asdict(plan), "model": model, "data_digest": data.description.data_digest})
    fitting.make_deterministic(seed)
    network, history = fitting.fit(found, data.splits["train"], data.splits["validation"], plan, trained)
    network.save(trained / "model.keras")
    content = {
        "epochs": plan.epochs,
        "seed": seed,
        "history": history,
        "parameters": network.count_params(),
        "weights_digest": weights.weights_digest(network),
        "device": fitting.device(),
    }
    reports.write(trained / "trained.json", content)
    reports.write(report, content)
