"""run_multi_inference: several signatures of one model on the same tf.Examples, in one run of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from serving.errors import InvalidArgument, Unimplemented
from serving.servables import classify, regress
from serving.servables.classify import Classifications
from serving.servables.examples import example_tensor
from serving.servables.regress import Regressions
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.servables.saved_model import SavedModelBundle


class TaskSpec(Protocol):
    """The part of a ModelSpec that counts here; the handle is that of the first task's."""

    name: str
    signature_name: str


class InferenceTask(Protocol):
    """One task: an InferenceTask proto, or anything with its fields."""

    model_spec: TaskSpec
    method_name: str


Inference = Classifications | Regressions


def run_multi_inference(
    bundle: SavedModelBundle,
    tasks: Sequence[InferenceTask],
    examples: Sequence[bytes],
    *,
    timeout_s: float | None = None,
    check_method_name: bool = False,
) -> list[Inference]:
    """Classifies and regresses the same serialized tf.Examples.

    Args:
      timeout_s: Limit for the one run of the session, in seconds.
      check_method_name: Refuse signatures whose method_name is not the task's (--enable_signature_method_name_check).
    Returns: In the tasks' order what run_classify or run_regress gives.
    Raises: InvalidArgument, Unimplemented in upstream's words; what the session says.
    Source: TF Serving servables/tensorflow/multi_inference.cc at 2.20.0, same checks in the same order.
    """
    signatures = _checked_signatures(bundle, tasks, check_method_name=check_method_name)
    feed = example_tensor(examples)
    # Both methods have the alias `inputs` for their input, whichever tensor is behind it.
    feeds = {signature.inputs[classify.INPUT].tensor: feed for signature, _ in signatures}
    fetches = sorted({name for _, names in signatures for name in names})
    outputs = bundle.runner.run(feeds, fetches, timeout_s)
    return [
        _read(task.method_name)(signature, len(examples), outputs)
        for task, (signature, _) in zip(tasks, signatures, strict=True)
    ]


def _checked_signatures(
    bundle: SavedModelBundle, tasks: Sequence[InferenceTask], *, check_method_name: bool
) -> list[tuple[Signature, list[str]]]:
    """Each task's signature and fetches; all checks of one task come before those of the next."""
    found: dict[str, tuple[Signature, list[str]]] = {}
    for task in tasks:
        _check_model_name(task.model_spec.name, tasks[0].model_spec.name)
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in found:
            raise InvalidArgument(f"Duplicate evaluation of signature: {name}")
        if name not in bundle.signatures:
            raise InvalidArgument(f"Requested signature not found in model graph: {name}")
        fetches = _fetches(task.method_name)(
            bundle.signatures[name], bundle.signature_def[name], check_method_name=check_method_name
        )
        found[name] = bundle.signatures[name], fetches
    return list(found.values())


def _check_model_name(name: str, first: str) -> None:
    if not name:
        raise InvalidArgument("Found ModelSpec with an empty model name.")
    if name != first:
        raise InvalidArgument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")


def _fetches(method_name: str) -> Any:
    if method_name == classify.CLASSIFY_METHOD:
        return classify.classification_fetches
    if method_name == regress.REGRESS_METHOD:
        return regress.regression_fetches
    raise Unimplemented(f"Unsupported signature method_name: {method_name}")


def _read(method_name: str) -> Any:
    return classify.classifications if method_name == classify.CLASSIFY_METHOD else regress.regressions
