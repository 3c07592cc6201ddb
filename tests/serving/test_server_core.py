"""What ServerCore accepts, does and waits for, with loaders that load nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import pytest

from serving.config.model_config import ModelConfig, ModelServerConfig
from serving.core.loader_harness import RetryOptions
from serving.core.manager_options import ManagerOptions
from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState
from serving.errors import DataLoss, ServingError
from serving.model_spec import ModelSpec
from serving.options import ServerCoreOptions
from serving.server_core import ServerCore
from serving.sources.static_storage_path_source import StaticStoragePathSource
from serving.sources.version_policy import All, Specific

WAIT_S = 10
AVAILABLE, END = ManagerState.AVAILABLE, ManagerState.END


class FolderLoader:
    """The servable is the folder's path; a folder with a file `bad` is damaged."""

    def __init__(self, _id, path):
        self.path = path

    def load(self):
        """Raises DataLoss if it is told to."""
        if Path(self.path, "bad").exists():
            raise DataLoss("damaged")
        return self.path

    def unload(self):
        """Frees nothing."""


class Core:
    """A core that polls a hundred times a second, and folders below a base."""

    def __init__(self, base, *, allow_labels=False):
        options = ServerCoreOptions(
            ManagerOptions(RetryOptions(0, 0)),
            file_system_poll_wait_s=0.01,
            allow_version_labels_for_unavailable_models=allow_labels,
        )
        self.core = ServerCore({"tensorflow": FolderLoader}, options)
        self.base = base

    def add(self, name, *versions, bad=False):
        """Makes version folders."""
        for version in versions:
            made = self.base / "aside" / name / str(version)
            made.mkdir(parents=True)
            if bad:
                (made / "bad").touch()
            (self.base / name).mkdir(exist_ok=True)
            made.rename(self.base / name / str(version))

    def model(self, name, **more):
        """A model of these folders."""
        return ModelConfig(name, str(self.base / name), **more)

    def reload(self, *models):
        """Serves these; the status if it is refused, else None."""
        try:
            self.core.reload_config(ModelServerConfig(models))
        except ServingError as error:
            return error.status()
        return None

    def ask(self, name="m", version=None, label=None):
        """The version that answers, or the error's text."""
        try:
            with self.core.servable_handle(ModelSpec(name, version, label)) as handle:
                return handle.id.version
        except ServingError as error:
            return error.status()

    def await_state(self, name, version, state):
        """Waits for a version."""
        assert self.core.monitor.wait_until(ServableId(name, version), state, WAIT_S)


@pytest.fixture
def start(tmp_path):
    """Makes cores, and stops them at the end."""
    made = []

    def run(**options):
        made.append(Core(tmp_path, **options))
        return made[-1]

    yield run
    for core in made:
        core.core.stop()


@pytest.fixture
def served(start):
    """Version 1 of m is served."""
    core = start()
    core.add("m", 1)
    assert core.reload(core.model("m")) is None
    return core


def test_the_first_config_is_waited_for(served):
    """Every model has a version then."""
    assert 1 == served.ask() == served.ask(version=1)
    assert "NOT_FOUND: Servable not found for request: Specific(m, 2)" == served.ask(version=2)
    assert "NOT_FOUND: Servable not found for request: Latest(n)" == served.ask("n")
    assert "INVALID_ARGUMENT: ModelSpec has no name specified." == served.ask("")
    assert "INVALID_ARGUMENT: Unrecognized servable version label: a" == served.ask(label="a")
    assert served.core.ready()


def test_models_that_cannot_be_loaded_at_first(start):
    """All of them in one sentence, in order; of several versions the highest counts."""
    core = start()
    core.add("b", 1, bad=True)
    core.add("a", 1)
    core.add("a", 2, bad=True)
    core.add("c", 1)

    assert (
        "UNKNOWN: 2 servable(s) did not become available: {{{name: a version: 2} due to error: DATA_LOSS: damaged}, "
        "{{name: b version: 1} due to error: DATA_LOSS: damaged}, }"
    ) == core.reload(core.model("b"), core.model("a", policy=All()), core.model("c"))


