"""Flags, usage, exit codes and start-up errors: sections 2 and 3 (main.cc, server.cc of TF Serving 2.20.0)."""

# ruff: noqa: E501, ISC004 -- a table is read row by row

from __future__ import annotations

import re
import socket

import pytest

from tests.serving.conformance.wire import free_ports, models_config, wait

FAILED = "Failed to start server. Error: INVALID_ARGUMENT: "

BAD_VALUES = [
    # name, flags, value and flag complained about
    ("word for int32", ["--port=abc"], "abc", "port"),
    ("empty int32", ["--port="], "", "port"),
    ("decimal for int32", ["--rest_api_port=1.5"], "1.5", "rest_api_port"),
    ("too big for int32", ["--port=2147483648"], "2147483648", "port"),
    ("word for bool", ["--enable_batching=yes"], "yes", "enable_batching"),
    ("2 for bool", ["--enable_model_warmup=2"], "2", "enable_model_warmup"),
    ("word for int64", ["--load_retry_interval_micros=soon"], "soon", "load_retry_interval_micros"),
    ("too big for int64", ["--tensorflow_session_parallelism=9223372036854775808"], "9223372036854775808",
     "tensorflow_session_parallelism"),
    ("after good ones", ["--model_name=x", "--model_base_path=/x", "--max_num_load_retries=x"], "x",
     "max_num_load_retries"),
]  # fmt: skip

STARTUP_ERRORS = [
    # name, flags, what follows "Failed to start server. Error: INVALID_ARGUMENT: "
    ("no port", ["--port=0"], "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."),
    ("no port before no model", ["--port=0", "--model_config_file="],
     "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."),
    ("no model", [], "Both server_options.model_base_path and server_options.model_config_file are empty!"),
    ("only a name", ["--model_name=half"],
     "Both server_options.model_base_path and server_options.model_config_file are empty!"),
    ("batching parameters without batching", ["--model_base_path=/nowhere", "--batching_parameters_file=/nowhere.txt"],
     "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."),
    ("alts and ssl", ["--use_alts_credentials", "--ssl_config_file=/nowhere", "--model_base_path=/nowhere"],
     "Either use_alts_credentials must be false or ssl_config_file must be empty."),
    ("alts and ssl before no model", ["--use_alts_credentials=1", "--ssl_config_file=/nowhere"],
     "Either use_alts_credentials must be false or ssl_config_file must be empty."),
]  # fmt: skip

BAD_CONFIGS = [
    # name, models.config, what follows "Failed to start server. Error: "
    ("twice", 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" } '
     'config { name: "m" base_path: "/n" model_platform: "tensorflow" } }',
     "INVALID_ARGUMENT: Illegal to list model m multiple times in config list"),
    ("relative", 'model_config_list { config { name: "m" base_path: "m" model_platform: "tensorflow" } }',
     "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=m"),
    ("label first", 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" '
     'version_labels { key: "stable" value: 1 } } }',
     "FAILED_PRECONDITION: Request to assign label to version 1 of model m, which is not currently available for "
     "inference"),
]  # fmt: skip

FLAGS = [
    # name, type and default as the usage says them
    ("port", "8500", "int32"),
    ("grpc_socket_path", '""', "string"),
    ("rest_api_port", "0", "int32"),
    ("rest_api_timeout_in_ms", "30000", "int32"),
    ("rest_api_enable_cors_support", "false", "bool"),
    ("enable_batching", "false", "bool"),
    ("allow_version_labels_for_unavailable_models", "false", "bool"),
    ("batching_parameters_file", '""', "string"),
    ("model_config_file", '""', "string"),
    ("model_config_file_poll_wait_seconds", "0", "int32"),
    ("model_name", '"default"', "string"),
    ("model_base_path", '""', "string"),
    ("num_load_threads", "0", "int32"),
    ("num_unload_threads", "0", "int32"),
    ("max_num_load_retries", "5", "int32"),
    ("load_retry_interval_micros", "60000000", "int64"),
    ("file_system_poll_wait_seconds", "1", "int32"),
    ("flush_filesystem_caches", "true", "bool"),
    ("tensorflow_session_parallelism", "0", "int64"),
    ("tensorflow_intra_op_parallelism", "0", "int64"),
    ("tensorflow_inter_op_parallelism", "0", "int64"),
    ("ssl_config_file", '""', "string"),
    ("platform_config_file", '""', "string"),
    ("saved_model_tags", '"serve"', "string"),
    ("grpc_channel_arguments", '""', "string"),
    ("enable_model_warmup", "true", "bool"),
    ("num_request_iterations_for_warmup", "0", "int32"),
    ("version", "false", "bool"),
    ("monitoring_config_file", '""', "string"),
    ("remove_unused_fields_from_bundle_metagraph", "true", "bool"),
    ("prefer_tflite_model", "false", "bool"),
    ("enable_signature_method_name_check", "false", "bool"),
    ("enable_profiler", "true", "bool"),
    ("enable_grpc_healthcheck_service", "false", "bool"),
    ("enable_serialization_as_tensor_content", "false", "bool"),
    ("enable_per_model_batching_parameters", "false", "bool"),
    ("use_alts_credentials", "false", "bool"),
]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.fixture(scope="module")
def usage(start):
    """What --help prints."""
    server = start("--help", ports=False)
    assert 255 == server.exit_code()
    return server.output()


