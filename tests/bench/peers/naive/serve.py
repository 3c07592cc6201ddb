"""The server that one writes in an afternoon: grpc.aio and FastAPI, generated protobufs, `signature(**inputs)`."""

import asyncio

import grpc
import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI
from saved_model import INPUT, OUTPUT, arguments, load
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

options = arguments()
calls = {name: load(options.models / name) for name in options.names}
app = FastAPI()


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """TensorFlow Serving's Predict."""

    async def Predict(self, request, context):  # noqa: ARG002, N802 - gRPC's signature
        """A PredictRequest to a PredictResponse."""
        y = calls[request.model_spec.name](tf.make_ndarray(request.inputs[INPUT]))
        response = predict_pb2.PredictResponse()
        response.outputs[OUTPUT].CopyFrom(tf.make_tensor_proto(y))
        return response


@app.post("/v1/models/{name}:predict")
async def predict(name: str, body: dict):
    """The row form."""
    x = np.asarray(body["instances"], np.float32)
    return {"predictions": calls[name](x).tolist()}


async def main():
    """Serves both until SIGTERM."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(), server)
    server.add_insecure_port(f"127.0.0.1:{options.grpc_port}")
    await server.start()
    await uvicorn.Server(uvicorn.Config(app, port=options.rest_port, access_log=False, log_level="warning")).serve()
    await server.stop(None)


asyncio.run(main())
