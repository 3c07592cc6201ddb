"""Models that wait for ever, never end, raise, or take much memory: they hurt no other model, and no stop."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import httpx
import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.config.model_config import ModelConfig
from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState
from serving.errors import ServingError
from serving.plane import model_threads
from serving.servables.saved_model import load_saved_model
from tests.bench.load.open_loop import Asked, OpenLoad
from tests.bench.switches import Run, asking
from tests.bench.targets import PREDICT
from tests.bench.wire import predict_request

AT_ONCE, RATE, DEADLINE_S, WAIT_S = 32, 100, 1.0, 60
# Clients, server and endless loops share the processors of one machine: how much later than in time an answer may come.
PATIENCE_S = 60
X = np.array([2.0], np.float32)
BATCHING = "max_batch_size { value: 8 } batch_timeout_micros { value: 1000 } num_batch_threads { value: 2 }"
SPEC = tf.TensorSpec([None], tf.float32, name="x")


def waits(x):
    """For what never comes."""
    queue = tf.raw_ops.FIFOQueueV2(component_types=[tf.float32], shared_name="never")
    return x + tf.raw_ops.QueueDequeueV2(handle=queue, component_types=[tf.float32])[0]


def never_ends(x):
    """Counts."""
    return tf.while_loop(lambda _: True, lambda y: (y + 1,), [x], shape_invariants=[tf.TensorShape([None])])[0]


def raises(x):
    """On every request."""
    with tf.control_dependencies([tf.debugging.assert_less(x, -1e9)]):
        return tf.identity(x)


def is_hungry(x):
    """Takes 64 MiB each time."""
    return x + tf.reduce_sum(tf.random.uniform([16, 1024, 1024]))


BAD = {function.__name__: function for function in (waits, never_ends, raises, is_hungry)}
CODES = {
    "waits": {grpc.StatusCode.DEADLINE_EXCEEDED},
    "never_ends": {grpc.StatusCode.DEADLINE_EXCEEDED},
    "raises": {grpc.StatusCode.INVALID_ARGUMENT},
    "is_hungry": {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED},
}
STATUSES = {"waits": {504}, "never_ends": {504}, "raises": {400}, "is_hungry": {200, 504}}
# What a full queue of batches says, and a batch that waited too long in it, as upstream's.
FULL = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, 503, 429}


def save(function, path):
    """As a SavedModel."""
    module = tf.Module()
    module.answer = tf.function(lambda x: {"y": function(x)}, input_signature=[SPEC])
    tf.saved_model.save(module, str(path), signatures=module.answer)


@pytest.fixture(scope="module")
def bad_models(tmp_path_factory):
    """Base paths by name, each with version 1."""
    folder = tmp_path_factory.mktemp("bad")
    for name, function in BAD.items():
        save(function, folder / name / "1")
    return folder


@pytest.fixture(params=[False, True], ids=["alone", "batching"])
def served(request, bad_models, half_plus_two, *, publish, start_server, tmp_path):
    """All of them and a good one on one server."""
    publish(half_plus_two, tmp_path / "half", 1)
    (tmp_path / "batching.txt").write_text(BATCHING)
    models = [ModelConfig(name, str(bad_models / name)) for name in BAD]
    clients = start_server(
        models=(ModelConfig("half", str(tmp_path / "half")), *models),
        rest_api_timeout_ms=int(1000 * DEADLINE_S),
        shutdown_grace_s=1,
        enable_batching=request.param,
        batching_parameters_file=str(tmp_path / "batching.txt") if request.param else "",
    )
    yield clients
    clients.close()


def predict(clients, model, timeout_s=None):
    """A call on its way."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(X))
    return prediction_service_pb2_grpc.PredictionServiceStub(clients.channel).Predict.future(request, timeout_s)


@contextmanager
def asking_half(clients, folder, wait_until):
    """Asks the good model by both transports meanwhile."""
    (folder / "grpc").write_bytes(predict_request("half", X))
    (folder / "rest").write_text('{"instances": [2.0]}')
    options, run = clients.server.options, Run()
    targets = [
        Asked(options.grpc_port, "grpc", PREDICT, str(folder / "grpc")),
        Asked(options.rest_api_port, "rest", "/v1/models/half:predict", str(folder / "rest")),
    ]
    with asking(OpenLoad(targets, [[3.0]], RATE, str(folder / "records.npy")), run):
        wait_until(lambda: connections(options.grpc_port, options.rest_api_port))
        time.sleep(0.5)  # some requests without the others
        yield run
        time.sleep(0.2)


def connections(*ports):
    """How many clients are connected to this process by these ports."""
    found = psutil.Process().net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port in ports for each in found)


def hammered(clients, model, rounds=2):
    """The codes and statuses of many requests at once, and the longest time that any took."""
    longest = []

    def by_rest(_):
        started = time.monotonic()
        url, body = f"/v1/models/{model}:predict", b'{"instances": [2.0]}'
        status = clients.rest.post(url, content=body, timeout=DEADLINE_S + PATIENCE_S).status_code
        longest.append(time.monotonic() - started)
        return status

    def by_grpc(_):
        started = time.monotonic()
        code = predict(clients, model, DEADLINE_S).code()
        longest.append(time.monotonic() - started)
        return code

    with ThreadPoolExecutor(2 * AT_ONCE) as executor:
        codes, statuses = executor.map(by_grpc, range(rounds * AT_ONCE)), executor.map(by_rest, range(rounds * AT_ONCE))
        return set(codes), set(statuses), max(longest, default=0)


