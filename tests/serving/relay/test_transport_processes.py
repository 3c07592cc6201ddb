"""A server whose ports are served by two transport processes: it answers as one process does, and none is left over."""

import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import time

import grpc
import psutil
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving.conformance.wire import Server, free_ports, predict_request, shown, tensor, wait

PREDICT = "/v1/models/half:predict"
FLAGS = ("--transport_processes=2", "--model_name=half", "--release_commit=abc")


@pytest.fixture(scope="session")
def base(half_plus_two, publish, tmp_path_factory):
    """The folder of `half`, version 123."""
    folder = tmp_path_factory.mktemp("relay") / "half"
    publish(half_plus_two, folder, 123)
    return folder


@pytest.fixture(scope="session")
def start(base, tmp_path_factory):
    """Starts `python -m serving` with two transport processes and further flags; all are ended at the end."""
    folder, started = tmp_path_factory.mktemp("servers"), []

    def run(*flags, **options):
        started.append(Server(folder / f"{len(started)}", *FLAGS, f"--model_base_path={base}", *flags, **options))
        return started[-1]

    yield run
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(start):
    """For the tests that only ask."""
    return start("--enable_grpc_healthcheck_service").ready()


@pytest.fixture
def own_server(start):
    """For a test that ends something."""
    server = start("--shutdown_grace_seconds=30").ready()
    # The ports are open before there is somebody to answer.
    wait(lambda: len(children(server)) == 2)
    return server


def children(server):
    """Its transport processes, by number."""
    return {child.pid: child for child in psutil.Process(server.process.pid).children()}


def connections(process, port):
    """Ports of the clients that a process is connected with."""
    return {
        each.raddr.port
        for each in process.net_connections("tcp")
        if each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
    }


def connect(server, child):
    """An HTTP connection that this child answers."""
    others = []
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
        assert 200 == status(connection)
        if connection.sock.getsockname()[1] in connections(child, server.rest_port):
            for other in others:
                other.close()
            return connection
        others.append(connection)


def status(connection):
    """Of an answer that is read to its end."""
    connection.request("POST", PREDICT, '{"instances": [1.0]}')
    response = connection.getresponse()
    response.read()
    return response.status


def in_flight(server):
    """Whether the main process is at work."""
    cpu = psutil.Process(server.process.pid).cpu_times
    before = cpu().user
    return lambda: cpu().user - before > 0.1


def slow_steps(server):
    """How many steps of the slow signature take about two seconds."""
    begin, steps = time.perf_counter(), 20_000
    answer = server.post(PREDICT, json.dumps({"signature_name": "slow", "inputs": steps}))
    assert 200 == answer.status, answer.body
    return int(steps * 2 / (time.perf_counter() - begin))


def test_predict_by_both(server):
    """With the headers that say what answered."""
    answer = server.post(PREDICT, '{"instances": [1.0, 2.0]}')
    reply = server.predict("half", {"x": tensor("float32", [1.0, 2.0])})
    metadata = {"shipway-model": "half", "shipway-model-version": "123", "shipway-release-commit": "abc"}

    assert (200, b'{\n    "predictions": [2.5, 3.0\n    ]\n}') == (answer.status, answer.body)
    assert metadata.items() <= answer.headers.items()
    assert ("OK", ("float32", [2], [2.5, 3.0])) == (reply.code, shown(reply.response.outputs["y"]))
    assert metadata.items() <= reply.trailing.items()


def test_status_and_health_by_both(server):
    """One manager says it, whichever process is asked."""
    assert {123: "AVAILABLE"} == server.states("half")
    assert {200} == {server.get(path).status for path in ("/v1/models/half", "/healthz", "/readyz") for _ in range(4)}


def test_errors_by_both(server):
    """Code and message."""
    answer = server.post("/v1/models/no:predict", '{"instances": [1.0]}')
    reply = server.predict("no", {"x": tensor("float32", [1.0])})

    assert (404, b"Servable not found for request: Latest(no)") == (answer.status, answer.body.split(b'"')[3])
    assert ("NOT_FOUND", "Servable not found for request: Latest(no)") == (reply.code, reply.message)
    assert 400 == server.post(PREDICT, "{").status
    with pytest.raises(grpc.RpcError) as caught:
        server.channel.unary_unary("/tensorflow.serving.PredictionService/No")(b"", timeout=60)
    assert grpc.StatusCode.UNIMPLEMENTED == caught.value.code()


def test_a_deadline_is_kept(server):
    """By the transport process itself."""
    steps = tensor("int32", 50 * slow_steps(server))
    request = predict_request("half", {"steps": steps}, signature_name="slow")

    assert "DEADLINE_EXCEEDED" == server.call("Predict", request, timeout_s=0.3).code
    assert "OK" == server.predict("half", {"x": tensor("float32", [1.0])}).code


def test_twenty_megabytes_both_ways(server):
    """By gRPC as bytes, by REST as JSON."""
    image = os.urandom(1 << 20) * 20
    reply = server.predict("half", {"image": tensor("string", [image])}, signature_name="text")
    text = "x" * (20 << 20)
    answer = server.post(PREDICT, json.dumps({"signature_name": "text", "inputs": {"image": [{"b64": text}]}}))

    assert [image] == list(reply.response.outputs["image_bytes"].string_val)
    assert 200 == answer.status
    assert text == json.loads(answer.body)["outputs"]["image_bytes"][0]["b64"]


