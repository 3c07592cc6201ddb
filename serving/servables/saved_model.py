"""SavedModelBundle: the servable, a session with its signatures; and how it is loaded from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.servables import session_config
from serving.servables import signature as signatures
from serving.servables.endless import may_never_end
from serving.servables.saved_model_reader import read_meta_graph
from serving.servables.tensorflow_session import Session, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.servables.signature import Signature

Array = NDArray[Any]
_INIT_OP = "__saved_model_init_op"
_TF1_INIT_OPS = ("saved_model_main_op", "legacy_init_op")
_VARIABLE_OPS = {"VarHandleOp", "VariableV2", "Variable"}


@dataclass(frozen=True)
class SavedModelOptions:
    """How a SavedModel is loaded; see upstream's flags of the same names."""

    # Exactly the tags of the meta graph.
    tags: Sequence[str] = ("serve",)
    # A serialized ConfigProto, of session_config.py; None: one that suits the model's size.
    config: bytes | None = None


class Runner(Protocol):
    """What answers a request: a Session, or something that batches around one."""

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], timeout_s: float | None = None
    ) -> dict[str, Array]:
        """Values by tensor name; see Session.run."""

    def close(self) -> None:
        """Nothing may run any more."""


class SavedModelBundle:
    """A loaded SavedModel: `runner` runs it, `signatures` says how, `signature_def` is the proto as it was saved.

    `runner` is the session itself until something else is put around it. `meta_graph_def` has the whole graph, for
    those who analyse it after loading, until forget_graph.
    """

    def __init__(self, session: Session, meta_graph_def: Any) -> None:
        self.session = session
        self.runner: Runner = session
        self.meta_graph_def: Any = meta_graph_def
        self.signature_def: dict[str, Any] = {name: _copy(d) for name, d in meta_graph_def.signature_def.items()}
        self.signatures: dict[str, Signature] = {n: signatures.from_proto(d) for n, d in self.signature_def.items()}

    def forget_graph(self) -> None:
        """Gives back the memory of the graph's description; the graph itself stays in the session.

        Source: TF Serving servables/tensorflow/saved_model_bundle_factory.cc.
        """
        self.meta_graph_def = None

    def close(self) -> None:
        """Frees the session and its variables."""
        self.runner.close()
        self.session.close()


def load_saved_model(path: str, options: SavedModelOptions = SavedModelOptions()) -> SavedModelBundle:
    """Loads the meta graph with the options' tags, restores its variables and initialises it; else nothing stays.

    Raises: what read_meta_graph raises; FailedPrecondition for a broken init op; ServingError with TensorFlow's own
      code and text for variables that are missing or corrupt.
    Source: tensorflow/cc/saved_model/loader.cc at 2.20.0.
    """
    meta_graph = read_meta_graph(path, options.tags)
    graph = meta_graph.graph_def
    config = session_config.config_for(path) if options.config is None else options.config
    endless = may_never_end(graph)
    # What the options say goes over it.
    config = session_config.STOPPABLE + config if endless else config
    session = open_session(graph.SerializeToString(), config, ends=not endless)
    try:
        assets = _assets(meta_graph, path)
        if _has_variables(meta_graph, path):
            _restore(session, meta_graph.saver_def, path, assets)
        init_op = _init_op(meta_graph, path)
        if init_op and not _does_nothing(graph, init_op):
            session.run_target(assets, init_op)
        return SavedModelBundle(session, meta_graph)
    except BaseException:
        session.close()
        raise


def _has_variables(meta_graph: Any, path: str) -> bool:
    """Whether there is something to restore.

    Upstream takes a SavedModel without variables.index for one without variables. Here only one whose graph has none,
    or whose TF1 main op may set them: with lost files the version would come up and fail every request.
    """
    if Path(path, "variables", "variables.index").exists():
        return True
    set_by_init_op = not meta_graph.HasField("object_graph_def") and bool(_init_op(meta_graph, path))
    if set_by_init_op or not meta_graph.saver_def.restore_op_name:
        return False
    return any(node.op in _VARIABLE_OPS for node in meta_graph.graph_def.node)


def _restore(session: Session, saver: Any, path: str, assets: Mapping[str, Array]) -> None:
    prefix = _string(str(Path(path, "variables", "variables")))
    session.run_target({saver.filename_tensor_name: prefix, **assets}, saver.restore_op_name)


def _assets(meta_graph: Any, path: str) -> dict[str, Array]:
    """By tensor name: where each asset file lies; TF2 lists them in the meta graph, TF1 in a collection."""
    from tensorflow.core.protobuf import meta_graph_pb2

    files = list(meta_graph.asset_file_def)
    if not files and "saved_model_assets" in meta_graph.collection_def:
        packed = meta_graph.collection_def["saved_model_assets"].any_list.value
        files = [meta_graph_pb2.AssetFileDef.FromString(any_file.value) for any_file in packed]
    return {file.tensor_info.name: _string(str(Path(path, "assets", file.filename))) for file in files}


def _init_op(meta_graph: Any, path: str) -> str:
    """TF2 names it by a signature, TF1 in a collection; empty: there is none."""
    if _INIT_OP in meta_graph.signature_def:
        outputs = meta_graph.signature_def[_INIT_OP].outputs
        if _INIT_OP not in outputs:
            raise FailedPrecondition(f"Could not find output {_INIT_OP}")
        return str(outputs[_INIT_OP].name)
    collections = meta_graph.collection_def
    key = next((key for key in _TF1_INIT_OPS if key in collections), None)
    if key is None:
        return ""
    names = collections[key].node_list.value
    if len(names) != 1:
        raise FailedPrecondition(f"Expected exactly one main op in : {path}")
    return str(names[0])


def _does_nothing(graph: Any, operation: str) -> bool:
    """So it is in a TF2 SavedModel without tables; to run it TensorFlow would optimise the whole graph once more."""
    return any(node.name == operation and node.op == "NoOp" and not node.input for node in graph.node)


def _string(text: str) -> Array:
    return np.array(text.encode("utf-8", "surrogateescape"), object)


def _copy(proto: Any) -> Any:
    """On its own, so that it does not keep the graph alive."""
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy
