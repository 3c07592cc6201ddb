"""run_saved_model_warmup: replays a version's recorded requests on the fresh bundle, before anybody can look it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import DataLoss, InvalidArgument, Unimplemented
from serving.servables.examples import serialized_examples
from serving.servables.predict import run_predict
from serving.servables.request_tensors import RequestTensors
from serving.servables.tfrecord import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.servables.saved_model import SavedModelBundle

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000


def run_saved_model_warmup(bundle: SavedModelBundle, path: str, num_request_iterations: int = 1) -> int:
    """Replays each record so many times; no file or an empty one is fine.

    Returns: How many records there were.
    Raises: ServingError of a record that cannot be read or answered: the version does not load then.
    Source: TF Serving servables/tensorflow/saved_model_warmup_util.cc, saved_model_warmup.cc at 2.20.0.
    """
    file = Path(path, WARMUP_FILE)
    if not file.exists():
        return 0
    count = 0
    for count, record in enumerate(_records(file), 1):
        log = _parse(record, str(file))
        for _ in range(max(1, num_request_iterations)):
            _replay(bundle, log)
        if count > MAX_RECORDS:
            raise InvalidArgument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")
    return count


def _records(file: Path) -> Iterator[bytes]:
    try:
        yield from read_records(file)
    except DataLoss as error:
        raise DataLoss(f"{error.message}. Please verify your warmup data is in TFRecord format.") from None


def _parse(record: bytes, file: str) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError:
        text = record.decode("utf-8", "backslashreplace")
        raise InvalidArgument(f"Failed to parse warmup record: {text} from {file}") from None


def _replay(bundle: SavedModelBundle, log: Any) -> None:
    """Source: RunWarmupRequest; the model's name and version in the log are ignored."""
    kind = log.WhichOneof("log_type")
    replay = _KINDS.get(kind)
    if replay is None:
        number = log.DESCRIPTOR.fields_by_name[kind].number if kind else 0
        raise Unimplemented(f"Unsupported log_type for warmup: {number}")
    replay(bundle, getattr(log, kind).request)


def _predict(bundle: SavedModelBundle, request: Any) -> None:
    run_predict(bundle, request.model_spec.signature_name, RequestTensors(request.inputs), request.output_filter)


def _classify(bundle: SavedModelBundle, request: Any) -> None:
    from serving.servables.classify import run_classify

    run_classify(bundle, request.model_spec.signature_name, serialized_examples(request.input))


def _regress(bundle: SavedModelBundle, request: Any) -> None:
    from serving.servables.regress import run_regress

    run_regress(bundle, request.model_spec.signature_name, serialized_examples(request.input))


def _multi_inference(bundle: SavedModelBundle, request: Any) -> None:
    from serving.servables.multi_inference import run_multi_inference

    run_multi_inference(bundle, request.tasks, serialized_examples(request.input))


_KINDS = {
    "predict_log": _predict,
    "classify_log": _classify,
    "regress_log": _regress,
    "multi_inference_log": _multi_inference,
}