@pytest.mark.parametrize(("flags", "value", "name"), rows(BAD_VALUES))
def test_a_bad_value_is_named(start, flags, value, name):
    """On stderr; the usage on stdout; exit 255."""
    server = start(*flags, ports=False)

    assert 255 == server.exit_code()
    assert f"Couldn't interpret value {value} for flag {name}.\n" in server.log()
    assert re.match(r"usage: .*\nFlags:\n", server.output())


def test_help_is_the_usage(usage):
    """`usage: <argv0>`, `Flags:`, a line per flag."""
    lines = usage.splitlines()

    assert lines[0].startswith("usage: ")
    assert "Flags:" == lines[1]
    assert all(line.startswith("\t--") for line in lines[2:] if line)


@pytest.mark.parametrize(("name", "default", "kind"), FLAGS)
def test_a_flag_is_in_the_usage(usage, name, default, kind):
    """`--name=default` padded to 33, type, help."""
    start_of_line = f"\t{f'--{name}={default}':<33}\t{kind}\t"

    assert any(line.startswith(start_of_line) for line in usage.splitlines())


def test_version(start):
    """Two lines, exit 0."""
    server = start("--version", ports=False)

    assert 0 == server.exit_code()
    assert re.fullmatch(r"TensorFlow ModelServer: 2\.20\.0\S*\nTensorFlow Library: 2\.20\.0\S*\n", server.output())


@pytest.mark.parametrize(("flags", "message"), rows(STARTUP_ERRORS))
def test_options_that_do_not_go_together(start, flags, message):
    """One line on stdout, exit 255."""
    server = start(*flags, ports=False)

    assert 255 == server.exit_code()
    assert server.output().endswith(f"{FAILED}{message}\n")


@pytest.mark.parametrize(("config", "message"), rows(BAD_CONFIGS))
def test_a_refused_first_config_ends_the_server(start, tmp_path, config, message):
    """Before anything is loaded."""
    (tmp_path / "models.config").write_text(config)
    server = start(f"--model_config_file={tmp_path / 'models.config'}")

    assert 255 == server.exit_code()
    assert f"Failed to start server. Error: {message}\n" in server.output()


def test_a_missing_config_file(start, tmp_path):
    """NOT_FOUND, with its path."""
    server = start(f"--model_config_file={tmp_path / 'nope'}")

    assert 255 == server.exit_code()
    assert (
        f"Failed to start server. Error: NOT_FOUND: {tmp_path / 'nope'}; No such file or directory\n" in server.output()
    )


def test_a_config_file_that_is_no_text_proto(start, tmp_path):
    """INVALID_ARGUMENT on stdout, protobuf's own words on stderr."""
    path = tmp_path / "models.config"
    path.write_text("model_config_list {\n  nonsense: 1\n}")
    server = start(f"--model_config_file={path}")

    assert 255 == server.exit_code()
    assert f"{FAILED}Invalid protobuf file: '{path}'\n" in server.output()
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: 2:11: " in server.log()


def test_a_taken_port(start, place, tmp_path):
    """The model is loaded first; then the port is asked for."""
    place("plus_1", tmp_path / "plus", 1)
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104
        taken.listen()
        server = start(f"--port={taken.getsockname()[1]}", f"--model_base_path={tmp_path / 'plus'}", ports=False)

        assert 255 == server.exit_code()
    assert "Failed to start server. Error: " in server.output()
    assert "Failed to BuildAndStart gRPC server" in server.output()


def test_a_model_that_cannot_load_ends_the_server(start, tmp_path):
    """UNKNOWN, three opening braces, after all retries."""
    (tmp_path / "m" / "123").mkdir(parents=True)
    server = start(
        f"--model_base_path={tmp_path / 'm'}", "--max_num_load_retries=1", "--load_retry_interval_micros=1000"
    )

    assert 255 == server.exit_code()
    assert (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
        "{{{name: default version: 123} due to error: NOT_FOUND: Specified file path does not appear to contain a "
        "SavedModel bundle (should have a file called `saved_model.pb`)\n"
        f"Specified file path: {tmp_path / 'm' / '123'}}}, }}\n"
    ) in server.output()


def test_wrong_tags_end_the_server(start, place, tmp_path):
    """NOT_FOUND, with the tags."""
    place("plus_1", tmp_path / "plus", 1)
    server = start(f"--model_base_path={tmp_path / 'plus'}", "--saved_model_tags=x", "--max_num_load_retries=0")

    assert 255 == server.exit_code()
    assert (
        "{{{name: default version: 1} due to error: NOT_FOUND: Could not find meta graph def matching supplied tags: "
        "{ x }. To inspect available tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
    ) in server.output()


