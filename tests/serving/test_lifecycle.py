"""Versions that appear, vanish, are damaged or altered, while the server answers."""

import json
import shutil
import threading

import httpx
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from serving.config.model_config import ModelConfig
from serving.core.loader_harness import RetryOptions
from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState
from serving.errors import ServingError
from serving.sources.version_policy import All, Specific

NO_RETRY = RetryOptions(max_num_load_retries=0)
WAIT_S = 60
AVAILABLE, END = ManagerState.AVAILABLE, ManagerState.END


def ask(clients, version=None):
    """What x = 2 gives: 3 by half_plus_two, 4 by half_plus_three."""
    path = f"/v1/models/half{f'/versions/{version}' if version else ''}:predict"
    answer = clients.rest.post(path, json={"instances": [2.0]})
    return answer.json()["predictions"][0] if answer.status_code == 200 else answer.json()["error"]


def reaches(clients, version, state):
    """Waits for a state; gives its error's text."""
    assert clients.server.monitor.wait_until(ServableId("half", version), state, WAIT_S)
    error = clients.server.monitor.state(ServableId("half", version)).error
    return error.status() if error else None


@pytest.fixture
def served(half_plus_two, publish, tmp_path, start_server):
    """A server of half_plus_two as version 1, and its base path."""
    publish(half_plus_two, tmp_path, 1)
    clients = start_server(tmp_path, retries=NO_RETRY)
    yield clients, tmp_path
    clients.close()


def test_a_new_version_replaces_the_old_one_and_the_old_one_comes_back(served, half_plus_three, publish):
    """Latest by default; removing it brings back what is left."""
    clients, base = served

    assert 3 == ask(clients)

    publish(half_plus_three, base, 2)
    reaches(clients, 1, END)

    assert 4 == ask(clients) == ask(clients, 2)
    assert "Servable not found for request: Specific(half, 1)" == ask(clients, 1)

    shutil.rmtree(base / "2")
    reaches(clients, 2, END)

    assert 3 == ask(clients)


def corrupt_pb(version):
    """No protobuf."""
    (version / "saved_model.pb").write_bytes(b"\xff\xff")


def remove_pb(version):
    """The file is not there."""
    (version / "saved_model.pb").unlink()


def remove_variables(version):
    """The graph is there, its variables are not."""
    shutil.rmtree(version / "variables")


def session_bundle(version):
    """A format that is long gone."""
    (version / "export.meta").write_bytes(b"")


