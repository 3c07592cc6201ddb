"""LoaderHarness: a loader's guard in the manager, a state machine with retries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from serving.core.retrier import retry
from serving.errors import FailedPrecondition, ServingError, from_exception

if TYPE_CHECKING:
    from serving.core.loader import Loader
    from serving.core.servable_id import ServableId


class State(Enum):
    """In the order in which a harness goes through them; ERROR can follow any.

    Source: TF Serving core/loader_harness.h at 2.20.0.
    """

    NEW = auto()
    LOAD_REQUESTED = auto()
    LOAD_APPROVED = auto()
    LOADING = auto()
    READY = auto()
    UNLOAD_REQUESTED = auto()
    QUIESCING = auto()
    QUIESCED = auto()
    UNLOADING = auto()
    DISABLED = auto()
    ERROR = auto()


_ORDER = list(State)
Announce = Callable[["ServingError | None"], None]


@dataclass(frozen=True)
class RetryOptions:
    """How often a failing load is tried again, and how long after, in seconds."""

    max_num_load_retries: int = 5
    load_retry_interval_s: float = 60.0


class LoaderHarness:
    """Takes one loader from NEW to DISABLED or ERROR and refuses any step out of order."""

    def __init__(self, servable_id: ServableId, loader: Loader, retries: RetryOptions) -> None:
        self.id = servable_id
        self.servable: Any = None
        self.error: ServingError | None = None
        self.is_aspired = True
        self._loader = loader
        self._retries = retries
        self._state = State.NEW
        self._stop_retrying = threading.Event()

    @property
    def state(self) -> State:
        """Where it is now."""
        return self._state

    def advance(self, to: State) -> None:
        """Goes to the next state. Raises FailedPrecondition if `to` is not it."""
        expected = _ORDER[_ORDER.index(to) - 1]
        if to in (State.NEW, State.ERROR) or self._state is not expected:
            raise FailedPrecondition(
                f"Servable {self.id} cannot be transitioned to {to.name}. "
                f"In state {self._state.name} instead of expected state {expected.name}"
            )
        self._state = to

    def estimate_resources(self) -> int:
        """The bytes of memory that its loader expects to take; 0 if the loader does not say."""
        estimate = getattr(self._loader, "estimate_resources", None)
        return int(estimate()) if estimate else 0

    def load(self, announce: Announce = lambda _: None) -> None:
        """Runs the loader, with retries; READY after it. Raises ServingError, and is in ERROR then.

        `announce` is called with the error or None just before that: whoever acts on the new state must find what it
        stands for, a version that can be looked up or a published END, in its place.
        """
        self.advance(State.LOADING)
        options = self._retries
        try:
            self.servable = retry(
                f"Loading servable: {self.id}",
                self._loader.load,
                options.max_num_load_retries,
                options.load_retry_interval_s,
                self._stop_retrying,
            )
        except ServingError as error:
            announce(error)
            self.fail(error)
            raise
        announce(None)
        self.advance(State.READY)

    def unload(self, announce: Announce = lambda _: None) -> None:
        """Runs the loader's unload; DISABLED after it. `announce` as in `load`."""
        self.advance(State.UNLOADING)
        self.servable = None
        try:
            self._loader.unload()
        except Exception as error:
            failure = from_exception(error)
            announce(failure)
            self.fail(failure)
            raise
        announce(None)
        self.advance(State.DISABLED)

    def fail(self, error: ServingError) -> None:
        """Goes to ERROR, from wherever it is."""
        self._state = State.ERROR
        self.error = error

    def give_up(self) -> None:
        """No longer aspired: no further try after the one that runs now."""
        self.is_aspired = False
        self._stop_retrying.set()
