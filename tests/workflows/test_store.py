import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from training import manifest as training_manifest
from workflows.errors import StoreError
from workflows.store import MANIFEST, find, publish, require_digest, verify, versions

V1, V2 = "20261122143000", "20261122150000"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def export(tmp_path):
    """Makes a version directory as the step export does: small files, and a manifest of them."""

    def make(version=V1, content="weights", *, files=3, model="digits", uid="uid-1") -> Path:
        folder = tmp_path / f"export-{version}-{content[:8]}-{uid}"
        (folder / "variables").mkdir(parents=True)
        (folder / "assets.extra").mkdir()
        (folder / "saved_model.pb").write_text(content)
        (folder / "assets.extra" / "mlmd_uuid").write_text(uid)
        for number in range(files):
            (folder / "variables" / f"part-{number}").write_text(f"{content} {number}")
        training_manifest.write(folder, {"model": model, "version": version})
        return folder

    return make


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_published_version_is_the_export_byte_for_byte(export, tmp_path):
    """It is found by model and version, and is whole."""
    source = export()

    target = publish(source, tmp_path / "store", "digits", V1)

    assert tmp_path / "store" / "digits" / V1 == target == find(tmp_path / "store", "digits", V1)
    assert contents(source) == contents(target)
    assert [V1] == versions(tmp_path / "store", "digits")
    assert V1 == verify(target)["version"]


def test_the_trace_id_is_no_part_of_the_digest(export):
    """It names the run, not the content, so two equal trainings have one digest."""
    assert verify(export(uid="uid-2"))["digest"] == verify(export(uid="uid-3"))["digest"]


def test_publishing_again_changes_nothing(export, tmp_path):
    """A retried step finds its version there; so does a rerun with another trace id."""
    target = publish(export(), tmp_path / "store", "digits", V1)
    before = target.stat().st_ino

    publish(export(uid="other"), tmp_path / "store", "digits", V1)

    assert before == target.stat().st_ino


def test_other_content_under_a_version_is_refused(export, tmp_path):
    """And the store keeps what it had."""
    target = publish(export(), tmp_path / "store", "digits", V1)
    before = contents(target)

    with pytest.raises(StoreError, match="a version is never made twice"):
        publish(export(content="others"), tmp_path / "store", "digits", V1)
    assert before == contents(target)


def flip(folder: Path) -> None:
    """Changes a file."""
    (folder / "variables" / "part-1").write_text("altered")


def drop(folder: Path) -> None:
    """Takes a file away."""
    (folder / "variables" / "part-1").unlink()


def add(folder: Path) -> None:
    """Puts a file more."""
    (folder / "more").write_text("more")


def lie(folder: Path) -> None:
    """States another digest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"digest": "sha256:" + "0" * 64}))


def garble(folder: Path) -> None:
    """Leaves no JSON."""
    (folder / MANIFEST).write_text("{")


def empty(folder: Path) -> None:
    """Leaves JSON that is no manifest."""
    (folder / MANIFEST).write_text("[]")


def unmanifest(folder: Path) -> None:
    """Takes the manifest away."""
    (folder / MANIFEST).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip, "was altered: variables/part-1 has not the digest"),
        (drop, "variables/part-1 is missing"),
        (add, "more is not in the manifest"),
        (lie, "the manifest's digest is not that of its files"),
        (garble, "is not JSON"),
        (empty, "has no model of the kind str"),
        (unmanifest, "is no version: it has no assets.extra/manifest.json"),
    ],
)
def test_a_damaged_export_never_reaches_the_store(export, tmp_path, damage, words):
    """The first thing that is wrong is named."""
    source = export()
    damage(source)

    with pytest.raises(StoreError, match=words):
        publish(source, tmp_path / "store", "digits", V1)
    assert not (tmp_path / "store" / "digits" / V1).exists()


@pytest.mark.parametrize(
    ("model", "version", "words"),
    [
        ("cancer", V1, "holds digits"),
        ("digits", V2, "holds digits"),
        ("../x", V1, "a version is"),
        ("digits", "v1", "a version is"),
    ],
)
def test_a_version_is_only_published_as_what_it_is(export, tmp_path, model, version, words):
    """Another model or version than the manifest's, or no name at all, is refused."""
    with pytest.raises(StoreError, match=words):
        publish(export(), tmp_path / "store", model, version)