def test_a_new_model_is_waited_for_and_an_old_one_goes(served):
    """One config at a time says all that is served."""
    served.add("n", 1)

    assert served.reload(served.model("n")) is None
    assert 1 == served.ask("n")

    served.await_state("m", 1, END)

    assert "NOT_FOUND: Servable not found for request: Latest(m)" == served.ask()


def test_a_new_model_that_cannot_be_loaded(served):
    """The call fails, the others are served on."""
    served.add("n", 3, bad=True)

    assert (
        "UNKNOWN: 1 model(s) did not become available: {{{name: n version: 3} due to error: DATA_LOSS: damaged}, }"
    ) == served.reload(served.model("m"), served.model("n"))
    assert 1 == served.ask()
    assert ["Version 3 of model n could not be loaded: DATA_LOSS: damaged"] == served.core.not_ready_reasons()


def test_a_model_that_comes_back_is_waited_for_anew(served):
    """What it was before it went does not count."""
    assert served.reload() is None

    served.await_state("m", 1, END)

    assert served.reload(served.model("m")) is None
    assert 1 == served.ask()


def test_models_that_go_and_come_back_at_once_begin_anew(served):
    """However far their unload has come: the call returns, and what answers is read from the new base paths."""
    names = [f"n{number}" for number in range(30)]
    for name in names:
        served.add(name, 1)
        served.add(f"{name}.new", 1)
    folders = [names, [f"{name}.new" for name in names]]
    for step in range(20):
        models = [
            replace(served.model(folder), name=name) for name, folder in zip(names, folders[step % 2], strict=True)
        ]
        assert served.reload(served.model("m")) is None
        with ThreadPoolExecutor(1) as executor:
            reload = executor.submit(served.reload, served.model("m"), *models)
            wait([reload], WAIT_S)
            if not reload.done():
                served.core.begin_stop()
            assert reload.result() is None
        for model in models:
            with served.core.servable_handle(ModelSpec(model.name)) as handle:
                assert handle.servable == f"{model.base_path}/1"


def test_a_changed_policy_applies_without_waiting(served):
    """Known models are not waited for."""
    served.add("m", 2)
    served.await_state("m", 1, END)

    assert served.reload(served.model("m", policy=Specific(frozenset({1})))) is None

    served.await_state("m", 2, END)

    assert 1 == served.ask()


def test_a_changed_base_path(served):
    """Another folder is another model's worth of versions."""
    served.add("elsewhere", 7)

    assert served.reload(ModelConfig("m", str(served.base / "elsewhere"))) is None

    served.await_state("m", 1, END)

    assert 7 == served.ask()


def test_what_is_refused_changes_nothing(served):
    """Each in upstream's words; the checks themselves have tables of their own."""
    core = served.core
    with pytest.raises(ServingError, match="Cannot transition to requested config"):
        core.reload_config(ModelServerConfig(is_custom=True))

    assert "INVALID_ARGUMENT: Illegal to list model m multiple times in config list" == served.reload(
        served.model("m"), served.model("m")
    )
    assert "INVALID_ARGUMENT: Expected model n to have an absolute path or URI; got base_path()=n" == served.reload(
        ModelConfig("n", "n")
    )
    assert (
        "INVALID_ARGUMENT: Illegal to change a model's platform. For model m platform was tensorflow and new platform "
        "requested is other"
    ) == served.reload(served.model("m", platform="other"))
    assert "INVALID_ARGUMENT: Model n requests unsupported platform other" == served.reload(
        served.model("n", platform="other")
    )
    assert 1 == served.ask()
    assert core.ready()


def test_an_empty_config_first(start):
    """Nothing happens, and a list may follow."""
    core = start()
    core.core.reload_config(ModelServerConfig())
    core.add("m", 1)

    assert core.reload(core.model("m")) is None
    assert 1 == core.ask()


