"""A predict body to tensors: what it says of the signature first, its tensors once the signature is known.

Source: TF Serving util/json_tensor.cc, model_servers/http_rest_api_handler.cc at 2.20.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.rest import simd_reader
from serving.rest.exact_body import MEMORY_FACTOR, exact_body

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[Any]


class PredictBody:
    """One parsed body.

    Attributes:
      signature_name: What the body names; empty if it names none.
      row_form: Whether the answer is in row form; known once `inputs` was called, or `quick_inputs` gave some.
      size: How many bytes of memory it takes.
    """

    def __init__(self, body: bytes, timeout_s: float | None = None) -> None:
        """Parses; see exact_body. Raises InvalidArgument in upstream's words; DeadlineExceeded."""
        self._body = body
        self._timeout_s = timeout_s
        self._fast = simd_reader.read_body(body)
        self._exact = None if self._fast else exact_body(body, timeout_s)
        self.signature_name = (self._fast or self._exact).signature_name  # type: ignore[union-attr]
        self.row_form = bool(self._fast and self._fast.row_form)
        self._read: tuple[Mapping[str, str], dict[str, Array]] | None = None
        self.size = len(body) if self._fast else MEMORY_FACTOR * len(body)

    def quick_inputs(self, dtypes: Mapping[str, str]) -> dict[str, Array] | None:
        """As `inputs`, where simdjson reads them; None: ask that, which says what is wrong, if anything is."""
        fast, self._fast = self._fast, None
        tensors = fast.inputs(dtypes) if fast is not None else None
        if tensors is not None:
            self._read = dtypes, tensors
        return tensors

    def inputs(self, dtypes: Mapping[str, str]) -> dict[str, Array]:
        """The tensor of each alias, given TensorFlow's name of each input's dtype. Raises as inputs_from_json."""
        if not dtypes:
            raise InvalidArgument(f"Failed to get input map for signature: {self.signature_name or 'DEFAULT'}")
        self.quick_inputs(dtypes)
        if self._read is not None and self._read[0] == dtypes:
            return self._read[1]
        exact, self._exact = self._exact or exact_body(self._body, self._timeout_s), None
        self.row_form, tensors = exact.inputs(dtypes)
        return tensors
