"""KServe's model server, one process: predict runs on its event loop. Logs of requests are off
(also by the flag --configure_logging=false, which KServe reads from the command line).

Source: KServe 0.21's documentation, "Custom predictor".
"""

import logging

from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid
from saved_model import OUTPUT, arguments, load

options = arguments()


class SavedModel(Model):
    """KServe's form of a model."""

    def __init__(self, name):
        super().__init__(name)
        self._call = load(options.models / name)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 - KServe's signature
        """An InferRequest to an InferResponse."""
        y = self._call(payload.inputs[0].as_numpy())
        output = InferOutput(name=OUTPUT, shape=list(y.shape), datatype="FP32")
        output.set_data_from_numpy(y, binary_data=payload.from_grpc)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=[output],
            use_binary_outputs=payload.from_grpc,
        )


logging.getLogger("uvicorn.access").disabled = True
server = ModelServer(
    http_port=options.rest_port,
    grpc_port=options.grpc_port,
    workers=1,
    enable_latency_logging=False,
)
server.start([SavedModel(name) for name in options.names])
