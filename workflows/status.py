"""The registry view: which version of which model runs where, since when and how good, read from git alone.

Not here: what really answers (a model server's status), and printing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from workflows.history import Event, environments, events, overlay_at, release_trailers
from workflows.overlay import overlay_path, read_models
from workflows.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One version of a model in one environment; `dataclasses.asdict` of it can be written as JSON."""

    environment: str
    model: str
    version: str  # "" in a history where the model was taken out
    digest: str
    commit: str  # that brought it there, in full
    subject: str
    since: str  # ISO 8601, UTC
    age_s: float  # at the time that was asked about
    metrics: Mapping[str, float] = field(default_factory=dict)
    trailers: Mapping[str, str] = field(default_factory=dict)  # of the version's release


def status(path: Path, *, ref: str = "main", now: datetime | None = None) -> list[Entry]:
    """What runs in every environment, in the order of promotion, then by model.

    Args:
      path: A bare repository or a clone.
      ref: A branch or commit of it.
      now: The time that ages count to; by default the present.
    Raises: RepositoryError (no repository, no such ref); OverlayError (an overlay that cannot be read).
    """
    repository, ref = _at(path, ref)
    found = []
    for environment in environments(repository, ref):
        models = read_models(overlay_at(repository, ref, environment), overlay_path(environment))
        for model in sorted(models):
            event = next(events(repository, ref, environment, model))
            found.append(_entry(repository, ref, (environment, model), event, now))
    return found


def history(path: Path, environment: str, model: str, *, ref: str = "main", now: datetime | None = None) -> list[Entry]:
    """Every change of what an environment ran of a model, newest first. Raises: as `status`, UsageError."""
    repository, ref = _at(path, ref)
    overlay_at(repository, ref, environment)
    past = events(repository, ref, environment, model)
    return [_entry(repository, ref, (environment, model), event, now) for event in past]


def _at(path: Path, ref: str) -> tuple[Repository, str]:
    """The repository and the commit, fixed once so that all of an answer is of one moment."""
    repository = Repository.open(path)
    return repository, repository.resolve(ref)


def _entry(repository: Repository, ref: str, place: tuple[str, str], event: Event, now: datetime | None) -> Entry:
    environment, model = place
    version, digest = (event.pin.version, event.pin.digest) if event.pin else ("", "")
    trailers = release_trailers(repository, ref, model, version) if version else {}
    since = event.commit.time.astimezone(timezone.utc)
    return Entry(
        environment=environment,
        model=model,
        version=version,
        digest=digest,
        commit=event.commit.id,
        subject=event.commit.subject,
        since=since.isoformat(),
        age_s=((now or datetime.now(timezone.utc)) - since).total_seconds(),
        metrics=_metrics(trailers),
        trailers=trailers,
    )


def _metrics(trailers: Mapping[str, str]) -> dict[str, Any]:
    """The metrics of a release; none if a hand wrote something else there."""
    try:
        found = json.loads(trailers.get("Metrics", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
