import logging
import threading

import pytest

from serving.config.config_checks import (
    check_labels,
    check_logging,
    check_models,
    check_platforms_stay,
    check_routes,
    check_transition,
    platform_of,
)
from serving.config.model_config import ModelConfig, ModelServerConfig
from serving.config.model_config_file import ModelConfigFilePoller, read_models_config
from serving.errors import ServingError, Unavailable, Unknown
from serving.sources.version_policy import All, Latest, Specific

MODEL = 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" %s } }'
NEITHER = "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform"
BOTH = "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform"


def refusal(check, *arguments, **options):
    """The status with which a check refuses, None if it does not."""
    try:
        check(*arguments, **options)
    except ServingError as error:
        return error.status()
    return None


@pytest.fixture
def write(tmp_path):
    """Writes a models.config and gives its path."""

    def run(text):
        path = tmp_path / "models.config"
        path.write_text(text)
        return str(path)

    return run


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest { num_versions: 2 } }", Latest(2)),
        ("model_version_policy { latest { } }", Latest(1)),
        ("model_version_policy { all { } }", All()),
        ("model_version_policy { specific { } }", Specific(frozenset())),
        (
            "model_version_policy { specific { versions: 1 versions: 20261122143000 } }",
            Specific(frozenset({1, 20261122143000})),
        ),
    ],
)
def test_a_policy(write, policy, expected):
    """Each version policy, and the default."""
    assert (ModelConfig("m", "/m", expected),) == read_models_config(write(MODEL % policy)).models


def test_all_that_a_model_may_say(write):
    """Labels, the deprecated type, and that it wants its requests logged."""
    text = 'version_labels { key: "a" value: 1 } model_type: OTHER logging_config { }'
    (model,) = read_models_config(write(MODEL % text)).models

    assert ({"a": 1}, 2, True) == (model.version_labels, model.model_type, model.has_logging_config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ModelServerConfig()),
        ("model_config_list { }", ModelServerConfig(())),
        ("custom_model_config { }", ModelServerConfig(is_custom=True)),
    ],
)
def test_a_config_without_models(write, text, expected):
    """Nothing at all, an empty list, and something of one's own differ."""
    assert expected == read_models_config(write(text))


LIST, CUSTOM, EMPTY = ModelServerConfig(()), ModelServerConfig(is_custom=True), ModelServerConfig()
ILLEGAL = (
    "FAILED_PRECONDITION: Cannot transition to requested config. It is only legal to transition from one "
    "ModelConfigList to another."
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (EMPTY, LIST, None),
        (EMPTY, CUSTOM, None),
        (EMPTY, EMPTY, None),
        (LIST, LIST, None),
        (LIST, CUSTOM, ILLEGAL),
        (LIST, EMPTY, ILLEGAL),
        (CUSTOM, LIST, ILLEGAL),
        (CUSTOM, CUSTOM, ILLEGAL),
    ],
)
def test_which_transitions_are_legal(old, new, expected):
    """From nothing to anything, and from list to list."""
    assert expected == refusal(check_transition, old, new)


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([], None),
        ([("m", "/a"), ("n", "/a")], None),
        ([("m", "gs://bucket/a")], None),
        ([("m", "file:///a")], None),
        ([("m", "/a"), ("m", "/b")], "INVALID_ARGUMENT: Illegal to list model m multiple times in config list"),
        (
            [("m", "a/b")],
            "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=a/b",
        ),
        ([("m", "")], "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()="),
        (
            [("m", "./a://b")],
            "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=./a://b",
        ),
        (
            [("n", "x"), ("m", "/a"), ("m", "/b")],
            "INVALID_ARGUMENT: Illegal to list model m multiple times in config list",
        ),
    ],
)
def test_a_list_of_models(models, expected):
    """Names before paths."""
    assert expected == refusal(check_models, [ModelConfig(*model) for model in models])


@pytest.mark.parametrize(
    ("model_type", "platform", "expected"),
    [
        (0, "tensorflow", None),
        (1, "", None),
        (0, "", f"INVALID_ARGUMENT: {NEITHER}, model name is m"),
        (1, "tensorflow", f"INVALID_ARGUMENT: {BOTH}, model name is m"),
        (2, "", "INVALID_ARGUMENT: ModelServerConfig::model_type choice 2 not supported."),
    ],
)
def test_the_platform_of_a_model(model_type, platform, expected):
    """Said one way or the other."""
    assert expected == refusal(platform_of, ModelConfig("m", "/m", platform=platform, model_type=model_type))


