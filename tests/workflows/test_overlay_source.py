"""What a server is told to load follows the overlay in git, and nothing that fails changes what serves."""

import shutil
import subprocess
from pathlib import Path
from queue import Queue

import pytest

from serving.core.servable_id import ServableId
from serving.errors import ServingError
from workflows.errors import OverlayError, RepositoryError
from workflows.overlay import Pin, overlay_path, set_model
from workflows.overlay_source import OverlaySource

ROOT = Path(__file__).parents[2]
V1, V2 = "20260101000000", "20260102000000"


class Follower:
    """An OverlaySource with a clone to commit through, and what it aspired and told."""

    def __init__(self, folder: Path) -> None:
        self.work, self.remote, self.store = folder / "work", folder / "remote.git", folder / "models"
        shutil.copytree(ROOT / "kustomize", self.work / "kustomize")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.remote)], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=self.work, check=True)
        self.push("First")
        self.aspired: Queue[tuple[str, list[str | type[ServingError]]]] = Queue()
        self.told: Queue[str] = Queue()
        self.source = OverlaySource(
            remote=str(self.remote),
            environment="dev",
            store=self.store,
            mirror=folder / "mirror.git",
            tell=self.told.put,
            interval_s=0.05,
        )

    def push(self, subject: str) -> None:
        """Commits everything and pushes it."""
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
        for arguments in (["add", "-A"], ["commit", "-q", "-m", subject], ["push", "-q", str(self.remote), "main"]):
            subprocess.run([*git, *arguments], cwd=self.work, check=True)

    def name(self, model: str, pin: Pin) -> None:
        """Commits that dev runs a version."""
        path = self.work / overlay_path("dev")
        path.write_text(set_model(path.read_text(), model, pin, str(path)))
        self.push(f"Name {model} {pin.version}")

    def callback(self, name, versions) -> None:
        """What a manager would be given: folders by name, or the kind of error."""
        given = [v.value if isinstance(v.value, str) else type(v.value) for v in versions]
        self.aspired.put((name, given))

    def start(self) -> None:
        """Begins to follow."""
        self.source.set_aspired_versions_callback(self.callback)

    def next(self) -> tuple[str, list[str | type[ServingError]]]:
        """What was aspired next."""
        return self.aspired.get(timeout=30)

    def next_told(self, part: str) -> str:
        """The next sentence that holds some words."""
        while part not in (sentence := self.told.get(timeout=30)):
            pass
        return sentence


@pytest.fixture
def follower(tmp_path: Path):
    """A follower of dev, ended afterwards."""
    made = Follower(tmp_path)
    yield made
    made.source.stop()


@pytest.fixture
def versions(follower: Follower) -> dict[str, str]:
    """Two versions in the store, and the digest of each."""
    from training import manifest

    digests = {}
    for version in (V1, V2):
        folder = follower.store / "digits" / version
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "saved_model.pb").write_text(version)
        digests[version] = manifest.write(folder, {"model": "digits", "version": version})["digest"]
    return digests


def test_follows_releases_and_removals(follower: Follower, versions: dict[str, str]):
    """A named version is aspired by its folder; a model that is named no more is aspired no more."""
    follower.name("digits", Pin(V1, versions[V1]))
    follower.start()
    first = follower.next()
    follower.name("digits", Pin(V2, versions[V2]))
    second = follower.next()
    (follower.work / overlay_path("dev")).write_text((ROOT / overlay_path("dev")).read_text())
    follower.push("Remove it")

    assert ("digits", [str(follower.store / "digits" / V1)]) == first
    assert ("digits", [str(follower.store / "digits" / V2)]) == second
    assert ("digits", []) == follower.next()


