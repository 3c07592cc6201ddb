"""DataPlane: predict, classify, regress, metadata, status and reload on a ModelSpec. Knows no transport.

Its methods are called on the event loop's thread and never block it: the answer comes by `done(answer, error)`, on the
same thread, at once or later, with exactly one of the two.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import DeadlineExceeded, FailedPrecondition, NotFound, ServingError, from_exception
from serving.servables.classify import Classifications, run_classify
from serving.servables.predict import run_predict
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.core.servable_handle import ServableHandle
    from serving.core.servable_state import ServableState
    from serving.model_spec import ModelSpec
    from serving.servables.saved_model import SavedModelBundle
    from serving.served_model import Metadata, ServedModel
    from serving.server_core import ServerCore

Array = NDArray[Any]
log = logging.getLogger(__name__)
# Aliases to tensors, and the output filter; None for a signature that is not there: raise what the transport says then,
# or return anything, and the plane says it.
Decode = Callable[["Signature | None"], tuple[Mapping[str, Array], Sequence[str]]]
Encode = Callable[["ModelSpec", Mapping[str, Array]], bytes]
Done = Callable[["Answer | None", "ServingError | None"], None]
# What a run may use of a request's time: seconds left, or None.
Work = Callable[["ServedModel", "ModelSpec", "float | None"], bytes]


@dataclass(frozen=True)
class Answer:
    """A request's encoded answer, and which model it is of."""

    body: bytes
    spec: ModelSpec
    metadata: Metadata


class DataPlane:
    """What both transports call; each of their methods is a translation around one of these."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core

    def predict(
        self,
        spec: ModelSpec,
        decode: Decode,
        encode: Encode,
        done: Done,
        *,
        deadline: float | None = None,
        size: int = 0,
    ) -> None:
        """Runs a signature on tensors.

        Args:
          decode: The request's tensors; called with the signature, on any thread.
          encode: The answer's bytes; on any thread.
          deadline: On time.monotonic()'s clock, in seconds.
          size: Bytes of the request.
        Answers: InvalidArgument, NotFound, FailedPrecondition, what decode and the session raise.
        """

        def work(model: ServedModel, exact: ModelSpec, _left_s: float | None) -> bytes:
            signature = model.bundle.signatures.get(exact.signature_name)
            inputs, output_filter = decode(signature)
            if signature is None:
                raise FailedPrecondition(f'Serving signature key "{exact.signature_name}" not found.')
            return encode(exact, run_predict(model.bundle, exact.signature_name, inputs, output_filter))

        self.run(spec, work, done, deadline=deadline, size=size)

    def classify(
        self,
        spec: ModelSpec,
        examples: Sequence[bytes],
        encode: Callable[[ModelSpec, Classifications], bytes],
        done: Done,
        *,
        deadline: float | None = None,
        size: int = 0,
    ) -> None:
        """Classifies serialized tf.Examples; see run_classify."""

        def work(model: ServedModel, exact: ModelSpec, _left_s: float | None) -> bytes:
            return encode(exact, run_classify(model.bundle, exact.signature_name, examples))

        self.run(spec, work, done, deadline=deadline, size=size)

    def regress(
        self,
        spec: ModelSpec,
        examples: Sequence[bytes],
        encode: Callable[[ModelSpec, Sequence[float]], bytes],
        done: Done,
        *,
        deadline: float | None = None,
        size: int = 0,
    ) -> None:
        """Regresses serialized tf.Examples; see run_regress."""

        def work(model: ServedModel, exact: ModelSpec, _left_s: float | None) -> bytes:
            from serving.servables.regress import run_regress

            return encode(exact, run_regress(model.bundle, exact.signature_name, examples))

        self.run(spec, work, done, deadline=deadline, size=size)

    def run(self, spec: ModelSpec, work: Work, done: Done, *, deadline: float | None = None, size: int = 0) -> None:
        """Runs `work` on a thread of the model that the spec means, holding it meanwhile."""
        try:
            handle = self._core.servable_handle(spec)
        except ServingError as error:
            done(None, error)
            return
        _Job(handle, spec, work, done, deadline).start(size)

    def metadata(self, spec: ModelSpec) -> tuple[ModelSpec, Mapping[str, Any]]:
        """Every SignatureDef of the model as it was saved. Raises InvalidArgument, NotFound."""
        with self._core.servable_handle(spec) as handle:
            return replace(spec, version=handle.id.version), handle.servable.bundle.signature_def

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

    @contextmanager
    def open(self, spec: ModelSpec) -> Iterator[ModelCall]:
        """Holds the version that the spec means. Raises InvalidArgument, NotFound."""
        with self._core.servable_handle(spec) as handle:
            exact = replace(spec, version=handle.id.version, signature_name=spec.signature_name or DEFAULT_SIGNATURE)
            yield ModelCall(exact, handle.servable.bundle)


class ModelCall:
    """One request's hold on one version: `spec` names exactly what answers."""

    def __init__(self, spec: ModelSpec, bundle: SavedModelBundle) -> None:
        self.spec = spec
        self._bundle = bundle

    @property
    def signature(self) -> Signature | None:
        """What the request's signature takes and gives, so that a transport can decode for it."""
        return self._bundle.signatures.get(self.spec.signature_name)

    def predict(self, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()) -> dict[str, Array]:
        """Runs the signature on one batch; see run_predict."""
        return run_predict(self._bundle, self.spec.signature_name, inputs, output_filter)

    def classify(self, examples: Sequence[bytes]) -> Classifications:
        """Classifies serialized tf.Examples; see run_classify."""
        return run_classify(self._bundle, self.spec.signature_name, examples)

    def signature_defs(self) -> Mapping[str, Any]:
        """Every SignatureDef of the SavedModel, as it was saved."""
        return self._bundle.signature_def


