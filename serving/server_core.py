"""ServerCore: the chain source - adapter - manager, and the way from a ModelSpec to a handle on a servable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from serving.core.aspired_versions_manager import AspiredVersionsManager
from serving.core.event_bus import EventBus
from serving.core.loader import Loader
from serving.core.servable_id import ServableId
from serving.core.servable_request import ServableRequest
from serving.core.servable_state_monitor import ServableStateMonitor
from serving.core.source_adapter import UnarySourceAdapter
from serving.errors import InvalidArgument

if TYPE_CHECKING:
    from serving.core.loader_harness import RetryOptions
    from serving.core.servable_data import ServableData
    from serving.core.servable_handle import ServableHandle
    from serving.core.servable_state import ServableState
    from serving.core.source import Source
    from serving.model_spec import ModelSpec

LoaderFactory = Callable[[ServableId, str], Loader]


class ServerCore:
    """Makes the chain back to front; what a connected source aspires to is then loaded, replaced and unloaded.

    Source: TF Serving model_servers/server_core.cc at 2.20.0.
    """

    def __init__(self, make_loader: LoaderFactory, retries: RetryOptions) -> None:
        bus: EventBus[ServableState] = EventBus()
        self.monitor = ServableStateMonitor(bus)
        self._manager = AspiredVersionsManager(bus, retries)
        self._adapter: UnarySourceAdapter[str, Any] = UnarySourceAdapter(
            make_loader, self._manager.set_aspired_versions
        )

    def connect(self, source: Source) -> None:
        """Follows a source from now on. Sources must not share a model's name."""
        source.set_aspired_versions_callback(self.set_aspired_versions)

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[str]]) -> None:
        """The path of every version of a model that ought to be loaded; safe from any thread."""
        self._adapter.set_aspired_versions(name, versions)

    def servable_handle(self, spec: ModelSpec) -> ServableHandle:
        """A handle on the version that the spec means. Raises InvalidArgument, NotFound."""
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        if spec.label is not None:
            raise InvalidArgument(f"Unrecognized servable version label: {spec.label}")
        return self._manager.servable_handle(ServableRequest(spec.name, spec.version))

    def available_ids(self) -> list[ServableId]:
        """The versions that answer now."""
        return self._manager.available_ids()

    def stop(self) -> None:
        """Follows no source any more."""
        self._manager.stop()