def wrong_tags(version):
    """No meta graph for serving."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    (version / "saved_model.pb").write_bytes(saved.SerializeToString())


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (corrupt_pb, "DATA_LOSS: Can't parse "),
        (
            remove_pb,
            "NOT_FOUND: Specified file path does not appear to contain a SavedModel bundle (should have a file",
        ),
        (remove_variables, "NOT_FOUND: Unsuccessful TensorSliceReader constructor: Failed to find any matching files"),
        (session_bundle, "UNIMPLEMENTED: Session Bundle is deprecated and removed."),
        (wrong_tags, "NOT_FOUND: Could not find meta graph def matching supplied tags: { serve }. To inspect"),
    ],
)
def test_a_damaged_version_never_replaces_a_good_one(served, half_plus_three, publish, damage, expected):
    """The old one answers on, the status says why, a later good version is taken."""
    clients, base = served
    version = publish(half_plus_three, base / "aside", 2)
    damage(version)
    version.rename(base / "2")

    assert reaches(clients, 2, END).startswith(expected)
    assert 3 == ask(clients)
    assert "END" in clients.rest.get("/v1/models/half/versions/2").text

    publish(half_plus_three, base, 3)
    reaches(clients, 3, AVAILABLE)

    assert 4 == ask(clients)


def alter(version):
    """Changes one byte."""
    file = next((version / "variables").glob("*.data*"))
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(bytes(content))


def add(version):
    """A file that is not listed."""
    (version / "assets" / "more.txt").write_text("x")


def miss(version):
    """A listed file less."""
    (version / "fingerprint.pb").unlink()


def no_json(version):
    """A manifest cut off."""
    (version / "assets.extra" / "manifest.json").write_text("{")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (alter, "does not match its manifest: variables/variables.data-00000-of-00001 was altered, expected sha256:"),
        (add, "does not match its manifest: it has, unlisted, assets/more.txt"),
        (miss, "does not match its manifest: it misses fingerprint.pb"),
        (no_json, "has a manifest that cannot be read: JSONDecodeError"),
    ],
)
def test_a_version_that_does_not_match_its_manifest_is_refused(
    served, half_plus_three, publish, write_manifest, *, change, expected
):
    """One changed byte is enough; the old version keeps serving."""
    clients, base = served
    version = publish(half_plus_three, base / "aside", 2)
    write_manifest(version)
    change(version)
    version.rename(base / "2")

    assert expected in reaches(clients, 2, END)
    assert 3 == ask(clients)


def test_a_version_that_matches_its_manifest_is_served(served, half_plus_three, publish, write_manifest):
    """With every file as listed."""
    clients, base = served
    version = publish(half_plus_three, base / "aside", 2)
    write_manifest(version)
    version.rename(base / "2")
    reaches(clients, 2, AVAILABLE)

    assert 4 == ask(clients)


def test_a_failing_load_is_retried(served, half_plus_three, publish, start_server, tmp_path):
    """A file that comes late is found by a later try."""
    base = tmp_path / "late"
    version = publish(half_plus_three, base, 1)
    (version / "saved_model.pb").rename(tmp_path / "kept")
    clients = start_server(base, retries=RetryOptions(1000, 0.05), wait_for_models=False)
    reaches(clients, 1, ManagerState.LOADING)
    (tmp_path / "kept").rename(version / "saved_model.pb")

    assert reaches(clients, 1, AVAILABLE) is None
    assert 4 == ask(clients)


def test_a_base_path_that_vanishes_changes_nothing(served):
    """Nothing can be said about versions then; an empty one unloads all."""
    clients, base = served
    base.rename(base.with_suffix(".away"))
    threading.Event().wait(0.2)  # a few polls; there is no event for "nothing happened"

    assert 3 == ask(clients)

    (base.with_suffix(".away") / "1").rename(base.with_suffix(".one"))
    base.with_suffix(".away").rename(base)
    reaches(clients, 1, END)

    assert "Servable not found for request: Latest(half)" == ask(clients)


def test_several_models_and_policies(half_plus_two, half_plus_three, publish, start_server, tmp_path):
    """All versions of one, a specific one of another."""
    for name in ("a", "b"):
        publish(half_plus_two, tmp_path / name, 1)
        publish(half_plus_three, tmp_path / name, 2)
    models = (
        ModelConfig("a", str(tmp_path / "a"), All()),
        ModelConfig("b", str(tmp_path / "b"), Specific(frozenset({1}))),
    )
    clients = start_server(models=models)
    assert clients.server.monitor.wait_until(ServableId("a", 1), AVAILABLE, WAIT_S)

    assert [ServableId("a", 1), ServableId("a", 2), ServableId("b", 1)] == clients.server.available_ids()


def write_warmup(version, *logs):
    """Writes the records as TFRecord."""
    (version / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for log in logs:
            writer.write(log)


def predict_log(signature="", **inputs):
    """A recorded Predict request."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        log.predict_log.request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString()


SESSION_RUN = prediction_log_pb2.PredictionLog()
SESSION_RUN.session_run_log.SetInParent()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([predict_log(x=[1.0])], None),
        ([predict_log("no", x=[1.0])], 'FAILED_PRECONDITION: Serving signature key "no" not found.'),
        ([SESSION_RUN.SerializeToString()], "UNIMPLEMENTED: Unsupported log_type for warmup: 5"),
        ([b"\xff"], "INVALID_ARGUMENT: Failed to parse warmup record: \\xff from "),
        ([], None),
    ],
)
def test_warm_up_records_are_replayed_before_a_version_is_available(
    served, half_plus_three, publish, records, expected
):
    """A record that cannot be answered fails the load."""
    clients, base = served
    version = publish(half_plus_three, base / "aside", 2)
    write_warmup(version, *records)
    version.rename(base / "2")
    outcome = reaches(clients, 2, END if expected else AVAILABLE)

    assert outcome == expected or outcome.startswith(expected)


