"""Readiness: whether everything that is asked for answers, and if not, what is missing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.core.servable_state import ManagerState, ServableState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from serving.core.servable_id import ServableId


def not_ready_reasons(
    models: Mapping[str, Collection[int]],
    aspired: Mapping[str, Sequence[ServableId]],
    state: Callable[[ServableId], ServableState | None],
) -> list[str]:
    """What keeps a server from being ready, one sentence each, in order of name and version; empty when it is.

    Args:
      models: From each configured model to the versions that its policy names; none if it takes what it finds.
      aspired: The last list of every stream that had one.
      state: The last state of a version, None if it was never seen.
    """
    reasons = []
    for name in sorted(models.keys() | aspired.keys()):
        found = sorted(aspired.get(name, ()))
        if name in models and not found:
            reasons.append(_nothing(name, looked=name in aspired))
        missing = set(models.get(name, ())) - {servable_id.version for servable_id in found}
        reasons += [f"Version {version} of model {name} was not found." for version in sorted(missing) if found]
        reasons += [reason for servable_id in found if (reason := _reason(servable_id, state(servable_id)))]
    return reasons


def _nothing(name: str, *, looked: bool) -> str:
    return f"No version of model {name} was found." if looked else f"Model {name} has not been looked for yet."


def _reason(servable_id: ServableId, state: ServableState | None) -> str | None:
    subject = f"Version {servable_id.version} of model {servable_id.name}"
    if state is None:
        return f"{subject} has not been started yet."
    if state.state is ManagerState.AVAILABLE:
        return None
    if state.error:
        return f"{subject} could not be loaded: {state.error.status()}"
    return f"{subject} is not available but in state {state.state.name}."
