"""ServerCore: the chain source - router - adapter - manager, its configuration, and ModelSpec to servable handle."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serving.config.config_checks import (
    Labels,
    check_labels,
    check_logging,
    check_models,
    check_platforms_stay,
    check_routes,
    check_transition,
)
from serving.config.model_config import TENSORFLOW, ModelConfig, ModelServerConfig
from serving.core.aspired_versions_manager import AspiredVersionsManager
from serving.core.dynamic_source_router import DynamicSourceRouter
from serving.core.event_bus import EventBus
from serving.core.loader import Loader
from serving.core.readiness import not_ready_reasons
from serving.core.servable_id import ServableId
from serving.core.servable_request import ServableRequest
from serving.core.servable_state_monitor import ServableStateMonitor, reload_error, startup_error
from serving.core.source_adapter import ErrorInjectingSourceAdapter, UnarySourceAdapter
from serving.errors import Internal, InvalidArgument, NotFound, ServingError, Unavailable, Unimplemented
from serving.options import ServerCoreOptions
from serving.sources.file_system_storage_path_source import FileSystemStoragePathSource
from serving.sources.version_policy import Specific

if TYPE_CHECKING:
    from collections.abc import Iterable

    from serving.core.servable_handle import ServableHandle
    from serving.core.servable_state import ServableState
    from serving.core.source import Source
    from serving.model_spec import ModelSpec

log = logging.getLogger(__name__)
LoaderFactory = Callable[[ServableId, str], Loader]
Failure = Callable[["Iterable[ServableState | None]"], "ServingError | None"]


class ServerCore:
    """Makes the chain; `reload_config` says what to serve, and `connect` adds a source of one's own.

    Args:
      platforms: From platform name to what makes a loader from an id and a path.

    Source: TF Serving model_servers/server_core.cc at 2.20.0.
    """

    def __init__(self, platforms: Mapping[str, LoaderFactory], options: ServerCoreOptions | None = None) -> None:
        self._options = options or ServerCoreOptions()
        self._bus: EventBus[ServableState] = EventBus()
        self.monitor = ServableStateMonitor(self._bus)
        self._manager = AspiredVersionsManager(self._bus, self._options.manager)
        self._adapters = {
            name: UnarySourceAdapter[str, Any](make_loader, self._manager.set_aspired_versions)
            for name, make_loader in platforms.items()
        }
        self._ports = {name: port for port, name in enumerate(self._adapters)}
        self._router = DynamicSourceRouter(
            [
                *(adapter.set_aspired_versions for adapter in self._adapters.values()),
                ErrorInjectingSourceAdapter[str, Any](
                    Internal("No platform found for model"), self._manager.set_aspired_versions
                ).set_aspired_versions,
            ]
        )
        self._source: FileSystemStoragePathSource | None = None
        self._reloading = threading.Lock()
        self._config = ModelServerConfig()
        self._labels: Labels = {}
        self._awaited = self.monitor
        self._configured = False
        self._stopping = False

    def connect(self, source: Source, platform: str = TENSORFLOW) -> None:
        """Follows a source from now on. Sources must not share a model's name."""
        self._configured = True
        source.set_aspired_versions_callback(self._adapters[platform].set_aspired_versions)

    def reload_config(self, config: ModelServerConfig) -> None:
        """Serves what the config says and nothing else. Blocks until every new model has a version AVAILABLE or END.

        One call at a time; others wait. Models that are gone are unloaded without waiting for it, changed base paths
        and policies apply at the next poll.

        Raises: InvalidArgument, FailedPrecondition for what is refused; Unknown if new models ended instead of becoming
          available, which changes nothing back; Unavailable if the server stops first.
        """
        with self._reloading:
            self._check_running()
            check_transition(self._config, config)
            if config.is_empty:
                log.info("Taking no action for empty config.")
                self._configured = True
                return
            if config.models is None:
                raise Unimplemented("ModelServer does not yet support custom model config.")
            check_models(config.models)
            check_platforms_stay(self._config.models or (), config.models)
            # As upstream: a config that is refused from here on is still what the next one is compared with.
            self._config = config
            self._labels = self._checked_labels(config.models)
            log.info("Adding/updating models.")
            for model in config.models:
                log.info(" (Re-)adding model: %s", model.name)
            self._serve(config.models)
            log.info("Finished adding/updating models")
            check_logging(config.models)

    def servable_handle(self, spec: ModelSpec) -> ServableHandle:
        """A handle on the version that the spec means. Never waits. Raises InvalidArgument, NotFound."""
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        version = spec.version if spec.label is None else self._labelled(spec.name, spec.label)
        handle = self._manager.find(spec.name, version)
        if handle is None:
            raise NotFound(f"Servable not found for request: {ServableRequest(spec.name, version)}")
        return handle

    def available_ids(self) -> list[ServableId]:
        """The versions that answer now."""
        return self._manager.available_ids()

    def ready(self) -> bool:
        """Whether every version that is asked for is loaded and warmed up."""
        return not self.not_ready_reasons()

    def not_ready_reasons(self) -> list[str]:
        """What is still missing, one sentence each; empty when the server is ready."""
        if self._stopping:
            return ["The server is stopping."]
        if not self._configured:
            return ["The server has no configuration yet."]
        models = self._source.models if self._source else ()
        asked_for = {m.name: m.policy.versions if isinstance(m.policy, Specific) else () for m in models}
        return not_ready_reasons(asked_for, self._manager.aspired(), self.monitor.state)

    def begin_stop(self) -> None:
        """Is no longer ready, and breaks off a reload that waits for models; goes on answering."""
        self._stopping = True
        self.monitor.wake()
        self._awaited.wake()

    def stop(self) -> None:
        """Follows no source any more and unloads everything."""
        self.begin_stop()
        if self._source:
            self._source.stop()
        self._manager.stop()

    def _labelled(self, name: str, label: str) -> int:
        version = self._labels.get(name, {}).get(label)
        if version is None:
            raise InvalidArgument(f"Unrecognized servable version label: {label}")
        return version

    def _checked_labels(self, models: Sequence[ModelConfig]) -> Labels:
        return check_labels(
            models,
            lambda name, version: self.monitor.is_available(ServableId(name, version)),
            self._labels,
            allow_unavailable=self._options.allow_version_labels_for_unavailable_models,
        )

    def _serve(self, models: Sequence[ModelConfig]) -> None:
        routes = {name: self._ports[platform] for name, platform in check_routes(models, self._ports).items()}
        if self._source is None:
            self._serve_first(models, routes)
        else:
            self._serve_instead(self._source, models, routes)

    def _serve_first(self, models: Sequence[ModelConfig], routes: Mapping[str, int]) -> None:
        """Many loads at a time until the first models are up.

        Source: TF Serving core/load_servables_fast.cc (ConnectSourcesWithFastInitialLoad) at 2.20.0.
        """
        threads = self._options.manager
        self._router.update_routes(routes)
        self._source = FileSystemStoragePathSource(models, self._options.file_system_poll_wait_s)
        self._configured = True
        self._manager.set_num_load_threads(threads.num_initial_load_threads)
        try:
            self._source.set_aspired_versions_callback(self._router.set_aspired_versions)
            self._await(self.monitor, [model.name for model in models], startup_error)
        finally:
            self._manager.set_num_load_threads(threads.num_load_threads)

    def _serve_instead(
        self, source: FileSystemStoragePathSource, models: Sequence[ModelConfig], routes: Mapping[str, int]
    ) -> None:
        """Widens the routes, so that what goes is still routed while it goes, and narrows them afterwards."""
        # A fresh monitor knows nothing of a model that was served before under the name of a new one.
        self._awaited = ServableStateMonitor(self._bus, only_new=True)
        known = {model.name for model in source.models}
        try:
            self._router.update_routes({**self._router.routes, **routes})
            source.update_config(models)
            self._router.update_routes(routes)
            self._await(self._awaited, [model.name for model in models if model.name not in known], reload_error)
        finally:
            self._awaited.close()

    def _await(self, monitor: ServableStateMonitor, names: Sequence[str], failure: Failure) -> None:
        monitor.wait_for(lambda: self._stopping or all(map(monitor.decided, names)))
        self._check_running()
        if error := failure(map(monitor.decided, names)):
            raise error

    def _check_running(self) -> None:
        if self._stopping:
            raise Unavailable("The server is stopping.")
