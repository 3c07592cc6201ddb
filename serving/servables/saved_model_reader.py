"""read_meta_graph: the meta graph of a SavedModel's folder that has the tags asked for.

Source: TF Serving session_bundle/oss/session_bundle_util.cc, tensorflow/cc/saved_model/reader.cc at 2.20.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import DataLoss, FailedPrecondition, NotFound, Unimplemented

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


def read_meta_graph(path: str, tags: Sequence[str]) -> Any:
    """The MetaGraphDef whose set of tags is exactly `tags`.

    Raises: Unimplemented (a Session Bundle), NotFound (no SavedModel, no such tags), DataLoss (a file that does not
      parse), FailedPrecondition (a constant without value or shape).
    """
    if Path(path, "export.meta").exists():
        raise Unimplemented("Session Bundle is deprecated and removed.")
    if not any(Path(path, name).exists() for name in _FILES):
        raise NotFound(
            "Specified file path does not appear to contain a SavedModel bundle "
            f"(should have a file called `saved_model.pb`)\nSpecified file path: {path}"
        )
    meta_graph = _with_tags(_read(path).meta_graphs, tags)
    _check_constants(meta_graph.graph_def.node)
    for function in meta_graph.graph_def.library.function:
        _check_constants(function.node_def)
    return meta_graph


def _read(path: str) -> Any:
    binary, text, _ = (Path(path, name) for name in _FILES)
    if binary.exists():
        return _from_binary(binary)
    if text.exists():
        return _from_text(text)
    raise NotFound(
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. Check that the directory "
        "exists and that you have the right permissions for accessing it."
    )


def _from_binary(file: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        return saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except (DecodeError, OSError):
        raise DataLoss(f"Can't parse {file} as binary proto") from None


def _from_text(file: Path) -> Any:
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        return text_format.Parse(file.read_bytes(), saved_model_pb2.SavedModel())
    except (text_format.ParseError, UnicodeDecodeError, OSError):
        raise DataLoss(f"Can't parse {file} as text proto") from None


def _with_tags(meta_graphs: Iterable[Any], tags: Sequence[str]) -> Any:
    for meta_graph in meta_graphs:
        if set(meta_graph.meta_info_def.tags) == set(tags):
            return meta_graph
    raise NotFound(
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. To inspect available tag-sets "
        "in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
    )


def _check_constants(nodes: Iterable[Any]) -> None:
    """A constant of impossible shape would end the process instead of the load."""
    for node in nodes:
        attributes = node.attr
        if "value" in attributes:
            if any(dim.size < 0 for dim in attributes["value"].tensor.tensor_shape.dim):
                raise FailedPrecondition(
                    f'Saved model contains node "{node.name}" (op "{node.op}") which initializes from a tensor with '
                    "-1 elements"
                )
        elif node.op == "Const":
            raise FailedPrecondition(
                f'Saved model contains node "{node.name}" which is a constant tensor but no value has been provided'
            )
