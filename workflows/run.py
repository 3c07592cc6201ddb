"""Runs the workflow `train` on this machine: the commit that git has, the YAML that Argo would run, the local engine.

Not here: how the engine executes (local/), what the steps do (training/, tasks.py), how a run is shown (local/tree.py).
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from workflows import local
from workflows.errors import UsageError, WorkspaceError
from workflows.release import require_model
from workflows.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.workspace import Workspace

TEMPLATE = "workflows/rendered/train.yaml"
ROOT = Path(__file__).parents[1]  # where the step that fetches the commit's code runs; the others run in that code
PAGE = "report.html"
SUMMARY = "summary.json"


@dataclass(frozen=True)
class Run:
    """What became of a run. `version` and `commit` are None if nothing was released."""

    name: str
    model: str
    phase: str
    stopped: bool
    seconds: float
    error: str
    version: str | None
    commit: str | None
    release: str
    directory: Path

    @property
    def page(self) -> Path | None:
        """The page of the run, if its exit handler came to write it."""
        path = self.directory / PAGE
        return path if path.is_file() else None

    def summary(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "name": self.name,
            "model": self.model,
            "phase": self.phase,
            "seconds": round(self.seconds, 1),
            "error": self.error or None,
            "version": self.version,
            "commit": self.commit,
            "report": str(self.page) if self.page else None,
            "directory": str(self.directory),
        }


def run(
    workspace: Workspace, commit: str, model: str, parameters: Mapping[str, str], watch: local.Watcher | None = None
) -> Run:
    """Runs `train` for one model from a commit of the workspace's clone, to the end.

    Args:
      parameters: Those of the WorkflowTemplate that differ from its defaults.
      watch: Shown every change of the run.
    Raises: UsageError (unknown model, no such data file); WorkflowError (a template that the engine refuses).
    """
    clone = Repository.open(workspace.clone)
    known = clone.folders(commit, "training/models")
    if model not in known:
        raise UsageError(f"there is no model {model} at commit {commit[:12]}: the models are {', '.join(known)}")
    require_model(clone, commit, model)
    created, directory = _new(workspace.runs, f"train-{model}")
    given = {
        "model": model,
        "repository": workspace.remote,
        "store": str(workspace.store),
        "source-commit": commit,
        "pool": "cpu",
        **parameters,
    }
    try:
        document = YAML(typ="safe", pure=True).load(clone.show(commit, TEMPLATE) or "")
        status = local.run(
            document,
            arguments=given,
            directory=directory,
            cwd=ROOT,
            name=directory.name,
            uid=str(uuid.uuid4()),
            created=created,
            watch=watch,
        )
    finally:
        if not (directory / "workflow.json").exists():
            shutil.rmtree(directory, ignore_errors=True)
    return outcome(status, model, directory)


def data_parameter(data: str, directory: Path) -> str:
    """`builtin`, or the absolute path of a data file. Raises: UsageError (no such file)."""
    if data == "builtin":
        return data
    path = (directory / data).resolve()
    if not path.is_file():
        raise UsageError(f"the data file {path} does not exist: give the path of one, or builtin")
    return str(path)


def latest(runs: Path, name: str | None = None) -> Path:
    """The folder of a run by its name, or of the newest. Raises: UsageError (no such run: lists the newest).

    The newest is that whose state was written last: the name of a run that a push has started has no time in it.
    """
    states = sorted(runs.glob("*/workflow.json"), key=lambda path: path.stat().st_mtime_ns)
    known = [path.parent for path in states]
    if name is None and known:
        return known[-1]
    found = next((path for path in known if path.name == name), None)
    if found is None:
        newest = ", ".join(path.name for path in known[-5:]) or "none"
        raise UsageError(f"there is no run {name or 'yet'} in {runs}: the newest are {newest}")
    return found


def _new(runs: Path, prefix: str) -> tuple[datetime, Path]:
    """A creation time that no other run of this model has, since it becomes the version, and the run's folder."""
    for _ in range(600):
        created = datetime.now(timezone.utc).replace(microsecond=0)
        directory = runs / f"{prefix}-{created:%Y%m%d%H%M%S}"
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.1)
        else:
            return created, directory
    raise WorkspaceError(f"another run is started in {runs} every second: try again later")


def outcome(status: local.Status, model: str, directory: Path) -> Run:
    """Reads what the steps gave, and puts the page where it is found without knowing the workflow."""
    kept = {
        (node.display_name, item.name): item.path
        for node in status.nodes.values()
        for item in node.outputs.artifacts
        if item.path
    }
    page = kept.get(("report", "page"))
    for name in (PAGE, SUMMARY):
        if page and (page / name).is_file():
            shutil.copyfile(page / name, directory / name)
    told = kept.get(("release", "report"))
    released = json.loads(told.read_text(encoding="utf-8")) if told else {}
    commit = released.get("commit")
    return Run(
        name=status.name,
        model=model,
        phase=status.phase,
        stopped=status.message.startswith("Stopped with strategy"),
        seconds=(status.finished - status.started).total_seconds() if status.started and status.finished else 0.0,
        error=_error(status),
        version=released.get("version") if commit else None,
        commit=commit,
        release=released.get("message", ""),
        directory=directory,
    )


def _error(status: local.Status) -> str:
    """The first failed step and its own last words; else the run's message."""
    failed = [node for node in status.nodes.values() if node.unsuccessful and node.type == "Pod"]
    if not failed:
        return "" if status.phase == "Succeeded" else status.message
    first = min(failed, key=lambda node: node.started)
    return f"{first.display_name.partition('(')[0]}: {(first.detail or first.message).removeprefix('error: ')}"
