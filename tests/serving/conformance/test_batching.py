"""What batching refuses: section 9.4 (batching/batching_session.cc, shared_batch_scheduler.h)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.conformance.wire import error_body, shown, tensor

PARAMETERS = """
max_batch_size { value: 4 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 2
allowed_batch_sizes: 4
"""

REFUSED = [
    # name, signature, inputs, code, message
    ("too many rows", "", {"x": ("float32", [1.0] * 5)}, "INVALID_ARGUMENT",
     "Task size 5 is larger than maximum input batch size 4"),
    ("far too many rows", "", {"x": ("float32", [[1.0, 2.0]] * 100)}, "INVALID_ARGUMENT",
     "Task size 100 is larger than maximum input batch size 4"),
    ("scalar", "", {"x": ("float32", 1.0)}, "INVALID_ARGUMENT",
     "Batching Run() input tensors must have at least one dimension"),
    ("unequal rows", "two", {"x": ("float32", [1.0, 2.0]), "z": ("float32", [1.0])}, "INVALID_ARGUMENT",
     "Batching Run() input tensors must have equal 0th-dimension size"),
    ("no input", "no_input", {}, "INVALID_ARGUMENT", "Batching Run() must have at least one input tensor"),
    ("scalar output", "scalar_output", {"x": ("float32", [1.0, 2.0])}, "FAILED_PRECONDITION",
     "Batched output tensor has 0 dimensions"),
    ("short output", "short_output", {"x": ("float32", [1.0, 2.0])}, "FAILED_PRECONDITION",
     "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors"),
]  # fmt: skip

ANSWERED = [
    # name, values of x, shape, flat values
    ("one row", [1.0], [1], [1.0]),
    ("padded up to four and cut", [1.0, 2.0, 3.0], [3], [1.0, 2.0, 3.0]),
    ("full", [1.0, 2.0, 3.0, 4.0], [4], [1.0, 2.0, 3.0, 4.0]),
    ("columns", [[1.0, 2.0], [3.0, 4.0]], [2, 2], [1.0, 2.0, 3.0, 4.0]),
    ("one row of columns", [[1.0, 2.0]], [1, 2], [1.0, 2.0]),
]

BAD_PARAMETERS = [
    # name, parameters, message
    ("last allowed size", "max_batch_size { value: 4 } allowed_batch_sizes: 2 allowed_batch_sizes: 8",
     "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 4"),
    ("no threads", "num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
]  # fmt: skip


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.fixture(scope="module")
def server(start, place, tmp_path_factory):
    """Serves `batch` in batches of at most 4."""
    folder = tmp_path_factory.mktemp("batching")
    place("batch", folder / "batch")
    (folder / "batching.config").write_text(PARAMETERS)
    return start(
        "--model_name=batch",
        f"--model_base_path={folder / 'batch'}",
        "--enable_batching=true",
        f"--batching_parameters_file={folder / 'batching.config'}",
    ).ready()


def tensors(inputs):
    """Alias -> (dtype, values) as TensorProtos."""
    return {alias: tensor(*value) for alias, value in inputs.items()}


@pytest.mark.parametrize(("signature", "inputs", "code", "message"), rows(REFUSED))
def test_a_task_is_refused_in_words(server, signature, inputs, code, message):
    """Code and message, by gRPC."""
    reply = server.predict("batch", tensors(inputs), signature_name=signature)

    assert (code, message) == (reply.code, reply.message)


def test_a_task_is_refused_in_words_by_rest(server):
    """The same words."""
    answer = server.post("/v1/models/batch:predict", '{"instances": [1, 2, 3, 4, 5]}')

    assert (400, error_body("Task size 5 is larger than maximum input batch size 4")) == (answer.status, answer.body)


@pytest.mark.parametrize(("values", "shape", "flat"), rows(ANSWERED))
def test_a_batched_answer_is_the_plain_one(server, values, shape, flat):
    """Padding is not seen."""
    reply = server.predict("batch", {"x": tensor("float32", values)})

    assert ("OK", ("float32", shape, flat)) == (reply.code, shown(reply.response.outputs["y"]))


def test_many_at_once_keep_their_rows(server):
    """Nobody gets another's rows."""

    def ask(number):
        reply = server.predict("batch", {"x": tensor("float32", [float(number)])})
        return list(reply.response.outputs["y"].float_val)

    assert server.predict("batch", {"x": tensor("float32", [0.0])}).code == "OK"
    with ThreadPoolExecutor(16) as pool:
        assert [[float(number)] for number in range(100)] == list(pool.map(ask, range(100)))


@pytest.fixture(scope="module")
def patient(start, place, tmp_path_factory):
    """Two servers that wait half a second for a second row: one pads, one does not."""
    folder = tmp_path_factory.mktemp("patient")
    place("batch", folder / "batch")
    servers = {}
    for pads in ("true", "false"):
        config = folder / f"{pads}.config"
        config.write_text(
            "max_batch_size { value: 2 } batch_timeout_micros { value: 500000 } num_batch_threads { value: 1 } "
            f"pad_variable_length_inputs: {pads}"
        )
        servers[pads] = start(
            "--model_name=batch",
            f"--model_base_path={folder / 'batch'}",
            "--enable_batching",
            f"--batching_parameters_file={config}",
        )
    return {pads: server.ready() for pads, server in servers.items()}


def together(server, *inputs):
    """Predicts at the same time; the replies in order."""
    with ThreadPoolExecutor(len(inputs)) as pool:
        calls = [pool.submit(server.predict, "batch", {"x": tensor("float32", one)}) for one in inputs]
        return [call.result() for call in calls]


def test_tasks_of_different_shapes_fail_together(patient):
    """All of the batch, when padding is off."""
    message = (
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. "
        "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions "
        "starting with the first dim."
    )
    replies = together(patient["false"], [[1.0, 2.0]], [[3.0, 4.0, 5.0]])

    assert [("FAILED_PRECONDITION", message)] * 2 == [(reply.code, reply.message) for reply in replies]


def test_padding_appends_the_first_element(patient):
    """And the answer keeps it."""
    replies = together(patient["true"], [[1.0, 2.0]], [[3.0, 4.0, 5.0]])

    assert [("OK", ""), ("OK", "")] == [(reply.code, reply.message) for reply in replies]
    assert [("float32", [1, 3], [1.0, 2.0, 1.0]), ("float32", [1, 3], [3.0, 4.0, 5.0])] == [
        shown(reply.response.outputs["y"]) for reply in replies
    ]


def test_tasks_of_equal_shape_share_a_batch(patient):
    """Each gets its own row back."""
    replies = together(patient["false"], [[1.0, 2.0]], [[3.0, 4.0]])

    assert [[1.0, 2.0], [3.0, 4.0]] == [list(reply.response.outputs["y"].float_val) for reply in replies]


@pytest.mark.parametrize(("parameters", "message"), rows(BAD_PARAMETERS))
def test_bad_parameters_stop_the_server(start, place, tmp_path, parameters, message):
    """As a model that cannot be loaded, or before."""
    place("batch", tmp_path / "batch")
    (tmp_path / "batching.config").write_text(parameters)
    server = start(
        "--model_name=batch",
        f"--model_base_path={tmp_path / 'batch'}",
        "--enable_batching",
        f"--batching_parameters_file={tmp_path / 'batching.config'}",
        "--max_num_load_retries=0",
    )

    assert 255 == server.exit_code()
    assert "Failed to start server. Error: " in server.output()
    assert f"INVALID_ARGUMENT: {message}" in server.output()
