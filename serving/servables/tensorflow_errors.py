"""TensorFlow's errors as ServingErrors, with its code and without its stack of Python frames."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from serving.errors import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_serving_errors() -> Iterator[None]:
    """Inside, a tf.errors.OpError becomes a ServingError of the same code."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise ServingError(str(error.message), Code(error.error_code)) from None
