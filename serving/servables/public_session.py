"""PublicSession: what PrivateSession does, by TensorFlow's public API; it loads all of TensorFlow.

It checks a feed's shape against the graph's static shape, which upstream does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Array = NDArray[Any]


class PublicSession:
    """One graph with its variables. Freed when nothing refers to it any more."""

    def __init__(self, graph_def: bytes, config: bytes) -> None:
        import tensorflow as tf
        from tensorflow.core.framework import graph_pb2
        from tensorflow.core.protobuf import config_pb2

        graph = tf.Graph()
        with graph.as_default():
            tf.compat.v1.import_graph_def(graph_pb2.GraphDef.FromString(graph_def), name="")
        self._session = tf.compat.v1.Session(graph=graph, config=config_pb2.ConfigProto.FromString(config))

    def callable(self, options: bytes) -> Callable[[list[Array]], list[Any]]:
        """A CallableOptions as a function."""
        from tensorflow.core.protobuf import config_pb2

        parsed = config_pb2.CallableOptions.FromString(options)
        feeds, fetches, targets = list(parsed.feed), list(parsed.fetch), list(parsed.target)

        def call(arrays: list[Array]) -> list[Any]:
            values = self._session.run(fetches + targets, dict(zip(feeds, arrays, strict=True)))
            return list(values[: len(fetches)])

        return call

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], options: bytes) -> list[Any]:
        """The fetches' values; `options` is a RunOptions."""
        from tensorflow.core.protobuf import config_pb2

        return list(self._session.run(list(fetches), dict(feeds), config_pb2.RunOptions.FromString(options)))

    def dtype(self, tensor: str) -> int:
        """The DataType of a tensor of the graph. Raises KeyError when there is no such tensor."""
        name = tensor if ":" in tensor else f"{tensor}:0"
        return int(self._session.graph.get_tensor_by_name(name).dtype.as_datatype_enum)
