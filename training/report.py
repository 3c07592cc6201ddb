"""A step's report: one JSON file, written by it, completed by the command line. Not here: the page of a run."""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from training.errors import ArtifactError

Report = dict[str, Any]


def write(path: Path, content: Report) -> None:
    """Writes the report; a number that is not finite is a bug, JSON has none."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path, step: str) -> Report:
    """The report that `step` wrote.

    Raises: ArtifactError (missing, no JSON object, or of another step).
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"there is no report of {step} at {path}: run {step} first") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"the report of {step} at {path} cannot be read: run {step} again. Received: {error}"
        ) from None
    if not isinstance(content, dict):
        raise ArtifactError(
            f"{path} is no report of {step}: expected a JSON object. Received: {type(content).__name__}"
        )
    return content


def complete(path: Path, name: str, started: datetime, error: str | None) -> None:
    """Adds what every report has, `step`; makes the file when the step did not come to write it.

    Seconds are wall-clock, max_rss_mb is the largest resident size of this process in MiB.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    finished = datetime.now(timezone.utc)
    content["step"] = {
        "name": name,
        "started": started.isoformat(timespec="milliseconds"),
        "finished": finished.isoformat(timespec="milliseconds"),
        "seconds": round((finished - started).total_seconds(), 3),
        "max_rss_mb": round(max_rss_mb(), 1),
        "outcome": "failed" if error else "ok",
        "error": error,
    }
    write(path, content)


def max_rss_mb() -> float:
    """The largest resident size of this process so far, in MiB; 0 where the platform does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
