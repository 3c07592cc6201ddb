"""Versions that appear, vanish, are corrupt or replaced, and warm-up: sections 5, 6 and 9.3."""

from __future__ import annotations

import shutil

import pytest
from tensorflow.core.protobuf import error_codes_pb2

from tests.serving.conformance.wire import models_config, shown, tensor, wait

NO_MODEL = (
    "Specified file path does not appear to contain a SavedModel bundle (should have a file called `saved_model.pb`)\n"
    "Specified file path: VERSION"
)
RECORDS = "VERSION/assets.extra/tf_serving_warmup_requests"

BROKEN = [
    # name, what version 2 is, code, start of the message (VERSION: its folder)
    ("an empty folder", ("folder",), "NOT_FOUND", NO_MODEL),
    ("a plain file", ("file",), "NOT_FOUND", NO_MODEL),
    ("other files only", ("folder", "model.txt"), "NOT_FOUND", NO_MODEL),
    ("a session bundle", ("folder", "export.meta"), "UNIMPLEMENTED", "Session Bundle is deprecated and removed."),
    ("no protobuf", ("folder", "saved_model.pb"), "DATA_LOSS", "Can't parse VERSION/saved_model.pb as binary proto"),
    ("warm-up of a session run", ("warmup", "session_run"), "UNIMPLEMENTED", "Unsupported log_type for warmup: 5"),
    ("warm-up with garbage", ("warmup", "garbage"), "INVALID_ARGUMENT", "Failed to parse warmup record: "),
    ("warm-up of no signature", ("warmup", "bad_signature"), "FAILED_PRECONDITION",
     'Serving signature key "nope" not found.'),
    ("too many warm-up records", ("warmup", "too_many"), "INVALID_ARGUMENT",
     f"Number of warmup records exceeds the maximum (1000) at {RECORDS}"),
    ("warm-up in another format", ("warmup", "not_tfrecord"), "DATA_LOSS", ""),
]  # fmt: skip

GOOD = [
    # name, warm-up file of version 2
    ("good", "good"),
    ("as many as may be", "most"),
    ("empty", "empty"),
]

NAMES = [
    # folder's name, version
    ("1", 1),
    ("0", 0),
    ("007", 7),
    ("+5", 5),
    (" 9 ", 9),
    ("20170111173521", 20170111173521),
]
IGNORED = ["2.denied", "tmp", "3a", "v4", "0x10", "1.0", "9223372036854775808", "new"]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the models of this file are."""
    return tmp_path_factory.mktemp("versions")


@pytest.fixture(scope="module")
def server(start, place, saved, folder):
    """Every model of this file at version 1; the tables' second versions are put there while it serves."""
    tables = [f"broken_{i}" for i in range(len(BROKEN))] + [f"good_{i}" for i in range(len(GOOD))]
    scenarios = ["replaced", "removed", "emptied", "failed", "lower", "untouched"]
    for name in [*tables, *scenarios]:
        place("half_plus_two", folder / name, 1)
    for name, _ in NAMES:
        place("plus_1", folder / "names", name)
    for name in IGNORED:
        place("plus_1", folder / "names", name)
    for name in ("1", "00017", "18"):
        place("plus_1", folder / "specific", name)
    bases = {name: folder / name for name in [*tables, *scenarios, "names", "specific"]}
    extra = {
        "names": "model_version_policy { all {} }",
        "specific": "model_version_policy { specific { versions: 17 versions: 1 versions: 99 } }",
    }
    config = folder / "models.config"
    config.write_text(models_config(bases, extra))
    server = start(f"--model_config_file={config}", "--max_num_load_retries=0", "--num_load_threads=2").ready()
    for number, row in enumerate(BROKEN):
        _put(place, saved, folder / f"broken_{number}", row[1])
    for number, row in enumerate(GOOD):
        _put(place, saved, folder / f"good_{number}", ("warmup", row[1]))
    return server


