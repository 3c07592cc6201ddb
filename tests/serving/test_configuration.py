"""The configuration of a running server: from a file, read again, and by RPC."""

import threading

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState

WAIT_S = 60
MODEL = 'config {{ name: "{0}" base_path: "{1}/{0}" model_platform: "tensorflow" {2} }}'


def config(base, *names, more=""):
    """A ModelServerConfig of these models, each below the base."""
    return f"model_config_list {{ {' '.join(MODEL.format(name, base, more) for name in names)} }}"


@pytest.fixture
def reload():
    """Sends a config by RPC; gives its code and message."""

    def run(clients, text, timeout=WAIT_S):
        from google.protobuf import text_format

        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(text, request.config)
        call = model_service_pb2_grpc.ModelServiceStub(clients.channel).HandleReloadConfigRequest
        try:
            status = call(request, timeout=timeout).status
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return status.error_code, status.error_message

    return run


@pytest.fixture
def served(start_server, half_plus_two, publish, tmp_path):
    """A server of model `a` from a file that is read again twenty times a second."""
    publish(half_plus_two, tmp_path / "a", 1)
    publish(half_plus_two, tmp_path / "b", 1)
    path = tmp_path / "models.config"
    path.write_text(config(tmp_path, "a"))
    clients = start_server(model_config_file=str(path), model_config_file_poll_wait_s=0.05)
    yield clients, path
    clients.close()


def status(clients, name):
    """The REST code of a model's predict."""
    return clients.rest.post(f"/v1/models/{name}:predict", json={"instances": [1.0]}).status_code


def reaches(clients, name, state):
    """Waits for version 1 of a model."""
    assert clients.server.monitor.wait_until(ServableId(name, 1), state, WAIT_S)


def test_a_file_that_changes_is_followed(served):
    """What comes is loaded, what goes is unloaded, and nonsense changes nothing."""
    clients, path = served

    assert (200, 404) == (status(clients, "a"), status(clients, "b"))

    path.write_text(config(path.parent, "b"))
    reaches(clients, "b", ManagerState.AVAILABLE)
    reaches(clients, "a", ManagerState.END)
    path.write_text("nonsense")
    threading.Event().wait(0.2)  # a few readings; there is no event for "nothing happened"

    assert (404, 200) == (status(clients, "a"), status(clients, "b"))


def test_a_file_that_is_no_config(run_process, free_port, tmp_path):
    """The reason on stderr in the parser's words, the status on stdout."""
    path = tmp_path / "models.config"
    path.write_text("model_config_lists { }")
    process = run_process(f"--port={free_port()}", f"--model_config_file={path}")
    out, err = process.communicate(timeout=60)

    assert (255, f"Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{path}'\n") == (
        process.returncode,
        out,
    )
    assert (
        "Error parsing text-format tensorflow.serving.ModelServerConfig: 1:20: "
        'Message type "tensorflow.serving.ModelServerConfig" has no field named "model_config_lists".\n'
    ) == err


def test_a_config_by_rpc(start_server, half_plus_two, publish, tmp_path, reload):
    """It answers when the new model does; labels follow once their versions are there."""
    publish(half_plus_two, tmp_path / "half", 1)
    publish(half_plus_two, tmp_path / "b", 1)
    clients = start_server(tmp_path / "half")

    assert (0, "") == reload(clients, config(tmp_path, "half", "b"))
    assert 200 == status(clients, "b")
    assert 400 == status(clients, "b/labels/stable")
    assert (0, "") == reload(clients, config(tmp_path, "half", "b", more='version_labels { key: "stable" value: 1 }'))
    assert 200 == status(clients, "b/labels/stable")
    assert (
        "FAILED_PRECONDITION",
        "Request to assign label to version 2 of model b, which is not currently available for inference",
    ) == reload(clients, config(tmp_path, "b", more='version_labels { key: "stable" value: 2 }'))
    assert "INVALID_ARGUMENT" == reload(clients, "custom_model_config { }")[0]
    assert 200 == status(clients, "half")


def test_a_reload_that_waits_for_ever_hurts_nobody(start_server, half_plus_two, publish, tmp_path, reload):
    """A new model without versions: the call hangs as upstream's does, requests are answered, and a stop ends it."""
    publish(half_plus_two, tmp_path / "half", 1)
    (tmp_path / "empty").mkdir()
    clients = start_server(tmp_path / "half")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(reload(clients, config(tmp_path, "half", "empty"))))
    waiting.start()
    waiting.join(0.3)

    assert [] == answers
    assert 200 == status(clients, "half")
    assert 503 == clients.rest.get("/readyz").status_code

    clients.server.stop()
    waiting.join(WAIT_S)

    assert ["UNAVAILABLE"] == [code for code, _ in answers]