def test_a_version_is_held_against_the_digest_that_an_overlay_names(export, tmp_path):
    """Whole and the same passes; whole but another, or altered, is refused; an overlay may name none."""
    target = publish(export(), tmp_path / "store", "digits", V1)
    digest = verify(target)["digest"]

    assert V1 == require_digest(target, digest)["version"] == require_digest(target, "")["version"]
    with pytest.raises(StoreError, match=f"the overlay names sha256:{'0' * 64}"):
        require_digest(target, "sha256:" + "0" * 64)
    flip(target)
    with pytest.raises(StoreError, match="variables/part-1 has not the digest"):
        require_digest(target, digest)


def test_what_is_not_there_is_answered_with_what_is(export, tmp_path):
    """Unknown models and versions list the known ones."""
    store = tmp_path / "store"
    publish(export(), store, "digits", V1)

    with pytest.raises(StoreError, match=f"no version {V2} of digits in .*: the newest are {V1}"):
        find(store, "digits", V2)
    with pytest.raises(StoreError, match=r"no model cancer in .*: the models there are digits"):
        find(store, "cancer", V1)


def test_versions_are_in_the_order_of_numbers(export, tmp_path):
    """Not of text; hidden and other folders are none."""
    for version in ("9", "10"):
        publish(export(version), tmp_path / "store", "digits", version)
    (tmp_path / "store" / "digits" / "notes").mkdir()

    assert ["9", "10"] == versions(tmp_path / "store", "digits")


LIMITED = """
import resource, sys
from pathlib import Path
from workflows.store import StoreError, publish
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    publish(Path(sys.argv[1]), Path(sys.argv[2]), "digits", sys.argv[3])
except StoreError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_one_sentence(export, tmp_path):
    """And nothing half is left there; a limit on the size of files stands for the full disk."""
    store = tmp_path / "store"
    command = [sys.executable, "-c", LIMITED, export(content="w" * 3000), store, V1]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert said.startswith(f"{store}/digits/{V1} cannot be written (")
    assert "File too large" in said
    assert said.endswith("make room or correct the permissions\n")
    assert [] == list((store / "digits").iterdir())


def test_a_store_that_is_no_folder_is_one_sentence(export, tmp_path):
    """A file lies in the way."""
    (tmp_path / "store").write_text("")

    with pytest.raises(StoreError, match=r"cannot be written \(Not a directory\)"):
        publish(export(), tmp_path / "store", "digits", V1)


def test_publishes_of_one_version_at_once_make_one(export, tmp_path):
    """Eight threads, one folder, no error."""
    source, errors = export(files=20), []

    def work() -> None:
        try:
            publish(source, tmp_path / "store", "digits", V1)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ([], [V1]) == (errors, [path.name for path in (tmp_path / "store" / "digits").iterdir()])


def test_a_publish_killed_at_any_moment_leaves_a_whole_version_or_none(export, tmp_path):
    """Fifteen kills at random moments; the next publish clears the remains and completes."""
    source, store = export(files=300), tmp_path / "store"
    code = (
        "import sys; from pathlib import Path; from workflows.store import publish; print(flush=True); "
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), 'digits', sys.argv[3])"
    )
    dice, partials = random.Random(7), 0  # noqa: S311 - moments, not secrets
    usual_s = 0.0
    for number in range(16):
        process = subprocess.Popen([sys.executable, "-c", code, source, store, V1], cwd=ROOT, stdout=subprocess.PIPE)
        process.stdout.readline()
        begin = time.perf_counter()
        try:
            process.wait(dice.uniform(0, usual_s) if number else None)  # the first shows how long it takes
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        usual_s = usual_s or time.perf_counter() - begin
        partials += len(list(store.glob("digits/.*")))
        if (store / "digits" / V1).exists():
            verify(store / "digits" / V1)
            shutil.rmtree(store / "digits" / V1)

    publish(source, store, "digits", V1)

    assert partials > 0, "no kill hit a copy: the moments are wrong"
    assert [V1] == [path.name for path in (store / "digits").iterdir()]
    assert contents(source) == contents(store / "digits" / V1)