def test_start_up_says_which_models_failed(publish, half_plus_two, start_server, tmp_path):
    """One failing model stops the whole server."""
    corrupt_pb(publish(half_plus_two, tmp_path, 7))
    with pytest.raises(ServingError) as failed:
        start_server(tmp_path, retries=NO_RETRY)

    assert (
        "UNKNOWN: 1 servable(s) did not become available: {{{name: half version: 7} due to error: DATA_LOSS: "
        f"Can't parse {tmp_path}/7/saved_model.pb as binary proto}}, }}"
    ) == failed.value.status()


class Hand:
    """A source that says what it is told to."""

    def set_aspired_versions_callback(self, callback):
        """As the server asks of a source."""
        self.callback = callback

    def aspire(self, *paths):
        """Wants the versions at these paths and no other."""
        self.callback("half", [ServableData(ServableId("half", int(path.name)), str(path)) for path in paths])


def test_a_source_of_ones_own(half_plus_two, half_plus_three, publish, start_server, tmp_path):
    """The ports are open with nothing aspired; a version may move down, and all may go."""
    one, two = publish(half_plus_two, tmp_path, 1), publish(half_plus_three, tmp_path, 2)
    source = Hand()
    clients = start_server(source=source, wait_for_models=False)
    seen = []
    end = clients.server.monitor.subscribe(seen.append)

    assert "Servable not found for request: Latest(half)" == ask(clients)

    source.aspire(two)
    reaches(clients, 2, AVAILABLE)
    source.aspire(one)
    reaches(clients, 2, END)

    assert 3 == ask(clients)

    end()
    source.aspire()
    reaches(clients, 1, END)

    assert "Servable not found for request: Latest(half)" == ask(clients)
    assert [
        (2, "START"),
        (2, "LOADING"),
        (2, "AVAILABLE"),
        (1, "START"),
        (1, "LOADING"),
        (1, "AVAILABLE"),
        (2, "UNLOADING"),
        (2, "END"),
    ] == [(s.id.version, s.state.name) for s in seen]


def test_switching_versions_fails_no_request(half_plus_two, half_plus_three, publish, start_server, tmp_path):
    """Two clients ask without a pause by REST and by gRPC while 20 versions come and go."""
    publish(half_plus_two, tmp_path, 1)
    clients = start_server(tmp_path)
    done, failures, answers = threading.Event(), [], []
    threads = [threading.Thread(target=call, args=(clients, done, failures, answers)) for call in (by_rest, by_grpc)]
    for thread in threads:
        thread.start()
    for version in range(2, 22):
        publish((half_plus_two, half_plus_three)[version % 2], tmp_path, version)
        reaches(clients, version, AVAILABLE)
        shutil.rmtree(tmp_path / str(version - 1))
        reaches(clients, version - 1, END)
    done.set()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert {3.0, 4.0} == set(answers)
    assert len(answers) > 100


def by_rest(clients, done, failures, answers):
    """Asks by REST until done."""
    with httpx.Client(base_url=clients.rest.base_url, timeout=30) as client:
        while not done.is_set():
            answer = client.post("/v1/models/half:predict", content=json.dumps({"instances": [2.0]}))
            if answer.status_code == 200:
                answers.extend(answer.json()["predictions"])
            else:
                failures.append(answer.text)


def by_grpc(clients, done, failures, answers):
    """Asks by gRPC until done."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([2.0]))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(clients.channel)
    while not done.is_set():
        call = stub.Predict.future(request, timeout=30)
        if call.exception():
            failures.append(call.exception())
        else:
            answers.extend(call.result().outputs["y"].float_val)


def test_a_stopped_server_has_let_go_of_everything(half_plus_two, publish, start_server, tmp_path):
    """Versions are unloaded, ports are free."""
    publish(half_plus_two, tmp_path, 1)
    clients = start_server(tmp_path)
    clients.server.stop()
    clients.server.stop()

    assert [] == clients.server.available_ids()
    assert END is clients.server.monitor.state(ServableId("half", 1)).state
    with pytest.raises(httpx.ConnectError):
        clients.rest.get("/v1/models/half")
