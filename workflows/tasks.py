"""The steps of `train` that know git and the model store: `python -m workflows.tasks <step>`, as in `training`.

Not here: what a release commit is (release.py), where versions are kept (store.py), what the page shows (report/).
"""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from training.cli import group
from training.errors import TrainingError
from training.step import InputPath, OptionalInputPath, OutputPath
from workflows.errors import ShipwayError, StoreError
from workflows.overlay import Pin, overlay_path, read_models

BRANCH = "main"


def baseline(
    *, model: str, environment: str, repository: str, store: str, baseline: OutputPath, report: OutputPath
) -> None:
    """Fetches the version that an environment serves now; an empty directory if it serves none.

    A version that this store does not have whole cannot be compared with; the run says so and is judged alone, so that
    a new release can take its place. Raises: RepositoryError (remote out of reach); OverlayError.
    """
    from workflows.repository import Repository

    with tempfile.TemporaryDirectory(prefix="shipway-baseline-") as folder:
        clone = Repository.clone(repository, Path(folder) / "remote.git", branch=BRANCH, bare=True)
        path = overlay_path(environment)
        serves = read_models(clone.show(BRANCH, path) or "", path).get(model)
    baseline.mkdir(parents=True)
    found = _whole(Path(store), model, serves) if serves else None
    if found:
        shutil.copytree(found, baseline, dirs_exist_ok=True)
    click.echo(f"{environment} serves {model} {found.name}" if found else f"nothing to compare {model} with")
    _write(report, {"environment": environment, "version": found.name if found else None})


def release(
    *,
    model: str,
    version: str,
    environment: str,
    repository: str,
    store: str,
    exported: InputPath,
    report: OutputPath,
) -> None:
    """Puts the version into the model store, then into the environment's overlay by one commit.

    Raises: StoreError (files altered, or another version of that name); RepositoryError; OverlayError.
    """
    from workflows.release import release as commit
    from workflows.store import publish

    published = publish(exported, Path(store), model, version)
    manifest = json.loads((published / "assets.extra" / "manifest.json").read_text(encoding="utf-8"))
    outcome = commit(repository, environment, manifest)
    released = outcome.commit or outcome.earlier
    click.echo(outcome.message)
    _write(
        report,
        {
            "environment": environment,
            "version": version,
            "digest": manifest["digest"],
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
    baseline: OptionalInputPath,
    prepare: OptionalInputPath,
    validate: OptionalInputPath,
    train: OptionalInputPath,
    evaluate: OptionalInputPath,
    gate: OptionalInputPath,
    export: OptionalInputPath,
    check: OptionalInputPath,
    release: OptionalInputPath,
    page: OutputPath,
) -> None:
    """Writes the page of the run from the reports of the steps that ran, whatever became of the others."""
    from workflows.report.facts import RunFacts
    from workflows.report.page import write

    given = {"baseline": baseline, "prepare": prepare, "validate": validate, "train": train, "evaluate": evaluate}
    given |= {"gate": gate, "export": export, "check": check, "release": release}
    facts = RunFacts(
        workflow=workflow,
        uid=uid,
        status=status,
        seconds=float(duration),
        source_commit=source_commit,
        failures=failures,
        parameters={"model": model, **{p["name"]: p.get("value", "") for p in json.loads(parameters)}},
    )
    write(page / "report.html", facts=facts, reports={name: path for name, path in given.items() if path})


STEPS: dict[str, Callable[..., None]] = {step.__name__: step for step in (baseline, release, report)}


def _whole(store: Path, model: str, pin: Pin) -> Path | None:
    """The folder of a version, if the store has it whole and with the content that git names."""
    from workflows.store import find, require_digest

    try:
        folder = find(store, model, pin.version)
        require_digest(folder, pin.digest)
    except StoreError as error:
        click.echo(f"{model} {pin.version} is not compared with: {error}")
        return None
    return folder


def _write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    # A step that is told to stop must still run its `finally`.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    group(STEPS, refusals=(ShipwayError, TrainingError)).main(prog_name="python -m workflows.tasks")
