"""ServableState: how the outside sees a version, from START to END."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId
    from serving.errors import ServingError


class ManagerState(IntEnum):
    """Numbers are those of ModelVersionStatus.State.

    Source: TF Serving core/servable_state.h, apis/get_model_status.proto at 2.20.0.
    """

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class ServableState:
    """What happened last to a version; `error` only at END, and only if it failed."""

    id: ServableId
    state: ManagerState
    error: ServingError | None = None
