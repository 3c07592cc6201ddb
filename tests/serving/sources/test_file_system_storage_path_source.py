import logging
import threading

import pytest

from serving.config.model_config import ModelConfig
from serving.sources.file_system_storage_path_source import FileSystemStoragePathSource
from serving.sources.static_storage_path_source import StaticStoragePathSource
from serving.sources.version_policy import All, Latest, Specific


class Polled:
    """A source that looks when it is told to, and what it said."""

    def __init__(self, *models):
        self.source = FileSystemStoragePathSource(models, poll_wait_s=-1)
        self.source.set_aspired_versions_callback(self.hear)
        self.said = []

    def hear(self, name, versions):
        """Notes name and version to folder name."""
        self.said.append((name, {data.id.version: data.value.split("/")[-1] for data in versions}))

    def poll(self):
        """What it says at this look."""
        self.said.clear()
        self.source.poll()
        return self.said


@pytest.fixture
def folders(tmp_path):
    """Makes folders below a base path and gives the base path."""

    def run(*names, base="m"):
        (tmp_path / base).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / base / name).mkdir()
        return str(tmp_path / base)

    return run


@pytest.mark.parametrize(
    ("names", "policy", "expected"),
    [
        (("1", "2", "10"), Latest(), {10: "10"}),
        (("1", "2", "10"), Latest(2), {10: "10", 2: "2"}),
        (("1", "2", "10"), All(), {10: "10", 2: "2", 1: "1"}),
        (("1", "2", "10"), Specific(frozenset({1, 2})), {2: "2", 1: "1"}),
        (("00000123",), Latest(), {123: "00000123"}),
        (("00017", "18"), Specific(frozenset({17})), {17: "00017"}),
        (("1", "001"), Specific(frozenset({1})), {1: "1"}),
        ((" 7 ", "+8"), All(), {8: "+8", 7: " 7 "}),
        (("0",), Latest(), {0: "0"}),
        (("20170111173521",), Latest(), {20170111173521: "20170111173521"}),
        (("9223372036854775808", "-1", "1.5", "2.denied", "tmp", "v1", "1_0", "٣"), All(), {}),
        (("1",), Specific(frozenset()), {}),
        (("1",), Specific(frozenset({2})), {}),
        (("1",), Specific(frozenset({1, 2})), {1: "1"}),
    ],
)
def test_which_folders_are_versions(folders, names, policy, expected):
    """Whole names that are an int64, as the policy picks them."""
    polled = Polled(ModelConfig("m", folders(*names), policy))

    assert [("m", expected)] == polled.poll()


def test_a_file_counts_as_a_version(folders, tmp_path):
    """It fails when it is loaded, not here."""
    base = folders("4")
    (tmp_path / "m" / "5").write_text("")

    assert [("m", {5: "5"})] == Polled(ModelConfig("m", base)).poll()


def test_two_names_of_one_version(folders, caplog):
    """One is used, and the log says which."""
    with caplog.at_level(logging.WARNING):
        said = Polled(ModelConfig("m", folders("1", "001"))).poll()

    assert [("m", {1: "1"})] == said
    assert (
        "Duplicate version directories detected. Version 1 will be loaded from 1, 001 will be ignored."
    ) in caplog.text


def test_no_version_is_warned_about(folders, caplog):
    """And emits an empty list: everything is unloaded."""
    base = folders("tmp")
    with caplog.at_level(logging.WARNING):
        said = Polled(ModelConfig("m", base)).poll()

    assert [("m", {})] == said
    assert (
        f"No versions of servable m found under base path {base}. Did you forget to name your leaf directory as a "
        "number (eg. '/1/')?"
    ) in caplog.text


def test_a_specific_version_that_is_not_there_is_warned_about(folders, caplog):
    """At every look."""
    polled = Polled(ModelConfig("m", folders("1"), Specific(frozenset({1, 3}))))
    with caplog.at_level(logging.WARNING):
        polled.poll()
        polled.poll()

    assert 2 == caplog.text.count("Version 3 of servable m, which was requested to be served as a 'specific' version")


def test_one_missing_base_path_keeps_every_model_as_it_is(folders, tmp_path, caplog):
    """The whole look says nothing."""
    polled = Polled(ModelConfig("m", folders("1")), ModelConfig("n", str(tmp_path / "none")))
    with caplog.at_level(logging.ERROR):
        said = polled.poll()

    assert [] == said
    assert (
        "FileSystemStoragePathSource encountered a filesystem access error: Could not find base path "
        f"{tmp_path / 'none'} for servable n with error No such file or directory"
    ) in caplog.text


def test_a_base_path_may_be_a_uri_of_a_file(folders):
    """Without a host."""
    assert [("m", {1: "1"})] == Polled(ModelConfig("m", "file://" + folders("1"))).poll()


def test_a_new_config_un_aspires_what_is_gone_at_once(folders):
    """What stays, and what is new, waits for the next look."""
    one, two = ModelConfig("one", folders("1", base="one")), ModelConfig("two", folders("2", base="two"))
    polled = Polled(one, two)
    polled.poll()
    polled.said.clear()
    polled.source.update_config([two, ModelConfig("three", folders("3", base="three"))])

    assert [("one", {})] == polled.said
    assert [("two", {2: "2"}), ("three", {3: "3"})] == polled.poll()


@pytest.mark.parametrize("poll_wait_s", [0.01, 0])
def test_it_looks_by_itself(folders, poll_wait_s):
    """At once, and after every new config; with a wait of 0 otherwise no more."""
    said = threading.Semaphore(0)
    source = FileSystemStoragePathSource([ModelConfig("m", folders("1"))], poll_wait_s)
    source.set_aspired_versions_callback(lambda *_: said.release())

    assert said.acquire(timeout=10)

    if poll_wait_s == 0:
        assert not said.acquire(timeout=0.05)

        source.update_config(source.models)

    assert said.acquire(timeout=10)

    source.stop()


def test_a_negative_wait_never_looks(folders):
    """Nor after a new config."""
    said = []
    source = FileSystemStoragePathSource([ModelConfig("m", folders("1"))], -1)
    source.set_aspired_versions_callback(lambda *_: said.append(1))
    source.update_config(source.models)

    assert [] == said


def test_a_static_source():
    """One version, said once."""
    said = []
    StaticStoragePathSource("m", 3, "/m/3").set_aspired_versions_callback(
        lambda name, versions: said.append((name, versions[0].id.version, versions[0].value))
    )

    assert [("m", 3, "/m/3")] == said
