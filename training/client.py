"""Questions to a model server over REST and gRPC, with the answers as arrays. Not here: the requests (requests.py)."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import grpc
import httpx
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from training import requests
from training.errors import CheckError
from training.examples import Array

TIMEOUT_S = 30.0
Answer = dict[str, Array]


class Client:
    """One connection of each kind, kept open as a real caller would.

    rest: The server's address, http://host:port; grpc_address: host:port.
    version: The one to ask; None for the server's choice, its newest.
    """

    def __init__(self, model: str, *, rest: str, grpc_address: str, version: int | str | None = None) -> None:
        self._model, self._version = model, version
        self._url = f"{rest}/v1/models/{model}{'' if version is None else f'/versions/{version}'}:predict"
        self._http = httpx.Client(timeout=TIMEOUT_S)
        self._channel = grpc.insecure_channel(grpc_address)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __enter__(self) -> "Client":  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Nothing is sent yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Closes both connections."""
        self._http.close()
        self._channel.close()

    def rest_rows(self, features: Mapping[str, Array]) -> Answer:
        """Asks in the row form; both outputs by name, scores: <float64>[batch, labels]."""
        rows = self._post(requests.row_body(features), "predictions")
        try:
            return {name: np.array([row[name] for row in rows]) for name in rows[0]}
        except (LookupError, TypeError, ValueError) as error:
            raise CheckError(f"the model server's row answer is malformed: {error!r}") from None

    def rest_columns(self, features: Mapping[str, Array]) -> Answer:
        """Asks in the columnar form."""
        columns = self._post(requests.columnar_body(features), "outputs")
        try:
            return {name: np.array(values) for name, values in columns.items()}
        except (AttributeError, ValueError) as error:
            raise CheckError(f"the model server's columnar answer is malformed: {error!r}") from None

    def grpc(self, features: Mapping[str, Array]) -> Answer:
        """Asks by gRPC; scores: <float32>[batch, labels]."""
        request = requests.predict(self._model, features)
        if self._version is not None:
            request.model_spec.version.value = int(self._version)
        try:
            answer = self._stub.Predict(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise CheckError(
                f"the model server refused a gRPC predict: {error.code().name}: {error.details()}"
            ) from None
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
        return {name: values.astype(str) if values.dtype == object else values for name, values in arrays.items()}

    def _post(self, body: dict[str, Any], key: str) -> Any:
        try:
            response = self._http.post(self._url, json=body)
        except httpx.TransportError as error:
            raise CheckError(f"the model server did not answer a REST predict: {error!r}") from None
        if response.status_code != httpx.codes.OK:
            raise CheckError(f"the model server refused a REST predict: {response.status_code} {response.text[:200]}")
        try:
            return response.json()[key]
        except (ValueError, LookupError, TypeError):
            raise CheckError(f"a REST predict was answered without {key}. Received: {response.text[:200]}") from None
