"""DynamicSourceRouter: sends each stream to the target of its platform, by a map that can be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.core.servable_data import ServableData
    from serving.core.source import AspiredVersionsCallback


class DynamicSourceRouter:
    """One input, one output port per target; a name without a route goes to the last.

    Source: TF Serving core/dynamic_source_router.h at 2.20.0.
    """

    def __init__(self, ports: Sequence[AspiredVersionsCallback]) -> None:
        self._ports = tuple(ports)
        self._routes: Mapping[str, int] = {}

    @property
    def routes(self) -> Mapping[str, int]:
        """From name to the index of a port."""
        return self._routes

    def update_routes(self, routes: Mapping[str, int]) -> None:
        """Replaces the map; for lists that come from now on."""
        self._routes = dict(routes)

    def set_aspired_versions(self, name: str, versions: Sequence[ServableData[Any]]) -> None:
        """Hands the list to its port."""
        self._ports[self._routes.get(name, -1)](name, versions)
