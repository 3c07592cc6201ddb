"""A predict body to tensors: what it says of the signature first, its tensors once the signature is known.

Source: TF Serving util/json_tensor.cc, model_servers/http_rest_api_handler.cc at 2.20.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.rest import simd_reader
from serving.rest.json_document import parse_object, signature_name
from serving.rest.json_tensor import inputs_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[Any]


class PredictBody:
    """One parsed body.

    Attributes:
      signature_name: What the body names; empty if it names none.
      row_form: Whether the answer is in row form; known once `inputs` was called.
    """

    def __init__(self, body: bytes) -> None:
        """Parses. Raises InvalidArgument in upstream's words."""
        self._body = body
        self._fast = simd_reader.read_body(body)
        self._document = None if self._fast else parse_object(body)
        self.signature_name = self._fast.signature_name if self._fast else signature_name(self._document or {})
        self.row_form = False

    def inputs(self, dtypes: Mapping[str, str]) -> dict[str, Array]:
        """The tensor of each alias, given TensorFlow's name of each input's dtype. Raises as inputs_from_json."""
        if not dtypes:
            raise InvalidArgument(f"Failed to get input map for signature: {self.signature_name or 'DEFAULT'}")
        fast, self._fast = self._fast, None
        if fast is not None:
            self.row_form = fast.row_form
            if (tensors := fast.inputs(dtypes)) is not None:
                return tensors
        document = parse_object(self._body) if self._document is None else self._document
        self.row_form, tensors = inputs_from_json(document, dtypes)
        return tensors
