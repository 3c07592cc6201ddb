"""The release: one commit that puts a version which passed the gate into an environment's overlay.

It may be run again at any time: a version that was ever released to the environment is not released there twice, so
neither a retried step nor a killed one makes a second commit, nor undoes a roll back. Not here: the push (change.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workflows.change import AUTHOR, Change, push_change
from workflows.errors import RepositoryError, StoreError, UsageError
from workflows.history import TRAILERS, events, overlay_at
from workflows.overlay import Pin, overlay_path, read_models, set_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.repository import Commit, Repository

FIELDS = ("model", "version", "digest", "data_digest", "source_commit", "workflow", "uid", "metrics")


@dataclass(frozen=True)
class Outcome:
    """What a release, promotion or roll back came to: its commit, or None and in `message` why there is none.

    `earlier` is the commit of an earlier try that had done the same already, as a retried step finds it.
    """

    commit: Commit | None
    message: str
    earlier: Commit | None = None


def outcome(result: Commit | str) -> Outcome:
    """The outcome of a pushed change."""
    if isinstance(result, str):
        return Outcome(None, result)
    return Outcome(result, f"{result.subject} (commit {result.id[:12]})")


def release(
    remote: str,
    environment: str,
    manifest: Mapping[str, Any],
    *,
    digest: str | None = None,
    branch: str = "main",
    author: str = AUTHOR,
) -> Outcome:
    """Releases a version to an environment, unless it was released there before or a newer one runs there.

    Args:
      remote: The repository to push to, a path or URL.
      environment: The one to release to, as a rule dev.
      manifest: The version's manifest.json.
      digest: What the overlay names; the model's digest if not given, on a cluster the image's.
      branch: Its branch that says what runs.
      author: `Name <address>` of the commit.
    Raises: StoreError (manifest incomplete); UsageError (no such environment); OverlayError; RepositoryError.
    """
    trailers = manifest_trailers(manifest)
    model = trailers["Model"]
    pin = Pin(trailers["Version"], digest or trailers["Model-Digest"])
    path = overlay_path(environment)

    earlier: list[Commit] = []

    def edit(repository: Repository, head: str) -> Change | str:
        text = overlay_at(repository, head, environment)
        require_model(repository, head, model)
        runs = read_models(text, path).get(model)
        done = _released(repository, head, environment, model, pin)
        if done:
            earlier.append(done[0])
            return done[1]
        if runs and int(runs.version) > int(pin.version):
            return f"{environment} runs {model} {runs.version}, newer than {pin.version}: kept"
        subject = f"Release {model} {pin.version} to {environment}"
        return Change({path: set_model(text, model, pin, path)}, subject, trailers)

    found = outcome(push_change(remote, branch, edit, author=author))
    return replace(found, earlier=earlier[-1]) if earlier else found


def manifest_trailers(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The trailers of a version's commits. Raises: StoreError (the manifest lacks a field, named)."""
    lacking = [name for name in FIELDS if name not in manifest]
    if lacking:
        raise StoreError(f"the version's manifest.json lacks {', '.join(lacking)}: export the version again")
    values = [str(manifest[name]) for name in FIELDS[:-1]]
    metrics = json.dumps(manifest["metrics"], separators=(",", ":"), sort_keys=True)
    return dict(zip(TRAILERS, [*values, metrics], strict=True))


def require_model(repository: Repository, ref: str, model: str) -> None:
    """Refuses a model without manifests. Raises: UsageError (says where they belong, lists the known models)."""
    if repository.show(ref, f"kustomize/models/{model}/kustomization.yaml") is None:
        known = ", ".join(repository.folders(ref, "kustomize/models"))
        raise UsageError(f"there is no kustomize/models/{model}/kustomization.yaml: add it; the others are {known}")


def _released(repository: Repository, head: str, environment: str, model: str, pin: Pin) -> tuple[Commit, str] | None:
    """The commit and the sentence for a version that was released to the environment before; None for a new one."""
    past = list(events(repository, head, environment, model))
    found = next((event for event in past if event.pin and event.pin.version == pin.version), None)
    if found is None or found.pin is None:
        return None
    if found.pin.digest != pin.digest:
        raise RepositoryError(
            f"{model} {pin.version} was released to {environment} with digest {found.pin.digest}, not {pin.digest}: "
            "a version is never made twice, train a new one"
        )
    since = "" if found == past[0] else f" and replaced since; bring it back with promote --to {environment}"
    told = f"{model} {pin.version} was already released to {environment} in commit {found.commit.id[:12]}{since}"
    return found.commit, told
