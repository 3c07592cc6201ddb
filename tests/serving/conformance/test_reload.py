"""HandleReloadConfigRequest: sections 4 and 7.6 (model_servers/server_core.cc of TF Serving 2.20.0)."""

# ruff: noqa: E501, ISC004 -- a table is read row by row

from __future__ import annotations

import json

import pytest

from tests.serving.conformance.wire import models_config, tensor, wait

NOT_A_LIST = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
)
UNAVAILABLE = "Request to assign label to version 9 of model plus, which is not currently available for inference"


@pytest.fixture(scope="module")
def base(place, tmp_path_factory):
    """A folder with `plus` (versions 1, 2), `other` (version 1), `broken` (a version that cannot load), `empty`."""
    folder = tmp_path_factory.mktemp("reload")
    for name, number in (("plus", 1), ("plus", 2), ("other", 1)):
        place(f"plus_{number}", folder / name, number)
    (folder / "broken" / "1").mkdir(parents=True)
    (folder / "empty").mkdir()
    return folder


ALL = "model_version_policy { all {} }"


@pytest.fixture(scope="module")
def server(start, base):
    """Serves `plus`, all versions; loads are tried once."""
    config = base / "models.config"
    config.write_text(models_config({"plus": base / "plus"}, {"plus": ALL}))
    return start(f"--model_config_file={config}", "--max_num_load_retries=0").ready()


@pytest.fixture
def reload(server, base):
    """Reloads a config given as text, BASE standing for the folder; first `plus` alone is served, without labels."""

    def run(config, more=""):
        text = config.replace("BASE", str(base))
        return server.call("HandleReloadConfigRequest", f"config {{ {text} }} {more}" if text else more)

    run(PLAIN)
    wait(lambda: server.states("plus") == {2: "AVAILABLE", 1: "AVAILABLE"})
    wait(lambda: server.states("other").get(1, "END") == "END")
    return run


def model(name, base_path=None, more=ALL, platform='model_platform: "tensorflow"'):
    """One config entry."""
    return f'config {{ name: {json.dumps(name)} base_path: "{base_path or "BASE/" + name}" {platform} {more} }}'


def listed(*entries):
    """A model_config_list."""
    return f"model_config_list {{ {' '.join(entries)} }}"


def label(**labels):
    """version_labels."""
    return ALL + "".join(f' version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())


PLAIN = listed(model("plus"))

REFUSED = [
    # name, config ("": none), code, message
    ("no config", "", "INVALID_ARGUMENT", NOT_A_LIST),
    ("empty config", " ", "INVALID_ARGUMENT", NOT_A_LIST),
    ("custom config", 'custom_model_config { type_url: "type.googleapis.com/x.Y" }', "INVALID_ARGUMENT", NOT_A_LIST),
    ("twice", listed(model("plus"), model("plus")), "INVALID_ARGUMENT",
     "Illegal to list model plus multiple times in config list"),
    ("twice, elsewhere", listed(model("plus"), model("other"), model("other", "/x")), "INVALID_ARGUMENT",
     "Illegal to list model other multiple times in config list"),
    ("relative path", listed(model("plus"), model("other", "other/path")), "INVALID_ARGUMENT",
     "Expected model other to have an absolute path or URI; got base_path()=other/path"),
    ("no path", listed('config { name: "other" model_platform: "tensorflow" }'), "INVALID_ARGUMENT",
     "Expected model other to have an absolute path or URI; got base_path()="),
    ("twice before relative", listed(model("plus", "x"), model("plus", "y")), "INVALID_ARGUMENT",
     "Illegal to list model plus multiple times in config list"),
    ("other platform", listed(model("plus", platform='model_platform: "other"')), "INVALID_ARGUMENT",
     "Illegal to change a model's platform. For model plus platform was tensorflow and new platform requested is other"),
    ("type and platform", listed(model("plus", platform='model_platform: "tensorflow" model_type: TENSORFLOW')),
     "INVALID_ARGUMENT",
     "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, "
     "model name is plus"),
    ("neither type nor platform", listed(model("plus", platform="")), "INVALID_ARGUMENT",
     "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
     "model name is plus"),
    ("label of a version that is not there", listed(model("plus", more=label(stable=9))), "FAILED_PRECONDITION",
     UNAVAILABLE),
    ("one label good, one bad", listed(model("plus", more=label(good=1, stable=9))), "FAILED_PRECONDITION",
     UNAVAILABLE),
    ("label of a model that is not there yet", listed(model("plus"), model("other", more=label(stable=1))),
     "FAILED_PRECONDITION",
     "Request to assign label to version 1 of model other, which is not currently available for inference"),
    ("unknown platform of a new model", listed(model("plus"), model("other", platform='model_platform: "fantasy"')),
     ("INVALID_ARGUMENT", "FAILED_PRECONDITION"),
     ("Model other requests unsupported platform fantasy", "PlatformConfigMap has no entry for platform fantasy")),
]  # fmt: skip


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("config", "code", "message"), rows(REFUSED))
def test_a_config_is_refused_and_nothing_changes(server, reload, config, code, message):
    """Code and message, and the old config is served."""
    reply = reload(config)

    if isinstance(code, tuple):
        assert reply.code in code
        assert reply.message in message
    else:
        assert (code, message) == (reply.code, reply.message)
    assert {2: "AVAILABLE", 1: "AVAILABLE"} == server.states("plus")


