"""The promotion: one commit that copies a model's version and digest from one environment's overlay to the next's.

The environment before is named by the overlay itself (annotation shipway.dev/promoted-from). Not here: the push.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows.change import AUTHOR, Change, push_change
from workflows.errors import UsageError
from workflows.history import environments, events, overlay_at, release_trailers
from workflows.overlay import Pin, overlay_path, promoted_from, read_models, set_model
from workflows.release import Outcome, outcome, require_model

if TYPE_CHECKING:
    from workflows.repository import Repository


def promote(
    remote: str,
    model: str,
    to: str,
    *,
    source: str | None = None,
    version: str | None = None,
    branch: str = "main",
    author: str = AUTHOR,
) -> Outcome:
    """Puts a model's version from one environment into another; nothing to do if it runs there.

    Args:
      remote: The repository to push to, a path or URL.
      model: The model's name.
      to: The environment to put it into.
      source: The environment to promote from; by default the one before `to`.
      version: A version that ran in `source` (in any environment if there is none); by default what runs there now.
      branch: Its branch that says what runs.
      author: `Name <address>` of the commit.
    Raises: UsageError (unknown environment, model or version: lists the known ones); OverlayError; RepositoryError.
    """
    path = overlay_path(to)

    def edit(repository: Repository, head: str) -> Change | str:
        text = overlay_at(repository, head, to)
        require_model(repository, head, model)
        origin = source or promoted_from(text, path)
        pin = _ran(repository, head, origin, model, version) if version else _runs(repository, head, origin, model, to)
        if read_models(text, path).get(model) == pin:
            return f"{to} already runs {model} {pin.version}: nothing to promote"
        trailers = release_trailers(repository, head, model, pin.version)
        subject = f"Promote {model} {pin.version} to {to}"
        return Change({path: set_model(text, model, pin, path)}, subject, trailers)

    return outcome(push_change(remote, branch, edit, author=author))


def _runs(repository: Repository, head: str, origin: str | None, model: str, to: str) -> Pin:
    """What runs of a model in the environment to promote from."""
    if origin is None:
        raise UsageError(f"no environment comes before {to}: name one to promote from, or a version")
    models = read_models(overlay_at(repository, head, origin), overlay_path(origin))
    if model not in models:
        raise UsageError(f"{origin} runs no {model}: it runs {', '.join(sorted(models)) or 'no model yet'}")
    if not models[model].digest:
        raise UsageError(f"{overlay_path(origin)} names {model} without a digest: add the one of its release")
    return models[model]


def _ran(repository: Repository, head: str, origin: str | None, model: str, version: str) -> Pin:
    """A version as it once ran in the environment to promote from, or anywhere if there is none."""
    where = [origin] if origin else environments(repository, head)
    pins = {
        event.pin.version: event.pin for name in where for event in events(repository, head, name, model) if event.pin
    }
    if version not in pins:
        known = ", ".join(sorted(pins, key=int, reverse=True)[:5]) or "none"
        raise UsageError(f"{model} {version} was never released to {' or '.join(where)}: the newest there are {known}")
    return pins[version]
