import pytest

from serving.config.model_config import ModelConfig, ModelServerConfig
from serving.core.loader_harness import RetryOptions
from serving.core.manager_options import ManagerOptions
from serving.errors import ServingError
from serving.flags import FLAGS, parse_flags
from serving.options import ServerCoreOptions, ServerOptions, channel_arguments, options_from_flags
from serving.start_up import first_config


def options(*flags):
    """The options of a command line."""
    parsed = parse_flags(flags)
    assert ([], []) == (parsed.errors, parsed.unknown)
    return options_from_flags(parsed.values)


def test_no_flags_give_the_defaults():
    """The two tables of defaults say the same."""
    assert ServerOptions() == options()


# One other value for each flag that has an effect, and the field that it goes to.
EFFECTS = {
    "port": ("1", "grpc_port", 1),
    "grpc_socket_path": ("/s", "grpc_socket_path", "/s"),
    "rest_api_port": ("2", "rest_api_port", 2),
    "rest_api_num_threads": ("3", "rest_api_num_threads", 3),
    "rest_api_timeout_in_ms": ("4", "rest_api_timeout_ms", 4),
    "rest_api_enable_cors_support": ("true", "rest_api_enable_cors_support", True),
    "enable_batching": ("true", "enable_batching", True),
    "allow_version_labels_for_unavailable_models": ("1", "allow_version_labels_for_unavailable_models", True),
    "batching_parameters_file": ("/b", "batching_parameters_file", "/b"),
    "enable_per_model_batching_parameters": ("1", "enable_per_model_batching_parameters", True),
    "model_config_file": ("/m", "model_config_file", "/m"),
    "model_config_file_poll_wait_seconds": ("5", "model_config_file_poll_wait_s", 5),
    "model_base_path": ("/m", "models", (ModelConfig("default", "/m"),)),
    "num_load_threads": ("6", "num_load_threads", 6),
    "num_unload_threads": ("7", "num_unload_threads", 7),
    "max_num_load_retries": ("8", "retries", RetryOptions(8, 60)),
    "load_retry_interval_micros": ("500000", "retries", RetryOptions(5, 0.5)),
    "file_system_poll_wait_seconds": ("-1", "file_system_poll_wait_s", -1),
    "tensorflow_session_parallelism": ("9", "tensorflow_session_parallelism", 9),
    "tensorflow_session_config_file": ("/c", "tensorflow_session_config_file", "/c"),
    "tensorflow_intra_op_parallelism": ("10", "tensorflow_intra_op_parallelism", 10),
    "tensorflow_inter_op_parallelism": ("11", "tensorflow_inter_op_parallelism", 11),
    "use_alts_credentials": ("1", "use_alts_credentials", True),
    "ssl_config_file": ("/t", "ssl_config_file", "/t"),
    "platform_config_file": ("/p", "platform_config_file", "/p"),
    "saved_model_tags": ("serve,gpu", "saved_model_tags", ("serve", "gpu")),
    "grpc_channel_arguments": ("a=1", "grpc_channel_arguments", (("a", 1),)),
    "grpc_max_threads": ("12", "grpc_max_threads", 12),
    "enable_model_warmup": ("0", "enable_model_warmup", False),
    "num_request_iterations_for_warmup": ("13", "num_request_iterations_for_warmup", 13),
    "monitoring_config_file": ("/n", "monitoring_config_file", "/n"),
    "enable_signature_method_name_check": ("1", "enable_signature_method_name_check", True),
    "thread_pool_factory_config_file": ("/f", "thread_pool_factory_config_file", "/f"),
    "enable_grpc_healthcheck_service": ("1", "enable_grpc_healthcheck_service", True),
    "enable_serialization_as_tensor_content": ("1", "enable_serialization_as_tensor_content", True),
    "host": ("localhost", "host", "localhost"),
    "shutdown_grace_seconds": ("14", "shutdown_grace_s", 14),
    "release_commit": ("abc", "release_commit", "abc"),
    "grpc_transport": ("grpcio", "grpc_transport", "grpcio"),
    "transport_processes": ("2", "transport_processes", 2),
    "enable_request_merging": ("0", "enable_request_merging", False),
}


@pytest.mark.parametrize(("name", "effect"), EFFECTS.items())
def test_a_flag_and_its_option(name, effect):
    """Each changes one field."""
    text, field, expected = effect

    assert expected == getattr(options(f"--{name}={text}"), field)
    assert getattr(ServerOptions(), field) != expected


def test_every_flag_has_an_effect_or_says_that_it_has_none():
    """`version` is the command line's own, `model_name` goes with the base path."""
    assert {flag.name for flag in FLAGS if not flag.ignored} - {"version", "model_name"} == EFFECTS.keys()
    assert (ModelConfig("a", "/m"),) == options("--model_name=a", "--model_base_path=/m").models


def test_the_options_of_the_core():
    """Loading, polling and labels."""
    given = options("--num_load_threads=2", "--num_unload_threads=3", "--file_system_poll_wait_seconds=4")

    assert ServerCoreOptions(ManagerOptions(RetryOptions(), 2, 3), file_system_poll_wait_s=4) == given.core


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("a=1,b=x", (("a", 1), ("b", "x"))),
        ("a=-2147483648,b=2147483648", (("a", -(2**31)), ("b", "2147483648"))),
        ("a,b=1", (("b", 1),)),
        ("a=", (("a", ""),)),
        ("a=b=c", (("a", "b"),)),
    ],
)
def test_channel_arguments(text, expected):
    """What reads as an int32 is one."""
    assert expected == channel_arguments(text)


