"""Small workflows from Python literals, run with real processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from workflows.local import Status, run

CREATED = datetime(2026, 11, 22, 14, 30, 5, tzinfo=timezone.utc)
SH = {
    "name": "sh",
    "inputs": {"parameters": [{"name": "script"}]},
    "container": {"image": "none", "command": ["sh", "-c"], "args": ["{{inputs.parameters.script}}"]},
}


@dataclass
class Local:
    """Builds documents around the template `sh`, which runs a script, and runs them."""

    folder: Path
    runs: int = 0
    directory: Path = field(default=Path())

    def task(self, name: str, script: str = "true", **fields: Any) -> dict[str, Any]:
        """A task or step that runs `script`."""
        return {
            "name": name,
            "template": "sh",
            "arguments": {"parameters": [{"name": "script", "value": script}]},
            **fields,
        }

    def template(self, name: str, script: str, **fields: Any) -> dict[str, Any]:
        """A container template that runs `script`."""
        container = {"image": "none", "command": ["sh", "-c"], "args": [script]}
        return {"name": name, "container": container, **fields}

    def document(self, *templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """A WorkflowTemplate whose first template is the entrypoint."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {"name": "wf"},
            "spec": {"entrypoint": templates[0]["name"], "templates": [*templates, SH], **spec},
        }

    def dag(self, *tasks: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """A document whose entrypoint is a DAG of `tasks`."""
        return self.document({"name": "main", "dag": {"tasks": list(tasks)}}, **spec)

    def steps(self, *groups: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
        """A document whose entrypoint is a steps template of `groups`."""
        return self.document({"name": "main", "steps": list(groups)}, **spec)

    def run(self, document: dict[str, Any], **options: Any) -> Status:
        """Runs a document in a new folder, which is then `directory`."""
        self.runs += 1
        self.directory = self.folder / f"run-{self.runs}"
        defaults = {"arguments": {}, "name": "wf", "uid": "uid-1", "created": CREATED, "grace_s": 0.5}
        defaults |= {"cwd": self.folder, "directory": self.directory, "locks": self.folder / "locks"}
        return run(document, **{**defaults, **options})

    def log(self, node: str) -> str:
        """What a step of the last run wrote."""
        return (self.directory / node / "main.log").read_text()

    def phases(self, status: Status) -> dict[str, str]:
        """Every node's phase by its display name, without the entrypoint's."""
        return {node.display_name: node.phase for node in status.nodes.values() if node.id != status.name}


@pytest.fixture
def local(tmp_path: Path) -> Local:
    """Runs in a folder of the test's own."""
    return Local(tmp_path)


@pytest.fixture
def meet(tmp_path: Path) -> Callable[[str, str], str]:
    """Scripts of two steps that both end only if both run at the same time: each waits in a FIFO for the other."""

    def script(mine: str, other: str) -> str:
        a, b = tmp_path / mine, tmp_path / other
        return (
            f"[ -p {a} ] || mkfifo {a} 2>/dev/null; [ -p {b} ] || mkfifo {b} 2>/dev/null; "
            f"(echo here > {b}) & read line < {a}; wait"
        )

    return script
