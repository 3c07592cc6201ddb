"""Transports: the ports of a server, gRPC first and then REST, built from its options; opened and ended in order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from serving.byte_budget import ByteBudget
from serving.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from serving.config.monitoring_config import PrometheusConfig
    from serving.config.ssl_config import SslConfig
    from serving.exchange import HttpHandler, RpcHandler
    from serving.grpc.channel_arguments import TransportArguments
    from serving.monitoring.serving_metrics import ServingMetrics
    from serving.options import ServerOptions
    from serving.plane.data_plane import DataPlane
    from serving.relay.transport_processes import TransportProcesses
    from serving.rest.http_transport import HttpTransport

log = logging.getLogger(__name__)
_LAST_PORT = 65535


class Readiness(Protocol):
    """What the health endpoints tell."""

    def not_ready_reasons(self) -> list[str]:
        """Why the server is not ready, one sentence each."""


class Transport(Protocol):
    """What carries gRPC."""

    async def start(self, host: str | None, port: int, unix_path: str) -> None:
        """Opens the port and the socket, where they are not 0 and not empty."""

    async def stop(self, grace_s: float) -> None:
        """Refuses new calls; waits at most `grace_s` seconds for those in flight."""


def check_ports(options: ServerOptions) -> None:
    """Raises InvalidArgument (gRPC's), Unavailable (REST's) for a number that no port has, as for one that is taken."""
    if not 0 <= options.grpc_port <= _LAST_PORT:
        raise InvalidArgument("Failed to BuildAndStart gRPC server")
    if not 0 <= options.rest_api_port <= _LAST_PORT:
        raise Unavailable(f"Failed to start HTTP Server at {options.host or 'localhost'}:{options.rest_api_port}")


class Transports:
    """What listens; `start` raises ServingError when a port is taken, and leaves nothing open then."""

    def __init__(self, plane: DataPlane, options: ServerOptions, metrics: ServingMetrics, readiness: Readiness) -> None:
        self._plane = plane
        self._options = options
        self._metrics = metrics
        self._readiness = readiness
        self._budget = ByteBudget()
        self._open: list[Transport | HttpTransport | TransportProcesses] = []
        self._stopping = False

    async def start(self) -> None:
        """Opens the ports."""
        options = self._options
        check_ports(options)
        if options.transport_processes:
            await self._start_processes()
            return
        grpc = self._grpc()
        await grpc.start(options.host, options.grpc_port, options.grpc_socket_path)
        self._open.append(grpc)
        if options.rest_api_port and options.rest_api_port != options.grpc_port:
            rest = self._rest()
            await rest.start(options.host, options.rest_api_port)
            self._open.append(rest)

    async def stop(self) -> None:
        """Closes the ports and lets requests in flight finish."""
        self._stopping = True
        await asyncio.gather(*(transport.stop(self._options.shutdown_grace_s) for transport in self._open))

    async def _start_processes(self) -> None:
        from serving.relay.transport_processes import TransportProcesses

        options = self._options
        processes = TransportProcesses(
            options.transport_processes,
            self._rpc_methods(),
            self._rest_handler(),
            self._ssl_config(),
            self._channel_arguments(),
        )
        rest_port = 0 if options.rest_api_port == options.grpc_port else options.rest_api_port
        await processes.start(options.host, options.grpc_port, options.grpc_socket_path, rest_port)
        self._open.append(processes)

    def _grpc(self) -> Transport:
        lookup, ssl_config = self._rpc_methods().get, self._ssl_config()
        if self._options.grpc_transport == "grpcio":
            from serving.grpc.grpcio_transport import GrpcioTransport

            arguments = dict(self._options.grpc_channel_arguments)
            return GrpcioTransport(lookup, ssl_config=ssl_config, channel_arguments=arguments)
        from serving.grpc.grpc_transport import GrpcTransport

        ssl_context = ssl_config.ssl_context() if ssl_config else None
        own = GrpcTransport(lookup, budget=self._budget, ssl_context=ssl_context, arguments=self._channel_arguments())
        self._plane.around_answers(own.hold, own.flush)
        return own

    def _channel_arguments(self) -> TransportArguments:
        from serving.grpc.channel_arguments import transport_arguments, unknown_arguments

        arguments = dict(self._options.grpc_channel_arguments)
        for name in unknown_arguments(arguments):
            log.warning(
                "grpc_channel_arguments: %s=%s has no effect with --grpc_transport=own, use --grpc_transport=grpcio "
                "if it is needed",
                name,
                arguments[name],
            )
        return transport_arguments(arguments)

    def _ssl_config(self) -> SslConfig | None:
        from serving.config.ssl_config import read_ssl_config

        return read_ssl_config(self._options.ssl_config_file)

    def _rpc_methods(self) -> dict[str, RpcHandler]:
        from serving.grpc.services import Health, ModelService, PredictionService

        as_content = self._options.enable_serialization_as_tensor_content
        methods = {
            **PredictionService(self._plane, as_tensor_content=as_content).methods(),
            **ModelService(self._plane).methods(),
        }
        if self._options.enable_grpc_healthcheck_service:
            methods.update(Health(lambda: self._stopping).methods())
        return methods

    def _rest(self) -> HttpTransport:
        from serving.rest.http_transport import HttpTransport

        return HttpTransport(self._rest_handler(), budget=self._budget)

    def _rest_handler(self) -> HttpHandler:
        from serving.monitoring.prometheus_exporter import generate_page
        from serving.rest.http_rest_api_handler import HttpRestApiHandler

        prometheus = self._prometheus()
        return HttpRestApiHandler(
            self._plane,
            timeout_ms=self._options.rest_api_timeout_ms,
            cors=self._options.rest_api_enable_cors_support,
            metrics_text=(lambda: generate_page(self._metrics.registry).decode()) if prometheus.enable else None,
            metrics_path=prometheus.path,
            ready=self._readiness.not_ready_reasons,
        )

    def _prometheus(self) -> PrometheusConfig:
        from serving.config.monitoring_config import PrometheusConfig, read_monitoring_config

        path = self._options.monitoring_config_file
        return read_monitoring_config(path) if path else PrometheusConfig()