NO_ADDRESS = "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
TWICE_SECURE = "Either use_alts_credentials must be false or ssl_config_file must be empty."
NO_MODEL = "Both server_options.model_base_path and server_options.model_config_file are empty!"
NO_BATCHING = "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
ALL_PARALLEL = (
    "Either configure server_options.tensorflow_session_parallelism or "
    "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) separately. "
    "You cannot configure all."
)
BASE = "--model_base_path=/m"
PARALLEL = [f"--tensorflow_{kind}_parallelism=1" for kind in ("session", "intra_op", "inter_op")]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([BASE], None),
        ([BASE, "--port=0", "--grpc_socket_path=/s"], None),
        ([BASE, "--port=0"], f"INVALID_ARGUMENT: {NO_ADDRESS}"),
        ([BASE, "--use_alts_credentials", "--ssl_config_file=/s"], f"INVALID_ARGUMENT: {TWICE_SECURE}"),
        ([], f"INVALID_ARGUMENT: {NO_MODEL}"),
        ([BASE, "--batching_parameters_file=/b"], f"INVALID_ARGUMENT: {NO_BATCHING}"),
        ([BASE, "--enable_batching"], None),
        (
            [BASE, "--batching_parameters_file=/nowhere/b", "--enable_batching"],
            "NOT_FOUND: /nowhere/b; No such file or directory",
        ),
        (
            [BASE, "--tensorflow_session_config_file=/nowhere/s"],
            "NOT_FOUND: /nowhere/s; No such file or directory",
        ),
        ([BASE, *PARALLEL], f"INVALID_ARGUMENT: {ALL_PARALLEL}"),
        ([BASE, *PARALLEL[:2]], None),
        (["--model_config_file=/nowhere/m"], "NOT_FOUND: /nowhere/m; No such file or directory"),
        # What is said first when several things are wrong.
        (["--port=0", "--use_alts_credentials", "--ssl_config_file=/s"], f"INVALID_ARGUMENT: {NO_ADDRESS}"),
        (["--use_alts_credentials", "--ssl_config_file=/s"], f"INVALID_ARGUMENT: {TWICE_SECURE}"),
        (["--batching_parameters_file=/b"], f"INVALID_ARGUMENT: {NO_MODEL}"),
        (
            ["--model_config_file=/nowhere/m", "--batching_parameters_file=/b"],
            "NOT_FOUND: /nowhere/m; No such file or directory",
        ),
        ([BASE, "--batching_parameters_file=/b", *PARALLEL], f"INVALID_ARGUMENT: {NO_BATCHING}"),
        # What this server cannot do.
        ([BASE, "--grpc_transport=x"], "INVALID_ARGUMENT: grpc_transport must be one of own, grpcio. Received: x"),
        ([BASE, "--transport_processes=-1"], "INVALID_ARGUMENT: transport_processes must be 0 or more. Received: -1"),
        (
            [BASE, "--transport_processes=1", "--grpc_transport=grpcio"],
            "INVALID_ARGUMENT: transport_processes needs grpc_transport own. Received: grpcio",
        ),
        ([BASE, "--transport_processes=1"], None),
        (
            [BASE, "--use_alts_credentials"],
            "UNIMPLEMENTED: use_alts_credentials needs grpc_transport grpcio. Received: own",
        ),
        ([BASE, "--use_alts_credentials", "--grpc_transport=grpcio"], None),
        (
            [BASE, "--batching_parameters_file=/b", "--platform_config_file=/p"],
            (
                "UNIMPLEMENTED: platform_config_file is not supported, set the same by the flags for batching, "
                "sessions, tags and warm-up. Received: /p"
            ),
        ),
        (
            [BASE, "--thread_pool_factory_config_file=/f"],
            (
                "UNIMPLEMENTED: There are no factories of thread pools here, "
                "leave thread_pool_factory_config_file empty. Received: /f"
            ),
        ),
    ],
)
def test_what_no_server_can_start_with(flags, expected):
    """In upstream's order and words."""
    assert expected == refusal(options(*flags))


def refusal(given):
    """The status of a start, None if there is none."""
    try:
        first_config(given)
    except ServingError as error:
        return error.status()
    return None


def test_the_first_config(tmp_path):
    """The file's models, else the one of the flags; with a source of one's own there may be none."""
    path = tmp_path / "models.config"
    path.write_text('model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" } }')

    assert ModelServerConfig((ModelConfig("default", "/b"),)) == first_config(options("--model_base_path=/b"))
    assert ModelServerConfig((ModelConfig("m", "/m"),)) == first_config(options(BASE, f"--model_config_file={path}"))
    assert ModelServerConfig() == first_config(ServerOptions(), own_source=True)


def test_files_that_are_no_such_messages(tmp_path, capsys):
    """Refused before anything is loaded, with the parser's reason on stderr."""
    path = tmp_path / "file"
    path.write_text("nonsense: 1")
    refused = f"INVALID_ARGUMENT: Invalid protobuf file: '{path}'"

    assert refused == refusal(options(BASE, "--enable_batching", f"--batching_parameters_file={path}"))
    assert refused == refusal(options(BASE, f"--tensorflow_session_config_file={path}"))
    assert [
        f'Error parsing text-format {name}: 1:9: Message type "{name}" has no field named "nonsense".'
        for name in ("tensorflow.serving.BatchingParameters", "tensorflow.ConfigProto")
    ] == capsys.readouterr().err.splitlines()


def test_one_port_for_both_is_logged(caplog):
    """And the server goes on without REST."""
    first_config(options(BASE, "--port=1", "--rest_api_port=1"))

    assert "server_options.http_port cannot be same as grpc_port." in caplog.text
