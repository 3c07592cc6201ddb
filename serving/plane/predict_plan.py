"""PredictPlan: how requests that name the same signature, inputs and outputs are run; made once, then looked up."""

from __future__ import annotations

from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.batching.batching_session import BatchingSession
from serving.plane.merging import RowWiseCall
from serving.servables.predict import Prepared, prepare_predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from serving.servables.row_wise import RowWise
    from serving.servables.saved_model import SavedModelBundle

Array = NDArray[Any]
# Every distinct output_filter makes a plan; beyond this many a request makes one for itself.
MAX_PLANS = 64


@dataclass(frozen=True)
class PredictPlan:
    """How to run one kind of request.

    Attributes:
      inputs: The aliases of the feeds, in the order of `feeds`.
      feeds, fetches: Tensor names.
      aliases: Of the outputs; aliases[i] is answered by fetches[i].
      row_wise: For which shapes runs may be merged; None: they may not.
      call: What runs then.
    """

    inputs: tuple[str, ...]
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    aliases: tuple[str, ...]
    row_wise: RowWise | None
    call: RowWiseCall | None

    def direct(self, arrays: list[Array], batching: BatchingSession | None) -> RowWiseCall | None:
        """What runs these arrays by itself; None: they are not row-wise, or better off in a batch."""
        call = self.call
        rows = self.row_wise.row_count(self.feeds, arrays) if self.row_wise else None
        if rows is None or call is None:
            return None
        if batching is not None and not (batching.adds_nothing(rows) and call.cost.may_be_quick(rows)):
            return None
        return call

    def run(self, bundle: SavedModelBundle, arrays: list[Array], timeout_s: float | None) -> list[Array]:
        """The outputs in the order of `aliases`; blocks. Raises what the session says."""
        values = bundle.runner.run(dict(zip(self.feeds, arrays, strict=True)), self.fetches, timeout_s)
        return [values[tensor] for tensor in self.fetches]


def run_measured(call: RowWiseCall, arrays: list[Array]) -> list[Array]:
    """Runs it on this thread, without a limit of time: it computes and nothing else."""
    # By this thread's own time: among threads, wall time is mostly that of waiting for the interpreter.
    started = thread_time()
    outputs = call.call(arrays)
    if call.ran is not None:
        call.ran([len(arrays[0])])
    call.cost.record(len(arrays[0]), thread_time() - started)
    return outputs


class PredictPlans:
    """The plans of one loaded model; safe from any thread."""

    def __init__(
        self, bundle: SavedModelBundle, row_wise: Mapping[str, RowWise], *, check_method_name: bool = False
    ) -> None:
        self._bundle = bundle
        self._row_wise = row_wise
        self._check_method_name = check_method_name
        self._plans: dict[tuple[str, tuple[str, ...], tuple[str, ...]], PredictPlan] = {}

    def find(self, signature_name: str, inputs: Iterable[str], output_filter: Sequence[str]) -> PredictPlan | None:
        """The plan of such requests, if there was one before; its arrays are those of `plan.inputs`."""
        return self._plans.get((signature_name, tuple(inputs), tuple(output_filter)))

    def prepare(
        self, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str]
    ) -> tuple[PredictPlan, list[Array]]:
        """A plan for the request, remembered for the next one, and its arrays in the order of the feeds.

        Raises: what prepare_predict raises; ServingError for a tensor that cannot be decoded.
        """
        prepared = prepare_predict(
            self._bundle, signature_name, inputs, output_filter, check_method_name=self._check_method_name
        )
        plan = self._plan(signature_name, prepared)
        # One that was filled up with defaults names fewer inputs than it feeds.
        if len(inputs) == len(plan.feeds) == len(set(plan.feeds)) and len(self._plans) < MAX_PLANS:
            plan = self._plans.setdefault((signature_name, tuple(inputs), tuple(output_filter)), plan)
        return plan, prepared.arrays

    def _plan(self, signature_name: str, prepared: Prepared) -> PredictPlan:
        aliases = {info.tensor: alias for alias, info in self._bundle.signatures[signature_name].inputs.items()}
        inputs = tuple(aliases[tensor] for tensor in prepared.feeds)
        row_wise = self._row_wise.get(signature_name)
        call = None
        if row_wise:
            runner = self._bundle.runner
            ran = runner.record_run if isinstance(runner, BatchingSession) else None
            call = RowWiseCall(self._bundle.session.callable(prepared.feeds, prepared.fetches), ran=ran)
        return PredictPlan(inputs, prepared.feeds, prepared.fetches, prepared.aliases, row_wise, call)