def test_a_platform_that_changes():
    """For a model that stays; another one may have any."""
    old = [ModelConfig("m", "/m"), ModelConfig("gone", "/g")]

    assert refusal(check_platforms_stay, old, [ModelConfig("new", "/n", platform="other")]) is None
    assert (
        "INVALID_ARGUMENT: Illegal to change a model's platform. For model m platform was tensorflow and new platform "
        "requested is other"
    ) == refusal(check_platforms_stay, old, [ModelConfig("m", "/m", platform="other")])


def test_a_platform_that_the_server_does_not_have():
    """Named with the model that asks for it."""
    models = [ModelConfig("m", "/m"), ModelConfig("n", "/n", platform="other")]

    assert {"m": "tensorflow"} == check_routes(models[:1], {"tensorflow"})
    assert "INVALID_ARGUMENT: Model n requests unsupported platform other" == refusal(
        check_routes, models, {"tensorflow"}
    )


@pytest.mark.parametrize(
    ("version", "allow", "in_use", "expected"),
    [
        (1, False, {}, True),
        (2, False, {}, False),
        (2, False, {"a": 2}, False),
        (2, True, {}, True),
        (2, True, {"b": 1}, True),
        (2, True, {"a": 2}, True),
        (2, True, {"a": 1}, False),
        (1, True, {"a": 2}, True),
    ],
)
def test_which_labels_may_be_given(version, allow, in_use, expected):
    """To what is available (here version 1), and, if allowed, an unused one to anything."""
    models = [ModelConfig("m", "/m", version_labels={"a": version})]
    status = refusal(
        check_labels, models, lambda name, version: (name, version) == ("m", 1), {"m": in_use}, allow_unavailable=allow
    )

    assert status == (
        None
        if expected
        else f"FAILED_PRECONDITION: Request to assign label to version {version} of model m, "
        "which is not currently available for inference"
    )


def test_labels_are_replaced_as_a_whole():
    """What the new config does not name is gone."""
    models = [ModelConfig("m", "/m", version_labels={"a": 1}), ModelConfig("n", "/n")]

    assert {"m": {"a": 1}} == check_labels(models, lambda *_: True, {"n": {"b": 2}}, allow_unavailable=False)


def test_request_logs_are_refused():
    """There is no logger, as in upstream's server."""
    assert "INVALID_ARGUMENT: No request-logger-creator provided." == refusal(
        check_logging, [ModelConfig("m", "/m", has_logging_config=True)]
    )


def test_the_file_is_read_again_and_its_errors_are_logged(write, caplog):
    """What cannot be read or is refused changes nothing and ends nothing."""
    seen = []

    def reload(config):
        if not config.models:
            raise Unknown("no")
        seen.append(config.models[0].name)

    poller = ModelConfigFilePoller(write(MODEL % ""), 1, reload)
    with caplog.at_level(logging.ERROR):
        for text in (MODEL % "", "nonsense", "", MODEL % ""):
            write(text)
            poller.poll()

    assert ["m", "m"] == seen
    assert [
        "Failed to read ModelServerConfig file: Invalid protobuf file",
        "PollFilesystemAndReloadConfig failed to",
    ] == [
        record.getMessage()[: len(expected)]
        for record, expected in zip(
            caplog.records,
            ("Failed to read ModelServerConfig file: Invalid protobuf file", "PollFilesystemAndReloadConfig failed to"),
            strict=True,
        )
    ]


def test_a_reload_that_a_stop_breaks_off_is_no_error(write, caplog):
    """Nothing is wrong with the file."""
    poller = ModelConfigFilePoller(write(MODEL % ""), 1, lambda _: stop())

    def stop():
        poller.stop()
        raise Unavailable("The server is stopping.")

    poller.poll()

    assert [] == caplog.records


def test_the_poller_begins_at_once_and_goes_on(write):
    """On a thread of its own, until it is stopped."""
    polled = threading.Semaphore(0)
    poller = ModelConfigFilePoller(write(MODEL % ""), 0.01, lambda _: polled.release())
    poller.start()

    assert polled.acquire(timeout=10)
    assert polled.acquire(timeout=10)

    poller.stop()
