import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.flags import FLAGS, parse_flags, report, usage

UPSTREAM = [
    ("port", "int32", 8500),
    ("grpc_socket_path", "string", ""),
    ("rest_api_port", "int32", 0),
    ("rest_api_num_threads", "int32", 4 * os.cpu_count()),
    ("rest_api_timeout_in_ms", "int32", 30000),
    ("rest_api_enable_cors_support", "bool", False),
    ("enable_batching", "bool", False),
    ("allow_version_labels_for_unavailable_models", "bool", False),
    ("batching_parameters_file", "string", ""),
    ("enable_per_model_batching_parameters", "bool", False),
    ("model_config_file", "string", ""),
    ("model_config_file_poll_wait_seconds", "int32", 0),
    ("model_name", "string", "default"),
    ("model_base_path", "string", ""),
    ("num_load_threads", "int32", 0),
    ("num_unload_threads", "int32", 0),
    ("max_num_load_retries", "int32", 5),
    ("load_retry_interval_micros", "int64", 60_000_000),
    ("file_system_poll_wait_seconds", "int32", 1),
    ("flush_filesystem_caches", "bool", True),
    ("tensorflow_session_parallelism", "int64", 0),
    ("tensorflow_session_config_file", "string", ""),
    ("tensorflow_intra_op_parallelism", "int64", 0),
    ("tensorflow_inter_op_parallelism", "int64", 0),
    ("use_alts_credentials", "bool", False),
    ("ssl_config_file", "string", ""),
    ("platform_config_file", "string", ""),
    ("per_process_gpu_memory_fraction", "float", 0.0),
    ("saved_model_tags", "string", "serve"),
    ("grpc_channel_arguments", "string", ""),
    ("grpc_max_threads", "int32", 4 * os.cpu_count()),
    ("enable_model_warmup", "bool", True),
    ("num_request_iterations_for_warmup", "int32", 0),
    ("version", "bool", False),
    ("monitoring_config_file", "string", ""),
    ("remove_unused_fields_from_bundle_metagraph", "bool", True),
    ("prefer_tflite_model", "bool", False),
    ("num_tflite_pools", "int32", os.cpu_count()),
    ("num_tflite_interpreters_per_pool", "int32", 1),
    ("enable_signature_method_name_check", "bool", False),
    ("xla_cpu_compilation_enabled", "bool", False),
    ("xla_gpu_compilation_enabled", "bool", False),
    ("enable_profiler", "bool", True),
    ("thread_pool_factory_config_file", "string", ""),
    ("mixed_precision", "string", ""),
    ("skip_initialize_tpu", "bool", False),
    ("enable_grpc_healthcheck_service", "bool", False),
    ("enable_serialization_as_tensor_content", "bool", False),
]
OWN = {
    "host",
    "shutdown_grace_seconds",
    "release_commit",
    "grpc_transport",
    "transport_processes",
    "enable_request_merging",
}


def test_every_flag_of_upstreams_and_what_is_ours():
    """With its type and default; ours say that they are."""
    upstream = [(flag.name, flag.type, flag.default) for flag in FLAGS if flag.name not in OWN]

    assert UPSTREAM == upstream
    assert {flag.name for flag in FLAGS if flag.help.startswith("Shipway's own.")} == OWN


@pytest.mark.parametrize(
    ("argument", "name", "expected"),
    [
        ("--port=1", "port", 1),
        ("--port=-1", "port", -1),
        ("--port= +7", "port", 7),
        ("--model_name=a=b", "model_name", "a=b"),
        ("--model_name=", "model_name", ""),
        ("--model_name= a ", "model_name", " a "),
        ("--enable_model_warmup", "enable_model_warmup", True),
        ("--enable_model_warmup=FALSE", "enable_model_warmup", False),
        ("--enable_model_warmup=0", "enable_model_warmup", False),
        ("--enable_batching=tRuE", "enable_batching", True),
        ("--enable_batching=1", "enable_batching", True),
        ("--load_retry_interval_micros=5000000000", "load_retry_interval_micros", 5_000_000_000),
        ("--load_retry_interval_micros=-1", "load_retry_interval_micros", -1),
        ("--per_process_gpu_memory_fraction=.5", "per_process_gpu_memory_fraction", 0.5),
        ("--per_process_gpu_memory_fraction=1e-1", "per_process_gpu_memory_fraction", 0.1),
    ],
)
def test_a_value(argument, name, expected):
    """Only `--name=value`; a bool may stand bare."""
    parsed = parse_flags([argument])

    assert (expected, [], []) == (parsed.values[name], parsed.errors, parsed.unknown)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "x"),
        ("port", "1.5"),
        ("port", ""),
        ("port", "1 "),
        ("port", "1_0"),
        ("port", "0x1"),
        ("port", "٣"),
        ("port", "2147483648"),
        ("load_retry_interval_micros", "9223372036854775808"),
        ("enable_model_warmup", "yes"),
        ("enable_model_warmup", ""),
        ("enable_model_warmup", " true"),
        ("per_process_gpu_memory_fraction", "a"),
        ("per_process_gpu_memory_fraction", "1_0"),
        ("per_process_gpu_memory_fraction", "1 "),
    ],
)
def test_a_bad_value(name, text):
    """Upstream's sentence."""
    assert [f"Couldn't interpret value {text} for flag {name}."] == parse_flags([f"--{name}={text}"]).errors