def test_one_failing_model_stops_the_whole_server(start, place, tmp_path):
    """The good one is not named."""
    place("plus_1", tmp_path / "good", 1)
    (tmp_path / "bad" / "1").mkdir(parents=True)
    config = tmp_path / "models.config"
    config.write_text(models_config({"good": tmp_path / "good", "bad": tmp_path / "bad"}))
    server = start(f"--model_config_file={config}", "--max_num_load_retries=0")

    assert 255 == server.exit_code()
    assert "UNKNOWN: 1 servable(s) did not become available: {{{name: bad version: 1} due to error: " in server.output()


def test_two_failing_models_are_named_in_order(start, tmp_path):
    """By name, then version."""
    for name in ("b", "a"):
        (tmp_path / name / "1").mkdir(parents=True)
    config = tmp_path / "models.config"
    config.write_text(models_config({name: tmp_path / name for name in ("b", "a")}))
    server = start(f"--model_config_file={config}", "--max_num_load_retries=0")

    assert 255 == server.exit_code()
    out = server.output()
    assert "UNKNOWN: 2 servable(s) did not become available: {{{name: a version: 1} due to error: " in out
    assert out.index("{name: a version: 1}") < out.index("{name: b version: 1}")


def test_unknown_arguments_are_told_and_the_server_goes_on(start, place, tmp_path):
    """With the usage on stdout; no `--name value`, no single dash, no `--noname`."""
    place("plus_1", tmp_path / "plus", 1)
    server = start(
        "nonsense", "--model_name", "-port=1", "--noenable_batching", f"--model_base_path={tmp_path / 'plus'}"
    ).ready()

    assert server.output().startswith("unknown argument: nonsense\nusage: ")
    assert {1: "AVAILABLE"} == server.states("default")


def test_the_last_of_repeated_flags_counts(start, place, tmp_path):
    """As docker run appends them; a bare bool is true; words of any case."""
    place("plus_1", tmp_path / "plus", 1)
    server = start(
        "--model_name=first",
        "--model_base_path=/nowhere",
        "--enable_model_warmup=FALSE",
        "--rest_api_enable_cors_support=False",
        "--model_name=second",
        "--rest_api_enable_cors_support",
        f"--model_base_path={tmp_path / 'plus'}",
    ).ready()

    assert {1: "AVAILABLE"} == server.states("second")
    assert "*" == server.get("/v1/models/second").headers.get("access-control-allow-origin")


def test_a_config_file_beats_name_and_path(start, place, tmp_path):
    """They are ignored."""
    place("plus_1", tmp_path / "plus", 1)
    config = tmp_path / "models.config"
    config.write_text(models_config({"plus": tmp_path / "plus"}))
    server = start(f"--model_config_file={config}", "--model_name=other", "--model_base_path=/nowhere").ready()

    assert ({1: "AVAILABLE"}, {}) == (server.states("plus"), server.states("other"))


def test_equal_ports_mean_no_rest(start, place, tmp_path):
    """It is logged, and gRPC is served."""
    place("plus_1", tmp_path / "plus", 1)
    port = free_ports(1)[0]
    server = start(f"--port={port}", f"--rest_api_port={port}", f"--model_base_path={tmp_path / 'plus'}", ports=False)
    server.target = f"127.0.0.1:{port}"
    wait(lambda: server.process.poll() is not None or server.listens(port), 60)

    assert server.process.poll() is None, server.output()
    assert {1: "AVAILABLE"} == server.states("default")


def test_ports_refuse_until_every_model_is_there(start, place, tmp_path):
    """No version: it waits, and says so each poll."""
    place("plus_1", tmp_path / "good", 1)
    (tmp_path / "late").mkdir()
    config = tmp_path / "models.config"
    config.write_text(models_config({"good": tmp_path / "good", "late": tmp_path / "late"}))
    server = start(f"--model_config_file={config}")
    warning = f"No versions of servable late found under base path {tmp_path / 'late'}. Did you forget to name your leaf directory as a number (eg. '/1/')?"
    wait(lambda: warning in server.log() + server.output(), 60)

    assert not server.listens(server.grpc_port)
    assert "OK" != _predict_status(server, "good")
    place("plus_1", tmp_path / "late", 1)
    server.ready()
    assert {1: "AVAILABLE"} == server.states("late")


def _predict_status(server, name):
    """Whether REST predicts already."""
    if not server.listens(server.rest_port):
        return "refused"
    return "OK" if server.post(f"/v1/models/{name}:predict", '{"instances": [1.0]}').status == 200 else "not ready"


def test_of_several_versions_the_highest_decides(start, place, tmp_path):
    """A lower one that works does not help."""
    place("plus_1", tmp_path / "m", 1)
    (tmp_path / "m" / "2").mkdir()
    config = tmp_path / "models.config"
    config.write_text(models_config({"m": tmp_path / "m"}, {"m": "model_version_policy { all {} }"}))
    server = start(f"--model_config_file={config}", "--max_num_load_retries=0")

    wait(lambda: server.process.poll() is not None or server.listens(server.grpc_port), 60)
    assert 255 == server.exit_code()
    assert "{name: m version: 2} due to error: " in server.output()
