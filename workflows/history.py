"""What git says ran where and since when: the overlays of a branch, over its commits.

Not here: how it is shown (status.py), and any change of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflows.errors import OverlayError, UsageError
from workflows.overlay import FOLDER, Pin, overlay_path, promoted_from, read_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflows.repository import Commit, Repository

# The trailers of a release, in the order of its commit message; every later commit about the version repeats them.
TRAILERS = (
    "Model",
    "Version",
    "Model-Digest",
    "Data-Digest",
    "Source-Commit",
    "Workflow",
    "Workflow-Uid",
    "Metrics",
)


@dataclass(frozen=True)
class Event:
    """A commit that changed what runs of one model in one environment; no pin means that it was taken out."""

    commit: Commit
    pin: Pin | None


def environments(repository: Repository, ref: str) -> list[str]:
    """The environments at a commit, in the order in which versions are promoted through them."""
    names = repository.folders(ref, FOLDER)
    before = {name: promoted_from(overlay_at(repository, ref, name), overlay_path(name)) for name in names}
    ordered: list[str] = []
    while rest := [name for name in names if name not in ordered]:
        # A circle, or a name that is not there, must not hide an environment: it then comes in the order of names.
        ordered.append(next((name for name in rest if before[name] not in rest), rest[0]))
    return ordered


def overlay_at(repository: Repository, ref: str, environment: str) -> str:
    """An environment's kustomization.yaml at a commit. Raises: UsageError (no such environment: lists them)."""
    text = repository.show(ref, overlay_path(environment))
    if text is None:
        known = ", ".join(repository.folders(ref, FOLDER))
        raise UsageError(f"there is no environment {environment}: {FOLDER} has {known}")
    return text


def events(repository: Repository, ref: str, environment: str, model: str) -> Iterator[Event]:
    """The commits that changed what runs of a model in an environment, newest first."""
    path = overlay_path(environment)
    commits = repository.log(ref, path)
    later: Event | None = None
    for commit, text in zip(commits, repository.show_each([commit.id for commit in commits], path), strict=True):
        try:
            pin = read_models(text, path).get(model) if text is not None else None
        except OverlayError:
            continue  # somebody's broken commit, mended since
        if later is not None and later.pin != pin:
            yield later
        later = Event(commit, pin)
    if later is not None and later.pin is not None:
        yield later


def release_trailers(repository: Repository, ref: str, model: str, version: str) -> dict[str, str]:
    """What the release of a version said about it; just model and version if a hand wrote it into the overlay."""
    for commit in reversed(repository.log(ref, FOLDER)):
        if (commit.trailers.get("Model"), commit.trailers.get("Version")) == (model, version):
            return {name: commit.trailers[name] for name in TRAILERS if name in commit.trailers}
    return {"Model": model, "Version": version}
