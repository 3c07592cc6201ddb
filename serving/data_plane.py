"""DataPlane: predict, classify, metadata and status on a ModelSpec. Knows no transport; blocks, so runs on a worker."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import NotFound
from serving.servables.classify import Classifications, run_classify
from serving.servables.predict import run_predict
from serving.servables.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from serving.core.servable_state import ServableState
    from serving.model_spec import ModelSpec
    from serving.servables.saved_model import SavedModelBundle
    from serving.server_core import ServerCore

Array = NDArray[Any]


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


class DataPlane:
    """What both transports call; each of their methods is a translation around one of these."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core

    @contextmanager
    def open(self, spec: ModelSpec) -> Iterator[ModelCall]:
        """Holds the version that the spec means. Raises InvalidArgument, NotFound."""
        with self._core.servable_handle(spec) as handle:
            exact = replace(spec, version=handle.id.version, signature_name=spec.signature_name or DEFAULT_SIGNATURE)
            yield ModelCall(exact, handle.servable)

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