def _put(place, saved, base, what):
    """Makes version 2 as a row of a table says."""
    kind, *name = what
    if kind == "file":
        (base / "2").write_text("no folder")
        return
    new = base / "tmp"
    if kind == "folder":
        new.mkdir()
        for file in name:
            (new / file).write_bytes(b"\xff\xff no model")
    else:
        shutil.copytree(saved / "half_plus_two", new)
        (new / "assets.extra").mkdir()
        shutil.copy(saved / "warmups" / name[0], new / "assets.extra" / "tf_serving_warmup_requests")
    new.rename(base / "2")


def status(server, name, version):
    """(code, message) of a version's status."""
    text = f'model_spec {{ name: "{name}" version {{ value: {version} }} }}'
    one = server.call("GetModelStatus", text).response.model_version_status[0].status
    return error_codes_pb2.Code.Name(one.error_code), one.error_message


def served(server, name):
    """The version that answers, or the code of the refusal."""
    reply = server.predict(name, {"x": tensor("float32", [1.0])})
    return reply.response.model_spec.version.value if reply.code == "OK" else reply.code


BROKEN_NUMBERED = [(row[0], number, *row[2:]) for number, row in enumerate(BROKEN)]
GOOD_NUMBERED = [(row[0], number) for number, row in enumerate(GOOD)]


@pytest.mark.parametrize(("number", "code", "message"), rows(BROKEN_NUMBERED))
def test_a_broken_version_ends_and_the_old_one_stays(server, folder, number, code, message):
    """END with its error, for good; version 1 answers."""
    name = f"broken_{number}"
    wait(lambda: server.states(name) == {2: "END", 1: "AVAILABLE"})
    got = status(server, name, 2)

    assert code == got[0], got[1]
    assert got[1].startswith(message.replace("VERSION", str(folder / name / "2")))
    assert 1 == served(server, name)


@pytest.mark.parametrize("number", rows(GOOD_NUMBERED))
def test_a_warmed_version_replaces_the_old_one(server, number):
    """AVAILABLE; version 1 ends without an error."""
    name = f"good_{number}"
    wait(lambda: server.states(name) == {2: "AVAILABLE", 1: "END"})

    assert (2, ("OK", "")) == (served(server, name), status(server, name, 1))


def test_records_of_another_format_are_explained(server):
    """DATA_LOSS, with advice."""
    number = next(i for i, row in enumerate(BROKEN) if row[1] == ("warmup", "not_tfrecord"))
    wait(lambda: server.states(f"broken_{number}").get(2) == "END")

    message = status(server, f"broken_{number}", 2)[1]
    assert message.endswith("Please verify your warmup data is in TFRecord format.")


@pytest.mark.parametrize(("name", "version"), NAMES)
def test_a_folders_name_is_a_number(server, name, version):
    """Leading zeros, a sign and blanks around are allowed."""
    reply = server.predict("names", {"x": tensor("float32", [1.0])}, version=version)

    assert ("OK", version) == (reply.code, reply.response.model_spec.version.value if reply.response else reply.message)


def test_other_names_are_ignored(server):
    """In silence."""
    assert {version: "AVAILABLE" for _, version in NAMES} == server.states("names")


def test_specific_versions_are_found_by_number(server):
    """Also behind leading zeros; missing ones are not waited for, others not served."""
    assert {17: "AVAILABLE", 1: "AVAILABLE"} == server.states("specific")


def test_a_higher_version_replaces_the_lower_one(server, place, folder):
    """And what it answers is its own."""
    place("plus_2", folder / "replaced", 2)
    wait(lambda: server.states("replaced") == {2: "AVAILABLE", 1: "END"})

    reply = server.predict("replaced", {"x": tensor("float32", [1.0])})
    assert ("float32", [1], [3.0]) == shown(reply.response.outputs["y"])


def test_a_lower_version_is_not_loaded(server, place, folder):
    """Latest 1 is the highest number; the lower one is never heard of."""
    place("plus_2", folder / "lower", 0)
    place("plus_2", folder / "lower", 5)
    wait(lambda: server.states("lower").get(5) == "AVAILABLE")

    assert 5 == served(server, "lower")
    assert 0 not in server.states("lower")


