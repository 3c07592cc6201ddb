"""A client within the cluster: asks a model server by REST and gRPC and prints a line of JSON for each answer.

Run in a pod of the training image, which has all that it imports: `python - MODEL HOST SECONDS PER_SECOND` for
requests at a steady rate over one kept connection of each kind, with SECONDS=0 once with each row of a fixed sample.
"""

import json
import sys
import threading
import time

import grpc
import httpx
import numpy as np
from tensorflow_serving.apis import prediction_service_pb2_grpc

from training import requests
from training.model import find

TIMEOUT_S = 5.0
ROWS = 8


def sample(model):
    """<float32>[8, ...] by feature, the same every time."""
    numbers = np.random.default_rng(0)
    return {f.name: numbers.uniform(0, 1, (ROWS, *f.shape)).astype(np.float32) for f in find(model).config.features}


def say(api, started, *, version="", error="", **more):
    """One line: when, how long, from which version, or what went wrong."""
    line = {"at": started, "ms": (time.time() - started) * 1e3, "api": api, "version": version, "error": error, **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def by_rest(model, host, features, client):
    """One request, columns in and out."""
    started = time.time()
    try:
        answer = client.post(f"http://{host}:8501/v1/models/{model}:predict", json=requests.columnar_body(features))
        answer.raise_for_status()
        say("rest", started, version=answer.headers.get("shipway-model-version", ""), outputs=answer.json()["outputs"])
    except (httpx.HTTPError, ValueError) as error:
        say("rest", started, error=repr(error))


def by_grpc(model, features, stub):
    """One request."""
    import tensorflow as tf

    started = time.time()
    try:
        answer = stub.Predict(requests.predict(model, features), timeout=TIMEOUT_S)
        outputs = {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
        texts = {n: (v.astype(str) if v.dtype == object else v).tolist() for n, v in outputs.items()}
        say("grpc", started, version=str(answer.model_spec.version.value), outputs=texts)
    except grpc.RpcError as error:
        say("grpc", started, error=f"{error.code().name}: {error.details()}")


def steadily(ask, seconds, rate):
    """Asks at a rate, whatever an answer takes."""
    begun = time.monotonic()
    for number in range(int(seconds * rate)):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        ask()


def main(model, host, seconds, rate):
    """Both kinds at once, each on a thread of its own."""
    features = sample(model)
    one = features if not seconds else {name: values[:1] for name, values in features.items()}
    channel = grpc.insecure_channel(f"{host}:8500")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        asks = [lambda: by_rest(model, host, one, client), lambda: by_grpc(model, one, stub)]
        if not seconds:
            for ask in asks:
                ask()
            return
        threads = [threading.Thread(target=steadily, args=(ask, seconds, rate)) for ask in asks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