def test_a_custom_config(start):
    """No one has said what that would be."""
    with pytest.raises(ServingError, match="ModelServer does not yet support custom model config"):
        start().core.reload_config(ModelServerConfig(is_custom=True))


def test_labels(served):
    """Given to what is available, replaced as a whole, moved only to what is available."""
    refused = (
        "FAILED_PRECONDITION: Request to assign label to version 2 of model m, "
        "which is not currently available for inference"
    )

    assert served.reload(served.model("m", policy=All(), version_labels={"stable": 1})) is None
    assert 1 == served.ask(label="stable")
    assert refused == served.reload(served.model("m", policy=All(), version_labels={"stable": 2}))
    assert 1 == served.ask(label="stable")

    served.add("m", 2)
    served.await_state("m", 2, AVAILABLE)

    assert served.reload(served.model("m", policy=All(), version_labels={"stable": 2, "old": 1})) is None
    assert (2, 1) == (served.ask(label="stable"), served.ask(label="old"))
    assert served.reload(served.model("m", policy=All(), version_labels={"old": 1})) is None
    assert "INVALID_ARGUMENT: Unrecognized servable version label: stable" == served.ask(label="stable")


def test_labels_in_the_first_config(start):
    """Nothing is available then, so it takes the flag."""
    core = start(allow_labels=True)
    core.add("m", 1)

    assert core.reload(core.model("m", version_labels={"a": 1, "b": 5})) is None
    assert 1 == core.ask(label="a")
    assert "NOT_FOUND: Servable not found for request: Specific(m, 5)" == core.ask(label="b")
    assert "FAILED_PRECONDITION" in core.reload(core.model("m", version_labels={"a": 5}))

    other = start()

    assert "FAILED_PRECONDITION" in other.reload(core.model("m", version_labels={"a": 1}))


def test_request_logs_are_refused_after_loading(start):
    """As upstream: what was asked for is served all the same."""
    core = start()
    core.add("m", 1)

    assert "INVALID_ARGUMENT: No request-logger-creator provided." == core.reload(
        core.model("m", has_logging_config=True)
    )
    assert 1 == core.ask()


def test_a_stop_ends_a_reload_that_waits(start):
    """For a model without versions; a second call waits behind it and ends too."""
    core = start()
    (core.base / "m").mkdir()
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(core.reload(core.model("m")))) for _ in range(2)]
    for thread in threads:
        thread.start()

    assert not core.core.ready()

    threads[0].join(0.1)
    core.core.begin_stop()
    for thread in threads:
        thread.join(WAIT_S)

    assert ["UNAVAILABLE: The server is stopping."] * 2 == statuses
    assert ["The server is stopping."] == core.core.not_ready_reasons()


def test_readiness_follows_what_is_aspired(start):
    """Before a config, without versions, with one, and with one that fails."""
    core = start()

    assert ["The server has no configuration yet."] == core.core.not_ready_reasons()

    core.add("m", 1)
    core.reload(core.model("m", policy=Specific(frozenset({1, 2}))))

    assert ["Version 2 of model m was not found."] == core.core.not_ready_reasons()

    core.add("m", 2)
    core.await_state("m", 2, AVAILABLE)

    assert core.core.ready()


def test_a_source_of_ones_own(start):
    """Goes straight to its platform."""
    core = start()
    core.add("m", 4)
    core.core.connect(StaticStoragePathSource("m", 4, str(core.base / "m" / "4")))
    core.await_state("m", 4, AVAILABLE)

    assert 4 == core.ask()
    assert core.core.ready()


def test_a_stopped_core_serves_nothing(served):
    """Everything is unloaded, and nothing is loaded any more."""
    served.core.stop()

    assert [] == served.core.available_ids()
    assert END is served.core.monitor.state(ServableId("m", 1)).state
    assert "UNAVAILABLE: The server is stopping." == served.reload(served.model("m"))