def test_a_removed_version_gives_way_to_the_best_remaining_one(server, place, folder):
    """Loaded before the removed one goes."""
    place("plus_2", folder / "removed", 2)
    wait(lambda: server.states("removed") == {2: "AVAILABLE", 1: "END"})
    (folder / "removed" / "2").rename(folder / "removed" / "2.denied")
    wait(lambda: server.states("removed") == {2: "END", 1: "AVAILABLE"})

    assert 1 == served(server, "removed")


def test_an_empty_base_path_unloads_all_versions(server, place, folder):
    """And a version that comes back is served again."""
    shutil.rmtree(folder / "emptied" / "1")
    wait(lambda: server.states("emptied") == {1: "END"})
    assert "NOT_FOUND" == served(server, "emptied")
    place("half_plus_two", folder / "emptied", 1)
    wait(lambda: server.states("emptied") == {1: "AVAILABLE"})

    assert 1 == served(server, "emptied")


def test_a_failed_version_is_tried_again_only_when_it_comes_anew(server, place, folder):
    """Repairing its files does not help; taking it away and bringing it back does."""
    base = folder / "failed"
    (base / "2").mkdir()
    wait(lambda: server.states("failed") == {2: "END", 1: "AVAILABLE"})
    shutil.copytree(folder / "failed" / "1", base / "2", dirs_exist_ok=True)
    place("plus_2", folder / "untouched", 2)
    wait(lambda: server.states("untouched").get(2) == "AVAILABLE")
    assert {2: "END", 1: "AVAILABLE"} == server.states("failed")

    (base / "2").rename(base / "away")
    place("plus_3", folder / "untouched", 3)
    wait(lambda: server.states("untouched").get(3) == "AVAILABLE")
    (base / "away").rename(base / "2")
    wait(lambda: server.states("failed") == {2: "AVAILABLE", 1: "END"})


def test_a_missing_base_path_stops_the_poll_of_all_models(server, place, folder):
    """Nothing changes for any of them until it is back."""
    (folder / "names").rename(folder / "gone")
    before = server.log().count("names")
    wait(lambda: server.log().count("names") > before + 1)
    place("plus_3", folder / "replaced", 9)
    before = server.log().count("names")
    wait(lambda: server.log().count("names") > before + 1)
    assert 9 not in server.states("replaced")
    assert {version: "AVAILABLE" for _, version in NAMES} == server.states("names")

    (folder / "gone").rename(folder / "names")
    wait(lambda: server.states("replaced").get(9) == "AVAILABLE")


def test_readyz_names_the_model_that_is_not_there(start, place, tmp_path):
    """503 with a sentence for it, and 200 when it is back."""
    place("plus_1", tmp_path / "plus", 1)
    server = start("--model_name=missing_one", f"--model_base_path={tmp_path / 'plus'}").ready()
    assert 200 == server.get("/readyz").status
    shutil.rmtree(tmp_path / "plus" / "1")
    wait(lambda: server.states("missing_one") == {1: "END"})

    answer = server.get("/readyz")
    assert (503, True) == (answer.status, b"missing_one" in answer.body)
    assert 200 == server.get("/healthz").status
    place("plus_1", tmp_path / "plus", 1)
    wait(lambda: server.get("/readyz").status == 200)


def test_a_changed_config_file_is_read_again(start, place, tmp_path):
    """With model_config_file_poll_wait_seconds; a bad one changes nothing."""
    for name in ("one", "two"):
        place("plus_1", tmp_path / name, 1)
    config = tmp_path / "models.config"
    config.write_text(models_config({"one": tmp_path / "one"}))
    server = start(f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1").ready()
    config.write_text("nonsense {")
    wait(lambda: "nonsense" in server.log())
    assert {1: "AVAILABLE"} == server.states("one")
    config.write_text(models_config({name: tmp_path / name for name in ("one", "two")}))
    wait(lambda: server.states("two") == {1: "AVAILABLE"})


def test_a_unix_socket_serves_without_a_port(start, place, tmp_path):
    """grpc_socket_path alone is enough."""
    place("plus_1", tmp_path / "plus", 1)
    path = tmp_path / "s"
    server = start("--port=0", f"--grpc_socket_path={path}", f"--model_base_path={tmp_path / 'plus'}", ports=False)
    wait(path.exists)
    server.target = f"unix:{path}"

    assert {1: "AVAILABLE"} == server.states("default")
