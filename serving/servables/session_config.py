"""session_config: the ConfigProto of every session, from upstream's flags."""

from __future__ import annotations

from typing import Any

from serving.config.text_proto import read_text_proto
from serving.errors import InvalidArgument

# ConfigProto(use_per_session_threads=True): a model that blocks must not starve another.
DEFAULT = b"\x48\x01"


def session_config(
    session_parallelism: int = 0, intra_op_parallelism: int = 0, inter_op_parallelism: int = 0, config_file: str = ""
) -> bytes:
    """A serialized ConfigProto; every session has threads of its own.

    Args:
      session_parallelism: Threads for both pools, if neither of the following is above 0; 0: as many as CPUs.
      intra_op_parallelism: Threads inside one operation.
      inter_op_parallelism: Threads for operations side by side.
      config_file: A ConfigProto in protobuf's text format; numbers above 0 go over those in it.
    Raises: InvalidArgument (all three set, a file that does not parse), NotFound (no such file).
    Source: TF Serving model_servers/server.cc at 2.20.0.
    """
    if min(session_parallelism, intra_op_parallelism, inter_op_parallelism) > 0:
        raise InvalidArgument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
    from tensorflow.core.protobuf import config_pb2

    config: Any = config_pb2.ConfigProto()
    if config_file:
        read_text_proto(config_file, config)
    config.use_per_session_threads = True
    both = 0 if max(intra_op_parallelism, inter_op_parallelism) > 0 else session_parallelism
    if both or intra_op_parallelism:
        config.intra_op_parallelism_threads = both or intra_op_parallelism
    if both or inter_op_parallelism:
        config.inter_op_parallelism_threads = both or inter_op_parallelism
    return bytes(config.SerializeToString())
