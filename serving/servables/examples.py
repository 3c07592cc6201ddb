"""The Input of a Classify request as serialized tf.Examples."""

from __future__ import annotations

from typing import Any


def serialized_examples(request_input: Any) -> list[bytes]:
    """One string per example; a context's bytes go before each, which merges it in."""
    if request_input.WhichOneof("kind") == "example_list_with_context":
        with_context = request_input.example_list_with_context
        context = with_context.context.SerializeToString()
        return [context + example.SerializeToString() for example in with_context.examples]
    return [example.SerializeToString() for example in request_input.example_list.examples]
