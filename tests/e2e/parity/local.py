"""Runs a case's document with the local engine."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.e2e.parity.argo import NAMESPACE
from workflows import local
from workflows.errors import UnsupportedError, WorkflowError


def run(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The Workflow object; one that the engine refuses before anything starts has no nodes."""
    name = document["metadata"]["name"]
    document = {**document, "metadata": {**document["metadata"], "namespace": NAMESPACE}}
    try:
        status = local.run(
            document,
            arguments={},
            directory=folder / name,
            cwd=folder,
            name=name,
            uid=name,
            created=datetime.now(timezone.utc),
            locks=folder / "locks",
        )
    except UnsupportedError:
        raise
    except WorkflowError as error:
        return {"status": {"phase": "Failed", "message": f"invalid spec: {error}"}}
    return status.document()
