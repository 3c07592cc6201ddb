"""DataPlane: predict, infer (classify, regress), metadata, status and reload on a ModelSpec. Knows no transport.

Its methods are called on the event loop's thread and never block it: the answer comes by `done(answer, error)`, on the
same thread, at once or later, with exactly one of the two.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.config.model_config import model_server_config
from serving.errors import Code, NotFound, ServingError
from serving.plane.lane import EncodeAll, Lane
from serving.plane.loop_inbox import LoopInbox
from serving.plane.merging import TickMerger
from serving.plane.model_job import Answer, Done, ModelJob, Work, failure
from serving.plane.predict_job import Decode, Encode, PredictJob, Runs
from serving.plane.request_metrics import GRPC_CLASSIFY, REST_CLASSIFY, Api, RequestMetrics

if TYPE_CHECKING:
    from serving.core.servable_state import ServableState
    from serving.exchange import Client
    from serving.model_spec import ModelSpec
    from serving.monitoring.serving_metrics import ServingMetrics
    from serving.plane.served_model import ServedModel
    from serving.servables.signature import Signature
    from serving.server_core import ServerCore

Reloaded = Callable[["Mapping[str, int] | None", "ServingError | None"], None]


@dataclass(frozen=True)
class PlaneOptions:
    """What of ServerOptions concerns requests."""

    enable_request_merging: bool = True
    enable_signature_method_name_check: bool = False


class DataPlane:
    """What both transports call; each of their methods is a translation around one of these.

    `deadline` is on time.monotonic()'s clock, in seconds; `size` is how many bytes a request has; `encode` makes the
    answer's bytes, on any thread; what still waits for a thread when its `client` has gone is not run. All answer
    InvalidArgument and NotFound for a spec that means no loaded version.
    """

    def __init__(self, core: ServerCore, metrics: ServingMetrics, options: PlaneOptions) -> None:
        self._core = core
        self._options = options
        self._metrics = metrics
        self._requests = RequestMetrics(metrics, lambda name: bool(core.monitor.states(name)))
        self._inbox: LoopInbox | None = None
        self._runs_by_api: dict[Api, Runs] = {}

    def start(self) -> None:
        """Answers from now on, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._inbox = LoopInbox(loop)
        self._merger = TickMerger(loop.call_soon, merge=self._options.enable_request_merging)

    def around_answers(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Calls these before and after the answers of a tick, so that they can be written together and at once."""
        self._merger.before, self._merger.after = before, after

    def predict(
        self,
        spec: ModelSpec,
        decode: Decode,
        encode: Encode,
        done: Done,
        *,
        api: Api,
        deadline: float | None = None,
        size: int = 0,
        client: Client | None = None,
        inline: bool,
    ) -> None:
        """Runs a signature on tensors; `decode` gives the request's, for the signature, on any thread.

        Args:
          inline: Whether `decode` is quick enough for the event loop's thread.

        Answers: FailedPrecondition, InvalidArgument; what decode and the session raise.
        """
        try:
            handle = self._core.servable_handle(spec)
        except ServingError as error:
            self._requests.record(api, spec.name, error.code, time.perf_counter())
            done(None, error)
            return
        runs = self._runs_by_api.get(api) or self._runs(api)
        PredictJob(handle, spec, decode, encode, runs).start(done, deadline, size, client, inline=inline)

    def lane(
        self,
        spec: ModelSpec,
        alias: str,
        output_filter: tuple[str, ...],
        encode: EncodeAll,
        *,
        api: Api,
        signature: Signature | None = None,
    ) -> Lane:
        """Where quick requests with this spec, this one input and this filter meet; to be kept, and asked first."""
        return Lane(
            self._core.servable_handle, self._merger, self._requests, api, spec, alias, output_filter, encode, signature
        )

    def infer(
        self,
        spec: ModelSpec,
        examples: Sequence[bytes],
        encode: Callable[[ModelSpec, Any], bytes],
        done: Done,
        *,
        api: Api,
        deadline: float | None = None,
        size: int = 0,
        client: Client | None = None,
    ) -> None:
        """Classifies or regresses serialized tf.Examples, as `api` says; see run_classify, run_regress."""
        run, check = _inference(api), self._options.enable_signature_method_name_check

        def work(model: ServedModel, exact: ModelSpec, left_s: float | None) -> bytes:
            started = time.perf_counter()
            results = run(model.bundle, exact.signature_name, examples, timeout_s=left_s, check_method_name=check)
            self._requests.record_run(api, exact.name, time.perf_counter() - started)
            return encode(exact, results)

        self._run(spec, work, done, api=api, deadline=deadline, size=size, client=client)

    def multi_inference(
        self,
        spec: ModelSpec,
        tasks: Sequence[Any],
        examples: Sequence[bytes],
        encode: Callable[[ModelSpec, Sequence[Any]], bytes],
        done: Done,
        *,
        deadline: float | None = None,
        size: int = 0,
        client: Client | None = None,
    ) -> None:
        """Classifies and regresses the same tf.Examples in one run; see run_multi_inference."""
        from serving.servables.multi_inference import run_multi_inference

        def work(model: ServedModel, exact: ModelSpec, left_s: float | None) -> bytes:
            self._metrics.record_examples(exact.name, len(examples))
            return encode(exact, run_multi_inference(model.bundle, tasks, examples, timeout_s=left_s))

        self._run(spec, work, done, api=None, deadline=deadline, size=size, client=client)

    def metadata(self, spec: ModelSpec) -> tuple[ModelSpec, Mapping[str, Any]]:
        """Every SignatureDef of the model as it was saved. Raises InvalidArgument, NotFound."""
        with self._core.servable_handle(spec) as handle:
            return spec._replace(version=handle.id.version), handle.servable.bundle.signature_def

    def status(self, spec: ModelSpec) -> list[ServableState]:
        """The version's state, or those of all versions ever seen, descending. Raises NotFound. Labels are ignored.

        Source: TF Serving model_servers/get_model_status_impl.cc at 2.20.0.
        """
        states = self._core.monitor.states(spec.name)
        if spec.version is not None:
            states = [state for state in states if state.id.version == spec.version]
            missing = f"Could not find version {spec.version} of model {spec.name}"
        else:
            missing = f"Could not find any versions of model {spec.name}"
        if not states:
            raise NotFound(missing)
        return states

    def reload(self, config: Any, metric_names: Sequence[str], done: Reloaded) -> None:
        """Serves what a ModelServerConfig says and nothing else; on a thread of its own, for it may wait long.

        Answers: how much each named metric has grown meanwhile; or what reload_config raises.
        """

        def work() -> None:
            before = [self._metrics.registry.value(name) for name in metric_names]
            error: ServingError | None = None
            try:
                self._core.reload_config(model_server_config(config))
            except Exception as raised:  # noqa: BLE001 - it is the call's answer
                error = failure(raised)
            grown = {
                name: self._metrics.registry.value(name) - old for name, old in zip(metric_names, before, strict=True)
            }
            self._put(lambda: done(None if error else grown, error))

        threading.Thread(target=work, name="reload", daemon=True).start()

    def count(self, api: Api, model: str, code: Code, started: float) -> None:
        """Counts a request that did not come to any of the above; `started` by time.perf_counter()."""
        self._requests.record(api, model, code, started)

    def _run(
        self,
        spec: ModelSpec,
        work: Work,
        done: Done,
        *,
        api: Api | None,
        deadline: float | None,
        size: int,
        client: Client | None,
    ) -> None:
        """Runs `work` on a thread of the model that the spec means, holding it meanwhile."""
        if api:
            done = self._counted(api, spec.name, done)
        try:
            handle = self._core.servable_handle(spec)
        except ServingError as error:
            done(None, error)
            return
        job = ModelJob(handle, handle.servable.exact(spec), work, self._loop_inbox())
        job.start(done, deadline, size, client)

    def _counted(self, api: Api, model: str, done: Done) -> Done:
        started = time.perf_counter()

        def counted(answer: Answer | None, error: ServingError | None) -> None:
            self._requests.record(api, model, error.code if error else Code.OK, started)
            done(answer, error)

        return counted

    def _runs(self, api: Api) -> Runs:
        runs = self._runs_by_api[api] = Runs(self._loop_inbox(), self._merger, self._requests, api)
        return runs

    def _put(self, call: Callable[[], None]) -> None:
        self._loop_inbox().put(call)

    def _loop_inbox(self) -> LoopInbox:
        assert self._inbox is not None, "start() comes first"
        return self._inbox


def _inference(api: Api) -> Callable[..., Any]:
    from serving.servables.classify import run_classify
    from serving.servables.regress import run_regress

    return run_classify if api in {GRPC_CLASSIFY, REST_CLASSIFY} else run_regress
