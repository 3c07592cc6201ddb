"""The steps of `train` that know git and the model store: `python -m workflows.tasks <step>`, as in `training`.

Not here: what a release commit is (release.py), where versions are kept (store.py), what the page shows (report/).
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from training.cli import group
from training.errors import TrainingError
from training.step import InputPath, OptionalInputPath, OutputPath, OutputValue
from workflows.errors import ShipwayError, StoreError, UnreachableError
from workflows.overlay import Pin, overlay_path, read_models
from workflows.patience import patiently


def source(*, repository: str, source_commit: str, code: OutputPath, commit: OutputValue, report: OutputPath) -> None:
    """Fetches the code that every later step runs, and says which commit a branch's name meant.

    Raises: RepositoryError (remote out of reach, no such commit).
    """
    from workflows.source import fetch

    _sign_in(repository)
    found = patiently(lambda: fetch(repository, source_commit, code), UnreachableError)
    commit.write_text(found, encoding="utf-8")
    click.echo(f"the code of {found}")
    _write(report, {"commit": found})


def baseline(
    *,
    model: str,
    environment: str,
    repository: str,
    revision: str,
    store: str,
    baseline: OutputPath,
    report: OutputPath,
) -> None:
    """Fetches the version that an environment serves now; an empty directory if it serves none.

    A version that this store does not have whole cannot be compared with; the run says so and is judged alone, so that
    a new release can take its place. Raises: RepositoryError (remote out of reach); OverlayError.
    """
    from workflows.repository import Repository

    _sign_in(repository)
    with tempfile.TemporaryDirectory(prefix="shipway-baseline-") as folder:
        place = Path(folder) / "remote.git"
        clone = patiently(lambda: Repository.clone(repository, place, branch=revision, bare=True), UnreachableError)
        path = overlay_path(environment)
        serves = read_models(clone.show(revision, path) or "", path).get(model)
    found = serves if serves and _unpack(store, model, serves, baseline) else None
    baseline.mkdir(parents=True, exist_ok=True)
    click.echo(f"{environment} serves {model} {found.version}" if found else f"nothing to compare {model} with")
    _write(report, {"environment": environment, "version": found.version if found else None})


def package(
    *, model: str, version: str, store: str, serving_image: str, exported: InputPath, report: OutputPath
) -> None:
    """Puts the version into the model store: a folder, or as an image into a registry.

    Raises: StoreError (files altered, other content of that version there, registry out of reach).
    """
    from workflows.package import package as put

    packaged = put(exported, store, model, version, serving_image=serving_image)
    click.echo(f"{model} {version} is {packaged['reference']}")
    _write(report, {"version": version, **packaged})


def release(
    *,
    environment: str,
    repository: str,
    revision: str,
    exported: InputPath,
    packaged: InputPath,
    report: OutputPath,
) -> None:
    """Puts the packaged version into the environment's overlay, by one commit.

    Raises: StoreError (no manifest); RepositoryError; OverlayError.
    """
    from workflows.release import release as commit

    _sign_in(repository)
    manifest = json.loads((exported / "assets.extra" / "manifest.json").read_text(encoding="utf-8"))
    digest = json.loads(packaged.read_text(encoding="utf-8"))["digest"]
    outcome = patiently(
        lambda: commit(repository, environment, manifest, digest=digest, branch=revision), UnreachableError
    )
    released = outcome.commit or outcome.earlier
    click.echo(outcome.message)
    _write(
        report,
        {
            "environment": environment,
            "version": str(manifest["version"]),
            "digest": digest,
            "commit": released.id if released else None,
            "message": outcome.message,
        },
    )


def report(
    *,
    model: str,
    workflow: str,
    uid: str,
    status: str,
    failures: str,
    duration: str,
    parameters: str,
    source_commit: str,
    source: OptionalInputPath,
    baseline: OptionalInputPath,
    prepare: OptionalInputPath,
    validate: OptionalInputPath,
    train: OptionalInputPath,
    evaluate: OptionalInputPath,
    gate: OptionalInputPath,
    export: OptionalInputPath,
    check: OptionalInputPath,
    package: OptionalInputPath,
    release: OptionalInputPath,
    page: OutputPath,
) -> None:
    """Writes the page of the run from the reports of the steps that ran, whatever became of the others."""
    from workflows.report.facts import RunFacts
    from workflows.report.page import write

    given = {"baseline": baseline, "prepare": prepare, "validate": validate, "train": train, "evaluate": evaluate}
    given |= {"gate": gate, "export": export, "check": check, "package": package, "release": release}
    facts = RunFacts(
        workflow=workflow,
        uid=uid,
        status=status,
        seconds=float(duration),
        source_commit=_commit(source) or source_commit,
        failures=failures,
        parameters={"model": model, **{p["name"]: p.get("value", "") for p in json.loads(parameters)}},
    )
    write(page / "report.html", facts=facts, reports={name: path for name, path in given.items() if path})


STEPS: dict[str, Callable[..., None]] = {step.__name__: step for step in (source, baseline, package, release, report)}


def _unpack(store: str, model: str, pin: Pin, destination: Path) -> bool:
    """Whether the store has a version whole and with the content that git names; then it is at `destination`."""
    from workflows.package import unpack

    try:
        unpack(store, model, pin, destination)
    except StoreError as error:
        click.echo(f"{model} {pin.version} is not compared with: {error}")
        shutil.rmtree(destination, ignore_errors=True)
        return False
    return True


def _sign_in(repository: str) -> None:
    """Lets every git command of this step use the Secret that its pod mounts, if it does."""
    from workflows.credentials import environment

    os.environ.update(environment(repository))


def _commit(report: Path | None) -> str:
    """The commit that the step `source` found; empty where it did not get to it."""
    told = json.loads(report.read_text(encoding="utf-8")) if report else {}
    return str(told.get("commit") or "")


def _write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    # A step that is told to stop must still run its `finally`.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    group(STEPS, refusals=(ShipwayError, TrainingError)).main(prog_name="python -m workflows.tasks")
