"""BatchingParameters: how to batch, read from the text format of --batching_parameters_file or batching_params.pbtxt.

The proto is in none of upstream's Python packages, so that its descriptor is built here, in a pool of its own; the text
format knows fields by name, so that their numbers do not matter.
Source: TF Serving servables/tensorflow/session_bundle_config.proto, bundle_factory_util.{h,cc} at 2.20.0.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from serving.config.text_proto import read_text_proto
from serving.errors import InvalidArgument

MESSAGE_NAME = "tensorflow.serving.BatchingParameters"
_WRAPPERS = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
    "allowed_batch_sizes": None,
    "pad_variable_length_inputs": None,
    "enable_large_batch_splitting": "BoolValue",
    "max_execution_batch_size": "Int64Value",
}


@dataclass(frozen=True)
class BatchingParameters:
    """How to batch; the defaults are upstream's.

    Attributes:
      max_batch_size: Rows of a task, and of a batch if large ones are not split.
      batch_timeout_micros: How long a task waits for others before its batch runs as it is, in microseconds.
      max_enqueued_batches: How many batches of one queue may wait; beyond them tasks are refused.
      num_batch_threads: How many batches run at once, over all models; None: as many as there are CPUs.
      thread_pool_name: Before the number in the threads' names.
      allowed_batch_sizes: The only sizes that reach the model, ascending; smaller batches are padded. Empty: all.
      pad_variable_length_inputs: Pad tensors that differ in dimensions 1, 2, ... to the batch's largest.
      enable_large_batch_splitting: Cut tasks over several batches.
      max_execution_batch_size: Rows of a batch if large ones are split; None: max_batch_size.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int | None = None
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def check_allowed_batch_sizes(self) -> None:
        """Raises InvalidArgument, at load, if the largest allowed size is not the largest possible one."""
        if self.allowed_batch_sizes and self.allowed_batch_sizes[-1] != self.max_batch_size:
            raise InvalidArgument(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{self.allowed_batch_sizes[-1]}; expected {self.max_batch_size}"
            )

    def threads(self) -> int:
        """How many batch threads there are to be."""
        return len(os.sched_getaffinity(0)) if self.num_batch_threads is None else self.num_batch_threads


@cache
def message_class() -> Any:
    """The proto's class, e.g. for text_format.Parse."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(MESSAGE_NAME))


def from_message(message: Any) -> BatchingParameters:
    """The plain form of the proto; what is not set is left at its default."""
    values: dict[str, Any] = {
        name: getattr(message, name).value for name, wrapper in _WRAPPERS.items() if wrapper and message.HasField(name)
    }
    values["allowed_batch_sizes"] = tuple(message.allowed_batch_sizes)
    values["pad_variable_length_inputs"] = message.pad_variable_length_inputs
    return BatchingParameters(**values)


def read_batching_parameters(path: str) -> BatchingParameters:
    """What a file in text format says; an empty path stands for no file.

    Raises: NotFound, InvalidArgument; see read_text_proto.
    """
    return from_message(read_text_proto(path, message_class()())) if path else BatchingParameters()


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow_serving/servables/tensorflow/session_bundle_config.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, wrapper) in enumerate(_WRAPPERS.items(), 1):
        _add_field(message, name, number, wrapper)
    return file


def _add_field(message: Any, name: str, number: int, wrapper: str | None) -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    field = message.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL)
    if wrapper:
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".google.protobuf.{wrapper}"
    elif name == "allowed_batch_sizes":
        field.type, field.label = kinds.TYPE_INT64, kinds.LABEL_REPEATED
    else:
        field.type = kinds.TYPE_BOOL