@pytest.mark.parametrize(
    "model",
    [
        "waits",
        "raises",
        "is_hungry",
        "never_ends",
    ],
)
def test_a_bad_model_hurts_no_other(served, model, tmp_path, wait_until):
    """Its requests end as they must and in time; all of the other's are answered, and soon."""
    with asking_half(served, tmp_path, wait_until) as run:
        codes, statuses, longest = hammered(served, model)

    latency_ms = (run.records[:, 1] - run.records[:, 0]) / 1e6
    full = FULL if served.server.options.enable_batching else set()
    assert {} == run.failures
    assert codes <= CODES[model] | full
    assert statuses <= STATUSES[model] | full
    assert longest < DEADLINE_S + PATIENCE_S
    # Of answers that take 2 ms without the others; 0.9 s was measured with five times as much work as processors.
    assert np.percentile(latency_ms, 50) < 3000


def test_an_endless_loop_ends_with_its_time(bad_models):
    """And gives the processor back."""
    bundle = load_saved_model(str(bad_models / "never_ends" / "1"))
    (x,), (y,) = ([info.tensor for info in infos.values()] for infos in sides(bundle))

    with pytest.raises(ServingError, match=r"^Timed out waiting for notification$"):
        bundle.session.run({x: X}, [y], 0.1)
    bundle.close()


def sides(bundle):
    """Inputs and outputs of its one signature."""
    signature = bundle.signatures["serving_default"]
    return signature.inputs, signature.outputs


def threads_of(model):
    """How many threads run requests of a model."""
    return sum(thread.name == f"requests of {model}" for thread in threading.enumerate())


def test_what_blocks_is_refused_when_too_much_waits_and_unloads_without_the_others(
    bad_models, half_plus_two, half_plus_three, *, publish, start_server, tmp_path, monkeypatch, wait_until
):
    """Its threads and its queue are its own: other models switch meanwhile, and its threads end with its requests."""
    monkeypatch.setattr(model_threads, "MAX_QUEUED", 10)
    publish(half_plus_two, tmp_path / "half", 1)
    publish(bad_models / "waits" / "1", tmp_path / "blocked", 1)
    models = (ModelConfig("half", str(tmp_path / "half")), ModelConfig("blocked", str(tmp_path / "blocked")))
    clients = start_server(models=models, grpc_max_threads=2, rest_api_num_threads=2, shutdown_grace_s=1)
    monitor = clients.server.monitor

    waiting = [predict(clients, "blocked", 8) for _ in range(2)]
    wait_until(lambda: threads_of("blocked") == 2)
    calls = [predict(clients, "blocked", 5) for _ in range(30)]
    started = time.monotonic()
    refused = [call for call in calls if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED]

    assert 20 == len(refused)
    assert "Too many requests wait for model blocked: 10 requests" in refused[0].details()
    shutil.rmtree(tmp_path / "blocked" / "1")
    assert monitor.wait_until(ServableId("blocked", 1), ManagerState.UNLOADING, WAIT_S)
    publish(half_plus_three, tmp_path / "half", 2)
    assert monitor.wait_until(ServableId("half", 1), ManagerState.END, WAIT_S)
    assert ManagerState.UNLOADING is monitor.state(ServableId("blocked", 1)).state
    assert [4] == tf.make_ndarray(predict(clients, "half").result().outputs["y"]).tolist()

    assert {grpc.StatusCode.DEADLINE_EXCEEDED} == {call.code() for call in [*waiting, *set(calls) - set(refused)]}
    assert monitor.wait_until(ServableId("blocked", 1), ManagerState.END, WAIT_S)
    wait_until(lambda: not threads_of("blocked"))
    assert time.monotonic() - started < WAIT_S
    clients.close()


@pytest.mark.parametrize(
    ("model", "flags", "timeout_s", "code"),
    [
        ("waits", [], None, grpc.StatusCode.UNAVAILABLE),
        ("never_ends", [], None, grpc.StatusCode.UNAVAILABLE),
        ("never_ends", ["--enable_batching"], 0.5, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_signal_ends_a_server_whose_requests_never_do(
    model, flags, timeout_s, code, *, bad_models, run_process, free_port, wait_until
):
    """Within the grace time and a little, whether the requests have no deadline of their own or had one."""
    port, rest = free_port(), free_port()
    process = run_process(
        f"--port={port}",
        f"--rest_api_port={rest}",
        f"--model_name={model}",
        f"--model_base_path={bad_models / model}",
        "--shutdown_grace_seconds=1",
        *flags,
    )
    wait_until(lambda: is_ready(process, rest))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(X))
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        calls = [stub.Predict.future(request, timeout_s) for _ in range(3)]
        wait_until(lambda: all(call.done() for call in calls) if timeout_s else requests_in_flight(process) >= 1)
        process.terminate()

        assert 0 == process.wait(20)
        assert {code} == {call.code() for call in calls}


def is_ready(process, port):
    """Whether every version is there."""
    assert process.poll() is None, process.communicate()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30).status_code == 200
    except httpx.ConnectError:
        return False


def requests_in_flight(process):
    """By the client's connection: what has been taken in is read."""
    return sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process(process.pid).net_connections("tcp"))
