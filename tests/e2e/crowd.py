"""Many clients within the cluster, which ask at the times they mean to, whatever the answers take.

Run in a pod of the training image: `python - MODEL HOST ROWS SECONDS:RATE[,SECONDS:RATE...]`. Each rate is in requests
a second, half by REST and half by gRPC, with one client for every CLIENT_RATE of it; a line of JSON for each request.
The first rate ends early when the file NEXT is there.
A client keeps its connections for LIFE_S: a Service spreads connections, so kept for ever they would never reach a
server that came later. Nobody asks twice for the same.
"""

import json
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import numpy as np
from tensorflow_serving.apis import prediction_service_pb2_grpc

from training import requests
from training.model import find

TIMEOUT_S = 5.0
LIFE_S = 10.0
CLIENT_RATE = 4.0
AT_ONCE = 500
NEXT = Path("/tmp/next")  # noqa: S108 - in the pod
TLS = ssl.create_default_context()  # unused, and slow to make for each client
OWN = [("grpc.use_local_subchannel_pool", 1)]  # else all channels of a process share one connection


class Client:
    """One connection of each kind, opened when first used; `life` in seconds from now."""

    def __init__(self, host, life):
        self.end = time.monotonic() + life
        self.http = httpx.Client(base_url=f"http://{host}:8501", timeout=TIMEOUT_S, verify=TLS, trust_env=False)
        self.channel = grpc.insecure_channel(f"{host}:8500", options=OWN)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def close(self):
        """Ends both."""
        self.http.close()
        self.channel.close()


class Crowd:
    """So many clients, each replaced by a new one when its life is over."""

    def __init__(self, host):
        self.host = host
        self.clients = []
        self.old = []

    def client(self, number):
        """The client of a number; called by one thread only."""
        while number >= len(self.clients):
            self.clients.append(Client(self.host, LIFE_S * (1 + len(self.clients) % 8) / 8))
        if self.clients[number].end < time.monotonic():
            self.old.append(self.clients[number])
            self.clients[number] = Client(self.host, LIFE_S)
        self._close()
        return self.clients[number]

    def _close(self):
        if self.old and self.old[0].end + TIMEOUT_S + 1 < time.monotonic():
            threading.Thread(target=self.old.pop(0).close).start()


class Question:
    """The one request that all ask, made once."""

    def __init__(self, model, rows):
        numbers = np.random.default_rng(0)
        shapes = {feature.name: (rows, *feature.shape) for feature in find(model).config.features}
        features = {name: numbers.uniform(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        self.path = f"/v1/models/{model}:predict"
        self.body = json.dumps(requests.columnar_body(features)).encode()
        self.message = requests.predict(model, features)

    def rest(self, client):
        """The version that answered. Raises: httpx.HTTPError."""
        answer = client.http.post(self.path, content=self.body, headers={"content-type": "application/json"})
        answer.raise_for_status()
        return answer.headers.get("shipway-model-version", "")

    def grpc(self, client):
        """The version that answered. Raises: grpc.RpcError."""
        return str(client.stub.Predict(self.message, timeout=TIMEOUT_S).model_spec.version.value)


def wrong(error):
    """What went wrong, in one line."""
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else repr(error)


def ask(api, question, client, meant, phase):
    """One request; its time counts from when it was meant to be asked, so that waiting in line is not forgotten.

    An answer after TIMEOUT_S is none: httpx bounds the parts of a request, not the whole.
    """
    version = error = ""
    try:
        version = getattr(question, api)(client)
    except (httpx.HTTPError, grpc.RpcError) as raised:
        error = wrong(raised)
    took_s = time.time() - meant
    if took_s > TIMEOUT_S:
        error = error or "answered too late"
    line = {"at": meant, "ms": took_s * 1e3, "api": api, "version": version, "error": error}
    sys.stdout.write(json.dumps(line | {"phase": phase}) + "\n")
    sys.stdout.flush()


def main(model, host, rows, phases):
    """Every phase after the other."""
    question, crowd = Question(model, rows), Crowd(host)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for phase, (seconds, rate) in enumerate(phases):
            clients = max(1, round(rate / CLIENT_RATE))
            for number, meant in enumerate(times(seconds, rate, until_told=phase == 0)):
                api = ("rest", "grpc")[number % 2]
                pool.submit(ask, api, question, crowd.client(number // 2 % clients), meant, phase)


def times(seconds, rate, *, until_told):
    """The times at which to ask, in seconds since 1970, each when it has come."""
    begun = time.time()
    for number in range(int(seconds * rate)):
        meant = begun + number / rate
        time.sleep(max(0.0, meant - time.time()))
        if until_told and NEXT.exists():
            return
        yield meant


if __name__ == "__main__":
    steps = [tuple(float(number) for number in step.split(":")) for step in sys.argv[4].split(",")]
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), steps)