def test_each_version_has_its_release_commit(follower: Follower, versions: dict[str, str]):
    """The commit that named it, whatever was committed since."""

    def head() -> str:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=follower.work, check=True, capture_output=True, text=True
        ).stdout.strip()

    follower.name("digits", Pin(V1, versions[V1]))
    released = head()
    (follower.work / "note").write_text("later")
    follower.push("Something else")
    follower.start()
    follower.next()
    first = follower.source.release_commit(ServableId("digits", int(V1)))
    follower.name("digits", Pin(V2, versions[V2]))
    follower.next()

    assert (released, head()) == (first, follower.source.release_commit(ServableId("digits", int(V2))))
    assert "" == follower.source.release_commit(ServableId("other", 1))


def test_missing_version_is_an_error_to_the_manager(follower: Follower):
    """Git names a version that the store never had: it is refused by name."""
    follower.name("digits", Pin(V1, "sha256:" + 64 * "0"))
    follower.start()

    assert "digits" == follower.next()[0]
    assert "there is no model digits" in follower.next_told("refused")


def test_other_content_than_git_names_is_refused(follower: Follower, versions: dict[str, str]):
    """A folder that is whole but has another digest than the overlay names is not loaded."""
    follower.name("digits", Pin(V1, versions[V2]))
    follower.start()
    name, given = follower.next()

    assert ("digits", True) == (name, issubclass(given[0], ServingError))
    assert versions[V2] in follower.next_told("refused")


def test_a_repaired_version_is_tried_again(follower: Follower, versions: dict[str, str]):
    """A refused version that is whole again is aspired, after the one before so that the manager forgets it failed."""
    model = follower.store / "digits" / V2 / "saved_model.pb"
    good = model.read_text()
    follower.name("digits", Pin(V1, versions[V1]))
    follower.start()
    follower.next()
    model.write_text("altered")
    follower.name("digits", Pin(V2, versions[V2]))
    refused = follower.next()
    model.write_text(good)

    assert issubclass(refused[1][0], ServingError)
    assert ("digits", [str(follower.store / "digits" / V1)]) == follower.next()
    assert ("digits", [str(follower.store / "digits" / V2)]) == follower.next()


def test_overlay_that_does_not_render_changes_nothing(follower: Follower, versions: dict[str, str]):
    """A broken overlay is told once, in one sentence; the next good commit is followed."""
    follower.name("digits", Pin(V1, versions[V1]))
    follower.start()
    follower.next()
    path = follower.work / overlay_path("dev")
    good = path.read_text()
    path.write_text(good + "\nresources: [nothing.yaml]\n")
    follower.push("Break it")
    sentence = follower.next_told("what serves stays as it is")
    path.write_text(good)
    follower.name("digits", Pin(V2, versions[V2]))

    assert "kustomize/overlays/dev" in sentence
    assert "\n" not in sentence
    assert ("digits", [str(follower.store / "digits" / V2)]) == follower.next()


def test_remote_that_goes_away_changes_nothing(follower: Follower, versions: dict[str, str]):
    """No network: said once; what serves stays, and following goes on when the remote is back."""
    follower.name("digits", Pin(V1, versions[V1]))
    follower.start()
    follower.next()
    away = follower.remote.with_suffix(".away")
    follower.remote.rename(away)
    sentence = follower.next_told("what serves stays as it is")
    away.rename(follower.remote)
    follower.name("digits", Pin(V2, versions[V2]))

    assert "missing or out of reach" in sentence
    assert ("digits", [str(follower.store / "digits" / V2)]) == follower.next()


def test_first_look_raises(follower: Follower):
    """What is wrong at the start is the caller's to say."""
    path = follower.work / overlay_path("dev")
    path.write_text(path.read_text() + "\nresources: [nothing.yaml]\n")
    follower.push("Break it")

    with pytest.raises(OverlayError):
        follower.start()


def test_remote_must_be_there(tmp_path: Path):
    """A remote that does not exist is refused when the source is made."""
    with pytest.raises(RepositoryError):
        OverlaySource(
            remote=str(tmp_path / "none.git"), environment="dev", store=tmp_path, mirror=tmp_path / "m", tell=print
        )
