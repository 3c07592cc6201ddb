"""SavedModelBundle: the servable, a session with its signatures; and how it is loaded from a folder.

Loaded by TensorFlow 1's loader, as upstream's C++ does: every SignatureDef is visible, none is checked against a spec.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import DataLoss, NotFound, ServingError, Unimplemented
from serving.servables import signature as signatures
from serving.servables.session_runner import SessionRunner
from serving.servables.tensorflow_errors import as_serving_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.servables.signature import Signature

TAGS = ("serve",)
_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


class SavedModelBundle:
    """A loaded SavedModel: `runner` runs it, `signatures` says how, `signature_def` is the proto as it was saved."""

    def __init__(self, runner: SessionRunner, signature_def: Mapping[str, Any]) -> None:
        self.runner = runner
        self.signature_def = signature_def
        self.signatures: dict[str, Signature] = {name: signatures.from_proto(d) for name, d in signature_def.items()}

    def close(self) -> None:
        """Frees the session and its variables."""
        self.runner.close()


def load_saved_model(path: str) -> SavedModelBundle:
    """Loads the meta graph tagged `serve`.

    Raises: Unimplemented, NotFound, DataLoss as upstream for folders that are no SavedModel; else TensorFlow's error.
    Source: TF Serving session_bundle/oss/session_bundle_util.cc, tensorflow/cc/saved_model/reader.cc at 2.20.0.
    """
    import tensorflow as tf

    _check_folder(path)
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    try:
        with graph.as_default(), as_serving_errors():
            meta_graph = tf.compat.v1.saved_model.load(session, list(TAGS), path)
    except Exception as error:
        session.close()
        raise _diagnosis(path, error) from error
    return SavedModelBundle(SessionRunner(session), dict(meta_graph.signature_def.items()))


def _check_folder(path: str) -> None:
    if Path(path, "export.meta").exists():
        raise Unimplemented("Session Bundle is deprecated and removed.")
    if not any(Path(path, name).exists() for name in _FILES):
        raise NotFound(
            "Specified file path does not appear to contain a SavedModel bundle "
            f"(should have a file called `saved_model.pb`)\nSpecified file path: {path}"
        )


def _diagnosis(path: str, error: Exception) -> Exception:
    """What upstream says for what Python's loader words in its own way; only now is the file read again."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = Path(path, _FILES[0])
    if isinstance(error, ServingError) or not file.exists():
        return error
    try:
        meta_graphs = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    except (DecodeError, OSError):
        return DataLoss(f"Can't parse {file} as binary proto")
    if any(set(graph.meta_info_def.tags) == set(TAGS) for graph in meta_graphs):
        return DataLoss(f"The SavedModel at {path} cannot be loaded: {error}")
    return NotFound(
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(TAGS)} }}. To inspect available tag-sets "
        "in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
    )
