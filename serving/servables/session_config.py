"""session_config: the ConfigProto of every session, from upstream's flags."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from serving.config.text_proto import read_text_proto
from serving.errors import InvalidArgument

# ConfigProto(use_per_session_threads=True): a model that blocks must not starve another.
DEFAULT = b"\x48\x01"
# And intra_op_parallelism_threads=1. To share one operation of a small model among threads costs more than it gains:
# an MLP of 0.4 MB takes 130 us a row on 2 threads and 40 on one, 32 rows 250 and 115 (measured in one run).
SMALL = b"\x10\x01\x48\x01"
SMALL_BYTES = 4 << 20
# ConfigProto(graph_options=GraphOptions(optimizer_options=OptimizerOptions(opt_level=L0,
# do_common_subexpression_elimination=True, do_function_inlining=True))): the default less its constant folding, which
# Grappler does too. It folds the LoopCond of `while True`, the one operation of a loop that looks whether its run was
# cancelled: a run past its deadline would never end, and would keep a processor busy.
STOPPABLE = b"R\x11\x1a\x0f\x08\x01\x18" + b"\xff" * 9 + b"\x01\x20\x01"
# With it each session has a pool of its own for that; else the first session's is that of the whole process.
OWN_POOLS = "TF_OVERRIDE_GLOBAL_THREADPOOL"


def config_for(path: str) -> bytes:
    """The ConfigProto of a model for which no flag sets threads: by the size of its files."""
    if os.environ.get(OWN_POOLS) != "1":
        return DEFAULT
    size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    return SMALL if size <= SMALL_BYTES else DEFAULT


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
    check_parallelism(session_parallelism, intra_op_parallelism, inter_op_parallelism)
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


def check_parallelism(session: int, intra_op: int, inter_op: int) -> None:
    """Refuses all three flags together. Raises InvalidArgument."""
    if min(session, intra_op, inter_op) > 0:
        raise InvalidArgument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