class _Job:
    """One request on a thread of its model; answers once: its result, its error, or that its time is up."""

    def __init__(self, handle: ServableHandle, spec: ModelSpec, work: Work, done: Done, deadline: float | None) -> None:
        self._handle = handle
        self._model: ServedModel = handle.servable
        self._spec = replace(spec, version=handle.id.version, signature_name=spec.signature_name or DEFAULT_SIGNATURE)
        self._work = work
        self._done: Done | None = done
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, size: int) -> None:
        if self._deadline is not None:
            self._timer = self._loop.call_later(max(0, self._deadline - time.monotonic()), self._expire)
        try:
            self._model.threads.submit(self._run, size)
        except ServingError as error:
            self._handle.release()
            self._finish(None, error)

    def _run(self) -> None:
        """On a thread of the model."""
        answer: Answer | None = None
        error: ServingError | None = None
        try:
            if self._done is not None:  # else nobody waits any more
                body = self._work(self._model, self._spec, self._left_s())
                answer = Answer(body, self._spec, self._model.metadata)
        except Exception as raised:  # noqa: BLE001 - whatever a model raises is this request's answer
            error = failure(raised)
        finally:
            self._handle.release()
        try:
            self._loop.call_soon_threadsafe(self._finish, answer, error)
        except RuntimeError:  # the loop has ended
            log.debug("an answer of %s came after the server's end", self._spec.name)

    def _left_s(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.001)

    def _expire(self) -> None:
        self._finish(None, DeadlineExceeded("Timed out waiting for notification"))

    def _finish(self, answer: Answer | None, error: ServingError | None) -> None:
        done, self._done = self._done, None
        if self._timer:
            self._timer.cancel()
        if done is not None and (answer or error):
            done(answer, error)


def failure(error: Exception) -> ServingError:
    """What a transport answers for it; what is no ServingError is a bug of ours or of the model, and is logged."""
    if not isinstance(error, ServingError):
        log.error("a request failed", exc_info=error)
    return from_exception(error)
