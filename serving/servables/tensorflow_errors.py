"""TensorFlow's errors as ServingErrors, with its code and without its stack of Python frames."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from serving.errors import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Iterator


class TensorFlowError(Exception):
    """What the extension module raises where TensorFlow's Python API, and so tf.errors, is not loaded."""

    error_code = Code.UNKNOWN

    def __init__(self, _node_def: Any, _op: Any, message: str, *_payloads: Any) -> None:
        super().__init__(message)
        self.message = message


def register() -> None:
    """Tells the extension module which exceptions to raise; a second call in one process would abort it."""
    from tensorflow.python import _pywrap_py_exception_registry

    classes = {int(code): type(code.name, (TensorFlowError,), {"error_code": code}) for code in Code if code}
    _pywrap_py_exception_registry.PyExceptionRegistry_Init(classes)


def as_serving_error(error: Exception) -> Exception:
    """A ServingError of the same code and text for an error of TensorFlow's (tf.errors or ours); others as they are."""
    if isinstance(error, UnicodeDecodeError):
        # The module made no exception of a text that quotes bytes of the request; its code is lost.
        return ServingError(bytes(error.object).decode("utf-8", "backslashreplace"), Code.INVALID_ARGUMENT)
    code, message = getattr(error, "error_code", None), getattr(error, "message", None)
    if code is None or message is None:
        return error
    return ServingError(str(message), Code(code))


@contextmanager
def serving_errors() -> Iterator[None]:
    """Inside, an error of TensorFlow's becomes a ServingError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - only TensorFlow's become another
        raise as_serving_error(error) from None
