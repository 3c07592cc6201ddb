"""Reading one mapping of a YAML document strictly: every key is read, ignored for a stated reason, or refused."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from workflows.errors import UnsupportedError, WorkflowError

T = TypeVar("T")


def text(value: Any) -> str:
    """A scalar as Argo's strings: true, 3, 0.5; a list or mapping as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)


class Fields:
    """The fields of one mapping. `where` names it in every refusal, e.g. `workflow train: template check`."""

    def __init__(self, where: str, value: Any, ignored: Mapping[str, str] | None = None) -> None:
        """Raises: WorkflowError where `value` is not a mapping."""
        if not isinstance(value, Mapping):
            raise WorkflowError(f"{where}: expected a mapping. Received: {value!r}")
        self.where = where
        self._value = value
        self._left = {str(key) for key in value} - set(ignored or {})

    def __contains__(self, key: str) -> bool:
        """The field is there and is not null."""
        return self._value.get(key) is not None

    def get(self, key: str) -> Any:
        """The field's value, or None."""
        self._left.discard(key)
        return self._value.get(key)

    def text(self, key: str, default: str = "") -> str:
        """The field as a string; a number or boolean is written as YAML would."""
        value = self.get(key)
        return default if value is None else text(value)

    def optional_text(self, key: str) -> str | None:
        """The field as a string, or None."""
        value = self.get(key)
        return None if value is None else text(value)

    def required(self, key: str) -> str:
        """The field as a string. Raises: WorkflowError where it is missing or empty."""
        value = self.text(key)
        if not value:
            raise WorkflowError(f"{self.where}: field `{key}` is missing")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """The field as a boolean. Raises: WorkflowError."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise WorkflowError(f"{self.where}: field `{key}` must be true or false. Received: {value!r}")
        return default if value is None else value

    def number(self, key: str) -> int | None:
        """The field as a whole number. Raises: WorkflowError."""
        value = self.get(key)
        if value is None:
            return None
        try:
            return int(text(value))
        except ValueError:
            raise WorkflowError(f"{self.where}: field `{key}` must be a whole number. Received: {value!r}") from None

    def list(self, key: str) -> list[Any]:
        """The field as a list. Raises: WorkflowError."""
        value = self.get(key)
        if value is not None and not isinstance(value, list):
            raise WorkflowError(f"{self.where}: field `{key}` must be a list. Received: {value!r}")
        return value or []

    def texts(self, key: str) -> tuple[str, ...]:
        """The field as a list of strings."""
        return tuple(text(value) for value in self.list(key))

    def mapping(self, key: str, ignored: Mapping[str, str] | None = None) -> "Fields":
        """The field as a mapping of its own, empty where it is missing; close it after reading."""
        value = self.get(key)
        return Fields(f"{self.where}: {key}", {} if value is None else value, ignored)

    def each(self, key: str, read: Callable[[str, Any], T]) -> tuple[T, ...]:
        """Every entry of a list, read by `read(where, entry)`."""
        return tuple(read(f"{self.where}: {key}", entry) for entry in self.list(key))

    def refuse(self, key: str, why: str) -> None:
        """Refuses a field that is known and cannot be done here. Raises: UnsupportedError."""
        if self.get(key) not in (None, False, [], {}, ""):
            raise UnsupportedError(f"{self.where}: field `{key}` is not supported by the local engine: {why}")

    def close(self) -> None:
        """Refuses every field that was not read. Raises: UnsupportedError."""
        if self._left:
            names = ", ".join(f"`{key}`" for key in sorted(self._left))
            verb = "fields {} are" if len(self._left) > 1 else "field {} is"
            raise UnsupportedError(f"{self.where}: {verb.format(names)} not supported by the local engine")
