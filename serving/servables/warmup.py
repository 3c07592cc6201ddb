"""run_saved_model_warmup: replays a version's recorded requests on the fresh bundle, before anybody can look it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import DataLoss, InvalidArgument, Unimplemented
from serving.servables.classify import run_classify
from serving.servables.examples import serialized_examples
from serving.servables.predict import run_predict
from serving.servables.tensor_proto import to_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.servables.saved_model import SavedModelBundle

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000


def run_saved_model_warmup(bundle: SavedModelBundle, path: str) -> None:
    """Replays the records; no file or an empty one is fine.

    Raises: ServingError of a record that cannot be read or answered: the version does not load then.
    Source: TF Serving servables/tensorflow/saved_model_warmup_util.cc at 2.20.0.
    """
    file = str(Path(path, WARMUP_FILE))
    if not Path(file).exists():
        return
    for count, record in enumerate(_records(file), 1):
        _replay(bundle, _parse(record, file))
        if count > MAX_RECORDS:
            raise InvalidArgument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")


def _records(file: str) -> Iterator[bytes]:
    import tensorflow as tf

    try:
        for record in tf.data.TFRecordDataset(file):
            yield record.numpy()
    except tf.errors.DataLossError as error:
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
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {alias: to_array(proto) for alias, proto in request.inputs.items()}
        run_predict(bundle, request.model_spec.signature_name, inputs, request.output_filter)
    elif kind == "classify_log":
        request = log.classify_log.request
        run_classify(bundle, request.model_spec.signature_name, serialized_examples(request.input))
    else:
        number = log.DESCRIPTOR.fields_by_name[kind].number if kind else 0
        raise Unimplemented(f"Unsupported log_type for warmup: {number}")
