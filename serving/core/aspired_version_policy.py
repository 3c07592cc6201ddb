"""AspiredVersionPolicy: which version to load or unload next. Pure: the same versions give the same action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from serving.core.loader_harness import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.core.servable_id import ServableId


class Action(Enum):
    """What to do with a version. Unloads of all streams go before loads."""

    UNLOAD = 0
    LOAD = 1


@dataclass(frozen=True)
class AspiredServableStateSnapshot:
    """A version as the policy sees it."""

    id: ServableId
    state: State
    is_aspired: bool


@dataclass(frozen=True)
class ServableAction:
    """The next thing to do."""

    action: Action
    id: ServableId


def availability_preserving_policy(versions: Sequence[AspiredServableStateSnapshot]) -> ServableAction | None:
    """Loads the new before it unloads the old, so that a stream that answers goes on answering.

    Args:
      versions: All versions of one stream, in any order.
    Returns: one load or unload, or None when there is nothing to do now.
    Source: TF Serving core/availability_preserving_policy.cc at 2.20.0.
    """
    old = [v.id for v in versions if not v.is_aspired and v.state is State.READY]
    aspired = [v for v in versions if v.is_aspired]
    replaced = any(v.state is State.READY for v in aspired)
    if old and (not aspired or replaced or len(old) > 1):
        return ServableAction(Action.UNLOAD, min(old))
    new = [v.id for v in aspired if v.state is State.NEW]
    return ServableAction(Action.LOAD, max(new)) if new else None