@pytest.mark.parametrize(
    "argument", ["--port", "-port=1", "port=1", "--noenable_model_warmup", "8500", "--nope=1", "--Port=1", "", "-h"]
)
def test_what_is_no_flag_is_unknown(argument):
    """No blank between name and value, no single dash, no `--no`."""
    parsed = parse_flags([argument])

    assert [argument] == parsed.unknown
    assert not parsed.help


def test_nothing_after_two_dashes_is_a_flag():
    """The dashes themselves are an unknown argument."""
    parsed = parse_flags(["--port=1", "--", "--port=2"])

    assert (1, ["--", "--port=2"]) == (parsed.values["port"], parsed.unknown)


def test_the_last_of_repeats_wins():
    """As upstream's image relies on, which appends the user's flags."""
    assert 2 == parse_flags(["--port=1", "--port=2"]).values["port"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], True),
        (["--port=1", "--help", "x"], True),
        (["x", "--help"], False),
        (["--help=1"], False),
        ([], False),
    ],
)
def test_when_help_is_asked_for(arguments, expected):
    """When it is the first that is no flag."""
    assert expected is parse_flags(arguments).help


def test_a_flag_without_effect_is_warned_about_in_one_line(capsys):
    """Once, and only if it asks for something; the server goes on."""
    assert report(parse_flags(["--xla_cpu_compilation_enabled", "--xla_cpu_compilation_enabled=true"]), "p")
    assert (
        "warning: --xla_cpu_compilation_enabled is not supported by this server and is ignored\n"
        == capsys.readouterr().err
    )
    assert report(parse_flags(["--flush_filesystem_caches=true", "--skip_initialize_tpu=false"]), "p")
    assert ("", "") == capsys.readouterr()


def test_an_unknown_argument_shows_the_usage_and_goes_on(capsys):
    """The first one is named."""
    assert report(parse_flags(["x", "y"]), "p")
    assert f"unknown argument: x\n{usage('p')}" == capsys.readouterr().out


def test_a_bad_value_shows_the_usage_and_ends(capsys):
    """Every sentence goes to stderr, the usage to stdout."""
    assert not report(parse_flags(["--port=x", "--port=y", "nope"]), "p")
    assert (
        usage("p"),
        "Couldn't interpret value x for flag port.\nCouldn't interpret value y for flag port.\n",
    ) == capsys.readouterr()


def test_help_shows_the_usage_and_ends(capsys):
    """On stdout."""
    assert not report(parse_flags(["--help"]), "p")
    assert (usage("p"), "") == capsys.readouterr()


def test_usage_lists_a_flag_with_default_and_type():
    """As `--name=default`, type and help between tabs, in upstream's columns."""
    assert usage("p").startswith(f"usage: p\nFlags:\n\t{'--port=8500':<33}\tint32\tPort for gRPC; 0: none.\n")
    assert '\t--model_name="default"           \tstring\t' in usage("p")
    assert "\t--per_process_gpu_memory_fraction=0.000000\tfloat\t" in usage("p")
    assert f"\t{'--enable_profiler=true':<33}\tbool\t" in usage("p")


@given(st.lists(st.text(max_size=30) | st.sampled_from([f"--{flag.name}" for flag in FLAGS]).map(lambda n: n + "=1")))
def test_no_arguments_raise(arguments):
    """Each is a value, an error or unknown."""
    parsed = parse_flags(arguments)

    assert parsed.values.keys() == {flag.name for flag in FLAGS}
