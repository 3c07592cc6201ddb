"""A protobuf message as C++ prints it in JSON: an indent of one blank, defaults printed, a oneof's field last.

Python's json_format prints the fields that are set before the defaults; so the order is made here. Pure.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format


def message_json(message: Any) -> str:
    """The text, with proto field names, no newline at its end."""
    values = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(_ordered(values, message.DESCRIPTOR), indent=1, ensure_ascii=False)


def _ordered(values: Any, descriptor: Any) -> Any:
    """The same values with the fields in the order of their declaration, those of a oneof last; maps by key."""
    if not isinstance(values, dict):  # a wrapper type is its bare value
        return values
    fields = sorted(descriptor.fields, key=lambda field: (field.containing_oneof is not None, field.index))
    return {field.name: _field(values[field.name], field) for field in fields if field.name in values}


def _field(value: Any, field: Any) -> Any:
    if field.message_type is None:
        return value
    if field.message_type.GetOptions().map_entry:
        item = field.message_type.fields_by_name["value"].message_type
        return {key: _ordered(value[key], item) if item else value[key] for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item, field.message_type) for item in value]
    return _ordered(value, field.message_type)
