"""Ray Serve with one replica, its HTTP and its gRPC proxy, which speaks TensorFlow Serving's service; no request logs.

Source: Ray 2.x's documentation, "Set Up a gRPC Service", "Dynamic Request Batching", "Performance tuning".
"""

import signal
import threading

import ray
from ray import serve
from ray.serve.config import HTTPOptions, gRPCOptions
from ray.serve.schema import LoggingConfig
from saved_model import INPUT, OUTPUT, arguments, load

options = arguments()
ADD = "tensorflow_serving.apis.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server"


@serve.deployment(num_replicas=1, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
class SavedModels:
    """Ray's form of models: `POST /mlp` by REST, Predict by gRPC."""

    def __init__(self, models, names):
        self._calls = {name: load(models / name) for name in names}

    async def __call__(self, request):
        """Rows to rows."""
        import numpy as np

        x = np.asarray((await request.json())[INPUT], np.float32)
        return {OUTPUT: self._calls[request.url.path.strip("/")](x).tolist()}

    async def Predict(self, request):  # noqa: N802 - the RPC's name
        """A PredictRequest to a PredictResponse."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        y = self._calls[request.model_spec.name](tf.make_ndarray(request.inputs[INPUT]))
        response = predict_pb2.PredictResponse()
        response.outputs[OUTPUT].CopyFrom(tf.make_tensor_proto(y))
        return response


ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=1 << 28)
serve.start(
    http_options=HTTPOptions(host="127.0.0.1", port=options.rest_port),
    grpc_options=gRPCOptions(port=options.grpc_port, grpc_servicer_functions=[ADD]),
    logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
)
serve.run(SavedModels.bind(options.models, options.names), route_prefix="/")
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
stopped.wait()
serve.shutdown()
ray.shutdown()