def test_two_hundred_calls_at_once(server):
    """On fifty connections of each kind; both processes take their part."""
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        rest = [pool.submit(server.post, PREDICT, json.dumps({"instances": [i]})) for i in range(100)]
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.insecure_channel(server.target, options) for _ in range(50)]
        stubs = [prediction_service_pb2_grpc.PredictionServiceStub(channel) for channel in channels] * 2
        rpcs = [
            stub.Predict.future(predict_request("half", {"x": tensor("float32", [i])}), timeout=60)
            for i, stub in enumerate(stubs)
        ]
        values = [rpc.result().outputs["y"].float_val[0] for rpc in rpcs]
        held = [len(connections(child, server.grpc_port)) for child in children(server).values()]
        answers = [json.loads(each.result().body)["predictions"][0] for each in rest]
    for channel in channels:
        channel.close()

    assert [i / 2 + 2 for i in range(100)] == values == answers
    assert 2 == len(held)
    assert all(held)


def test_a_killed_process_is_replaced(own_server):
    """Its connections break, those of the other go on, and soon new ones are answered by a new one."""
    killed, kept = children(own_server).values()
    broken, good = connect(own_server, killed), connect(own_server, kept)
    broken.request("POST", PREDICT, json.dumps({"signature_name": "slow", "inputs": slow_steps(own_server)}))
    killed.kill()

    with pytest.raises((http.client.HTTPException, ConnectionError)):
        broken.getresponse()
    assert 200 == status(good)
    new = wait(lambda: [child for pid, child in children(own_server).items() if pid not in {killed.pid, kept.pid}])[0]
    connection = connect(own_server, new)
    assert 200 == status(connection)
    assert f"transport process {killed.pid} ended with -9, another starts in 0.1 s" in own_server.log()
    for each in (broken, good, connection):
        each.close()


def test_a_stop_finishes_what_is_in_flight(own_server):
    """By both transports, in both processes; then nobody is left."""
    processes = list(children(own_server).values())
    steps = slow_steps(own_server)
    slow = [connect(own_server, child) for child in processes]
    request = predict_request("half", {"steps": tensor("int32", steps)}, signature_name="slow")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(own_server.channel)
    assert "OK" == own_server.predict("half", {"x": tensor("float32", [1.0])}).code
    arrived = in_flight(own_server)
    rpc = stub.Predict.future(request, timeout=60)
    for connection in slow:
        connection.request("POST", PREDICT, json.dumps({"signature_name": "slow", "inputs": steps}))
    wait(arrived)
    # As a service manager does: to all of them.
    for process in (*processes, own_server.process):
        process.send_signal(signal.SIGTERM)

    assert [200, 200] == [connection.getresponse().status for connection in slow]
    assert [steps] == list(rpc.result().outputs["steps"].int_val)
    assert 0 == own_server.exit_code()
    assert [] == psutil.wait_procs(processes, timeout=2)[1]
    for connection in slow:
        connection.close()


def test_nobody_outlives_a_killed_server(own_server):
    """Not even after SIGKILL, with connections open."""
    processes = list(children(own_server).values())
    open_ones = [connect(own_server, child) for child in processes]
    own_server.process.kill()

    assert [] == psutil.wait_procs(processes, timeout=2)[1]
    assert not own_server.listens(own_server.rest_port)
    for connection in open_ones:
        connection.close()


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        ("grpc_port", "INVALID_ARGUMENT: Failed to BuildAndStart gRPC server"),
        ("rest_port", "UNAVAILABLE: Failed to start HTTP Server at localhost:{}"),
    ],
)
def test_a_port_of_another_such_server_is_taken(server, start, taken, message):
    """Though it may be shared, and in the words of a server that is one process."""
    port, free = getattr(server, taken), free_ports(1)[0]
    flags = (f"--port={port}", f"--rest_api_port={free}") if taken == "grpc_port" else (f"--port={free}",)
    flags += () if taken == "grpc_port" else (f"--rest_api_port={port}",)
    other = start(*flags, ports=False)

    assert 255 == other.exit_code()
    assert f"Failed to start server. Error: {message.format(port)}\n" in other.output()


def test_a_unix_socket(start, tmp_path):
    """All processes listen on it, and keep to their arguments; it is gone afterwards."""
    path = tmp_path / "grpc.sock"
    server = start(f"--grpc_socket_path={path}", "--grpc_channel_arguments=grpc.max_receive_message_length=500").ready()
    server.target = f"unix:{path}"

    assert "OK" == server.predict("half", {"x": tensor("float32", [1.0])}).code
    assert "RESOURCE_EXHAUSTED" == server.predict("half", {"x": tensor("float32", [1.0] * 1000)}).code
    server.process.terminate()
    assert 0 == server.exit_code()
    assert not path.exists()


def test_tls(start, tmp_path):
    """Of gRPC, in every process; the keys are on no command line."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    key, cert = (tmp_path / "key.pem").read_text(), (tmp_path / "cert.pem").read_text()
    config = tmp_path / "ssl.config"
    config.write_text(f"server_key: {json.dumps(key)} server_cert: {json.dumps(cert)}")
    server = start(f"--ssl_config_file={config}").ready()
    for _ in range(6):
        options = [("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(cert.encode())
        with grpc.secure_channel(f"localhost:{server.grpc_port}", credentials, options) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            answer = stub.Predict(predict_request("half", {"x": tensor("float32", [1.0])}), timeout=60)
            assert [2.5] == list(answer.outputs["y"].float_val)

    assert not [child for child in children(server).values() if "PRIVATE" in " ".join(child.cmdline())]


def test_a_transport_process_is_small(server):
    """It has no model and imports neither TensorFlow nor NumPy."""
    for child in children(server).values():
        assert child.memory_info().rss < 300 << 20
        assert not [each.path for each in child.memory_maps() if "tensorflow" in each.path or "numpy" in each.path]
