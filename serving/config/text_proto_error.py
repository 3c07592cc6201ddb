"""What the C++ parser of protobuf's text format says about a text that is no such message: same place, same words.

Python's parser reads the files; when it refuses one, this walks over it again to say why. Pure.

Source: protobuf text_format.cc at 5.28, which TensorFlow 2.20 is built with.
"""

from __future__ import annotations

from typing import Any

from serving.config.text_tokens import Complaint, Token, tokenize

_TRUE_FALSE = frozenset({"true", "True", "t", "false", "False", "f"})
_BITS = {"INT32": 31, "INT64": 63, "UINT32": 32, "UINT64": 64}


class _RefusedError(Exception):
    """The first thing wrong, as a Complaint."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(str(complaint))
        self.complaint = complaint


def complaints(content: bytes, descriptor: Any) -> list[str]:
    """Each `<line>:<column>: <reason>`, both from 1, in the order in which the C++ parser writes them.

    Args:
      content: The text.
      descriptor: The google.protobuf Descriptor of the message that it ought to be.
    Returns: an empty list if nothing is found wrong.
    """
    walk = _Walk(content)
    seen: dict[str, str] = {}
    try:
        while walk.current.kind != "end":
            walk.field(descriptor, seen)
    except _RefusedError as error:
        walk.said.append(error.complaint)
    return [str(complaint) for complaint in walk.said]


class _Walk:
    """Consumes tokens as the C++ parser does; `said` has the tokenizer's complaints so far."""

    def __init__(self, content: bytes) -> None:
        self._tokens, self._complaints = tokenize(content)
        self._at = -1
        self.said: list[Complaint] = []
        self._next()

    @property
    def current(self) -> Token:
        return self._tokens[self._at]

    def field(self, descriptor: Any, seen: dict[str, str]) -> None:
        if self._try("["):
            self._extension(descriptor)
            return
        name = self._identifier()
        field = descriptor.fields_by_name.get(name)
        if field is None:
            self._refuse(f'Message type "{descriptor.full_name}" has no field named "{name}".')
        self._once(field, seen)
        is_message = field.message_type is not None
        if is_message:
            self._try(":")
        else:
            self._consume(":")
        if _is_repeated(field) and self._try("["):
            self._list(field)
        else:
            self._value(field)
        _ = self._try(";") or self._try(",")

    def _list(self, field: Any) -> None:
        if self._try("]"):
            return
        while True:
            self._value(field)
            if self._try("]"):
                return
            self._consume(",")

    def _once(self, field: Any, seen: dict[str, str]) -> None:
        """Refuses a second value for what can have one. `seen` maps fields and oneofs to the field that was first."""
        if _is_repeated(field):
            return
        if field.name in seen:
            self._refuse(f'Non-repeated field "{field.name}" is specified multiple times.')
        oneof = field.containing_oneof
        if oneof is not None and f"oneof {oneof.name}" in seen:
            self._refuse(
                f'Field "{field.name}" is specified along with field "{seen[f"oneof {oneof.name}"]}", '
                f'another member of oneof "{oneof.name}".'
            )
        seen[field.name] = field.name
        if oneof is not None:
            seen[f"oneof {oneof.name}"] = field.name

    def _extension(self, descriptor: Any) -> None:
        parts = [self._identifier()]
        while self.current.text in (".", "/"):
            parts += [self.current.text]
            self._next()
            parts += [self._identifier()]
        name = "".join(parts)
        self._consume("]")
        if descriptor.full_name == "google.protobuf.Any":
            self._try(":")
            self._refuse(f'Could not find type "{name}" stored in google.protobuf.Any.')
        self._refuse(f'Extension "{name}" is not defined or is not an extension of "{descriptor.full_name}".')

    def _value(self, field: Any) -> None:
        if field.message_type is not None:
            self._message(field.message_type)
        elif field.enum_type is not None:
            self._enum(field)
        else:
            self._scalar(field)

    def _message(self, descriptor: Any) -> None:
        end = ">" if self._try("<") else "}"
        if end == "}":
            self._consume("{")
        seen: dict[str, str] = {}
        while self.current.text not in (">", "}"):
            self.field(descriptor, seen)
        self._consume(end)

    def _enum(self, field: Any) -> None:
        if self.current.kind == "identifier":
            name = self._identifier()
            if name not in field.enum_type.values_by_name:
                self._refuse(f'Unknown enumeration value of "{name}" for field "{field.name}".')
        elif self.current.kind == "integer" or self.current.text == "-":
            self._integer(31, signed=True)
        else:
            self._refuse(f"Expected integer or identifier, got: {self.current.text}")

    def _scalar(self, field: Any) -> None:
        kind = _kind(field)
        if kind in _BITS:
            self._integer(_BITS[kind], signed=kind.startswith("I"))
        elif kind == "BOOL":
            self._bool(field)
        elif kind in ("FLOAT", "DOUBLE"):
            self._try("-")
            if self.current.kind not in ("integer", "float") and self.current.text.lower() not in (
                "inf",
                "infinity",
                "nan",
            ):
                self._refuse(f"Expected double, got: {self.current.text}")
            self._next()
        else:
            if self.current.kind != "string":
                self._refuse(f"Expected string, got: {self.current.text}")
            while self.current.kind == "string":
                self._next()

    def _bool(self, field: Any) -> None:
        if self.current.kind == "integer":
            self._integer(1, signed=False)
            return
        value = self._identifier()
        if value not in _TRUE_FALSE:
            self._refuse(f'Invalid value for boolean field "{field.name}". Value: "{value}".')

    def _integer(self, bits: int, *, signed: bool) -> None:
        negative = signed and self._try("-")
        if self.current.kind != "integer":
            self._refuse(f"Expected integer, got: {self.current.text}")
        text = self.current.text
        octal = text.startswith("0") and text.isdigit()
        number = int(text, 8 if octal and not set(text) & set("89") else 0 if not octal else 10)
        if number > 2**bits - (0 if negative else 1):
            self._refuse(f"Integer out of range ({text})")
        self._next()

    def _identifier(self) -> str:
        if self.current.kind != "identifier":
            self._refuse(f"Expected identifier, got: {self.current.text}")
        text = self.current.text
        self._next()
        return text

    def _consume(self, text: str) -> None:
        if not self._try(text):
            self._refuse(f'Expected "{text}", found "{self.current.text}".')

    def _try(self, text: str) -> bool:
        if self.current.text != text:
            return False
        self._next()
        return True

    def _next(self) -> None:
        self._at += 1
        if complaint := self._complaints.pop(self._at, None):
            self.said.append(complaint)

    def _refuse(self, reason: str) -> None:
        raise _RefusedError(Complaint(self.current.line, self.current.column, reason))


def _is_repeated(field: Any) -> bool:
    # Newer versions warn about `label`, older ones have nothing else.
    known = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if known is None else known)


def _kind(field: Any) -> str:
    names = ("INT32", "INT64", "UINT32", "UINT64", "BOOL", "FLOAT", "DOUBLE", "STRING")
    return next(name for name in names if field.cpp_type == getattr(field, f"CPPTYPE_{name}"))