def test_a_new_model_is_there_when_the_call_returns(server, reload):
    """The call waits for it."""
    reply = reload(listed(model("plus"), model("other")))

    assert ("OK", 0, "") == (reply.code, reply.response.status.error_code, reply.response.status.error_message)
    assert 200 == server.post("/v1/models/other:predict", '{"instances": [1.0]}').status


def test_a_model_left_out_is_unloaded(server, reload):
    """Not at once, but soon, and for good."""
    reload(listed(model("plus"), model("other")))
    assert "OK" == reload(PLAIN).code
    wait(lambda: server.states("other") == {1: "END"})

    reply = server.predict("other", {"x": tensor("float32", [1.0])})
    assert ("NOT_FOUND", "Servable not found for request: Latest(other)") == (reply.code, reply.message)


def test_a_model_comes_back(server, reload):
    """Its END entry becomes AVAILABLE again.

    Whether that very call says OK is left open: upstream may still see the END of the model's former life.
    """
    for config, state in ((listed(model("plus"), model("other")), "AVAILABLE"), (PLAIN, "END")) * 2:
        assert reload(config).code in {"OK", "UNKNOWN"}
        wait(lambda want=state: server.states("other") == {1: want})


def test_an_empty_list_unloads_all(server, reload):
    """It is a list."""
    assert "OK" == reload("model_config_list { }").code
    wait(lambda: server.states("plus") == {2: "END", 1: "END"})


def test_a_new_model_that_cannot_load(reload):
    """UNKNOWN, with each failure."""
    reply = reload(listed(model("plus"), model("broken")))

    assert "UNKNOWN" == reply.code
    assert reply.message.startswith(
        "1 model(s) did not become available: {{{name: broken version: 1} due to error: NOT_FOUND: "
    )


def test_a_policy_applies_at_the_next_poll(server, reload):
    """Latest 1, then specific, then all."""
    for policy, served in (
        ("", {2}),
        ("model_version_policy { specific { versions: 1 } }", {1}),
        ("model_version_policy { latest { num_versions: 2 } }", {1, 2}),
        ("model_version_policy { specific { versions: 1 versions: 2 versions: 7 } }", {1, 2}),
    ):
        assert "OK" == reload(listed(model("plus", more=policy))).code
        wait(lambda want=served: {v for v, state in server.states("plus").items() if state == "AVAILABLE"} == want)


def test_labels_follow_the_config(server, reload):
    """Assigned, moved, removed."""

    def version(name):
        reply = server.predict("plus", {"x": tensor("float32", [1.0])}, version_label=name)
        return reply.response.model_spec.version.value if reply.code == "OK" else reply.message

    assert "OK" == reload(listed(model("plus", more=label(stable=1, canary=2)))).code
    assert (1, 2) == (version("stable"), version("canary"))
    assert "OK" == reload(listed(model("plus", more=label(stable=2)))).code
    assert (2, "Unrecognized servable version label: canary") == (version("stable"), version("canary"))
    assert "FAILED_PRECONDITION" == reload(listed(model("plus", more=label(stable=9)))).code
    assert 2 == version("stable")


def test_metrics_grow_during_a_reload(reload):
    """Each asked for by name; unknown ones do not grow."""
    names = (":tensorflow:serving:request_count", "/tensorflow/serving/nothing")
    more = " ".join(f'metric_names: "{name}"' for name in names)
    reply = reload(PLAIN, more)

    assert "OK" == reply.code
    assert list(names) == [metric.name for metric in reply.response.metric]
    assert 0 == reply.response.metric[1].int64_value_increase
