"""ServerOptions: everything a server needs to know, built once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from serving.core.loader_harness import RetryOptions

if TYPE_CHECKING:
    from serving.config.model_config import ModelConfig


@dataclass(frozen=True)
class ServerOptions:
    """Defaults are upstream's, but for `rest_api_port`'s and `grpc_port`'s host."""

    # Ports; 0: this transport is off.
    grpc_port: int = 8500
    rest_api_port: int = 0
    # The address of both ports; None stands for every interface.
    host: str | None = None
    # The models that start-up waits for; with a source of one's own it may be empty.
    models: tuple[ModelConfig, ...] = ()
    file_system_poll_wait_s: float = 1
    retries: RetryOptions = field(default_factory=RetryOptions)
    enable_model_warmup: bool = True
    # For a whole REST request, in milliseconds; 0 or less: no limit.
    rest_api_timeout_ms: int = 30000
    # Whether the ports open only after every model has a version that is available (else the server does not start).
    wait_for_models: bool = True
    # How long a stop waits for requests in flight, in seconds.
    shutdown_grace_s: float = 10
