"""MonitoringConfig and SSLConfig, which tensorflow-serving-api does not have.

Made in a descriptor pool of their own, so that they never clash with the same names from elsewhere in the process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_PACKAGE = "tensorflow.serving"
# Of google.protobuf.FieldDescriptorProto.Type.
_BOOL, _STRING, _MESSAGE = 8, 9, 11
# Message to its fields: name, number, type and, of messages, the type's full name.
_MESSAGES: dict[str, tuple[tuple[str, int, int, str], ...]] = {
    "PrometheusConfig": (("enable", 1, _BOOL, ""), ("path", 2, _STRING, "")),
    "MonitoringConfig": (("prometheus_config", 1, _MESSAGE, f".{_PACKAGE}.PrometheusConfig"),),
    "SSLConfig": (
        ("server_key", 1, _STRING, ""),
        ("server_cert", 2, _STRING, ""),
        ("custom_ca", 3, _STRING, ""),
        ("client_verify", 4, _BOOL, ""),
    ),
}


@cache
def message_class(name: str) -> Any:
    """The class of one of the messages above, by its name without the package.

    Source: TF Serving config/monitoring_config.proto, config/ssl_config.proto at 2.20.0 (names and numbers).
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/config/private_protos.proto", package=_PACKAGE, syntax="proto3"
    )
    for message, fields in _MESSAGES.items():
        added = file.message_type.add(name=message)
        for field, number, kind, type_name in fields:
            added.field.add(name=field, number=number, type=kind, type_name=type_name or None, label=1)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
