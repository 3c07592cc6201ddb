"""The roll back: one commit that restores what an environment ran of a model before.

Rolling back twice goes back two versions, not forth again. Not here: the push (change.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows.change import AUTHOR, Change, push_change
from workflows.errors import RefusedError, UsageError
from workflows.history import events, overlay_at, release_trailers
from workflows.overlay import Pin, overlay_path, read_models, set_model
from workflows.release import Outcome, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workflows.repository import Repository


def rollback(
    remote: str,
    model: str,
    environment: str,
    *,
    bad: str | None = None,
    branch: str = "main",
    author: str = AUTHOR,
) -> Outcome:
    """Restores the version that the environment ran before, unless somebody changed it meanwhile.

    Args:
      remote: The repository to push to, a path or URL.
      model: The model's name.
      environment: The one to roll back.
      bad: The version to get away from; if another runs there is nothing to do, which makes a retry safe. By default
        what runs now.
      branch: Its branch that says what runs.
      author: `Name <address>` of the commit.
    Raises: UsageError (unknown environment or model); RefusedError (nothing ran before); OverlayError; RepositoryError.
    """
    path = overlay_path(environment)
    seen = [bad] if bad else []

    def edit(repository: Repository, head: str) -> Change | str:
        text = overlay_at(repository, head, environment)
        models = read_models(text, path)
        if model not in models:
            raise UsageError(f"{environment} runs no {model}: it runs {', '.join(sorted(models)) or 'no model yet'}")
        now = models[model].version
        seen.append(now)
        if now != seen[0]:
            return f"{environment} runs {model} {now}, no longer {seen[0]}: nothing to roll back"
        pin = _before([event.pin for event in events(repository, head, environment, model) if event.pin])
        if pin is None:
            raise RefusedError(
                f"{model} {now} is the first version that {environment} ran: there is none to go back to"
            )
        trailers = release_trailers(repository, head, model, pin.version) | {"Rolls-Back": now}
        subject = f"Roll back {model} to {pin.version} in {environment}"
        return Change({path: set_model(text, model, pin, path)}, subject, trailers)

    return outcome(push_change(remote, branch, edit, author=author))


def _before(pins: Iterable[Pin]) -> Pin | None:
    """What ran before, from all that ever ran, newest first; a return to what ran before undoes the step between."""
    stack: list[Pin] = []
    for pin in reversed(list(pins)):
        if [before.version for before in stack[-2:-1]] == [pin.version]:
            stack.pop()
        elif [now.version for now in stack[-1:]] != [pin.version]:
            stack.append(pin)
    return stack[-2] if len(stack) > 1 else None
