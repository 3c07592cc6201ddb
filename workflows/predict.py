"""Held-out examples to a running model server, by REST and by gRPC, as predictions that can be shown.

Not here: how they are shown (pictures.py), how a request is made (training/requests.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workflows.errors import ShipwayError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from training.examples import Examples
    from workflows.pictures import Prediction

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Target:
    """A model on a server; `version` None is the newest that answers."""

    model: str
    host: str
    port: int
    rest_api_port: int
    version: int | None = None

    @property
    def _host(self) -> str:
        """An IPv6 address stands in brackets."""
        return f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host

    @property
    def rest(self) -> str:
        """The base of the REST addresses."""
        return f"http://{self._host}:{self.rest_api_port}"

    @property
    def grpc(self) -> str:
        """The gRPC address."""
        return f"{self._host}:{self.port}"


@dataclass(frozen=True)
class Answers:
    """What the server said: each example twice, once by REST and once by gRPC."""

    model: str
    version: int
    predictions: list[Prediction]
    max_abs_difference: float

    def summary(self) -> dict[str, Any]:
        """The same for machines, without the pictures."""
        items = [{k: v for k, v in asdict(item).items() if k != "image"} for item in self.predictions]
        return {
            "model": self.model,
            "version": str(self.version),
            "max_abs_difference": self.max_abs_difference,
            "predictions": items,
        }


def available(target: Target) -> list[int]:
    """The versions of a model that answer now, newest first; none if the server knows no such model.

    Raises: ShipwayError (nothing answers there, or it is no model server).
    """
    import httpx

    try:
        response = httpx.get(f"{target.rest}/v1/models/{target.model}", timeout=TIMEOUT_S)
        states = response.json().get("model_version_status", [])
        return [int(state["version"]) for state in states if state["state"] == "AVAILABLE"]
    except httpx.InvalidURL:
        raise UsageError(f"{target.host!r} is no host: give a name or an address") from None
    except httpx.TransportError:
        raise ShipwayError(
            f"no model server answers at {target.rest}: start one with `shipway serve --env dev`"
        ) from None
    except (ValueError, LookupError, AttributeError):
        raise ShipwayError(f"what answers at {target.rest} is no model server: name another --rest-api-port") from None


def predict(target: Target, data: str, count: int) -> Answers:
    """Asks about `count` examples of the test split of `data`, each by REST and by gRPC.

    Raises: UsageError (the version does not answer); ShipwayError (no server); TrainingError (unknown model, bad data).
    """
    from training.client import Client
    from training.model import find

    model = find(target.model)
    versions = available(target)
    if not versions or target.version not in {None, *versions}:
        known = ", ".join(map(str, versions)) or "none"
        name = f"{target.model} {target.version}" if target.version else target.model
        raise UsageError(f"{target.rest} serves no {name}: the versions that answer are {known}; see `shipway status`")
    version = target.version or versions[0]
    examples = held_out(target.model, data, count)
    with Client(target.model, rest=target.rest, grpc_address=target.grpc, version=version) as client:
        rest, grpc = client.rest_rows(examples.features), client.grpc(examples.features)
    difference = float(abs(rest["scores"] - grpc["scores"]).max())
    labels = model.config.labels
    shown = [
        *_predictions(examples, labels, rest["scores"], "REST"),
        *_predictions(examples, labels, grpc["scores"], "gRPC"),
    ]
    return Answers(target.model, version, shown, difference)


def held_out(model: str, data: str, count: int) -> Examples:
    """Up to `count` examples of the test split, spread over it. Raises: TrainingError."""
    import numpy as np

    from training.model import find
    from training.split import split

    found = find(model)
    test = split(found.data.load(data), found.config.split)["test"]
    return test.take(np.linspace(0, len(test) - 1, min(count, len(test))).astype(int))


def _predictions(
    examples: Examples, labels: tuple[str, ...], scores: NDArray[np.float32], source: str
) -> list[Prediction]:
    from workflows.pictures import Prediction

    images = next((values for values in examples.features.values() if values.ndim == 4), None)  # noqa: PLR2004 - [n, h, w, c]
    found = []
    for row, best in enumerate(scores.argmax(axis=1)):
        features = {name: float(values[row]) for name, values in examples.features.items() if values.ndim == 1}
        found.append(
            Prediction(
                id=str(examples.ids[row]),
                label=labels[int(examples.labels[row])],
                prediction=labels[int(best)],
                score=float(scores[row, best]),
                image=None if images is None else (images[row, :, :, 0] * 255).astype("uint8"),
                features=features or None,
                source=source,
            )
        )
    return found
