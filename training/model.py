"""Finding a model: the folder training/models/<name>/ with config.py, data.py and network.py, and nothing else."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast

import training.models
from training.config import Config
from training.errors import UnknownModelError
from training.examples import Array, Examples


class Data(Protocol):
    """data.py of a model. It imports no TensorFlow."""

    def load(self, source: str) -> Examples:
        """The examples of `builtin` or of a path; raises SourceError."""

    def watch(self, examples: Examples) -> dict[str, Array]:
        """The numbers whose distribution is compared with the served version's: by name, <float>[n]."""

    def slices(self, examples: Examples) -> dict[str, Array]:
        """The groups to evaluate apart, besides the labels: by name, <bool>[n]."""


class Network(Protocol):
    """network.py of a model. It may also have `augment(features, seed)`, see fitting.py."""

    def build(self, config: Config, train: Examples) -> Any:
        """A Keras model from features by name to logits <float32>[batch, labels]; it may learn scales from train."""


@dataclass(frozen=True)
class Model:
    """A model by its name, its modules imported when they are first asked for."""

    name: str

    @cached_property
    def config(self) -> Config:
        """CONFIG of its config.py."""
        return cast("Config", self._module("config").CONFIG)

    @cached_property
    def data(self) -> Data:
        """Its data.py."""
        return cast("Data", self._module("data"))

    @cached_property
    def network(self) -> Network:
        """Its network.py; imports TensorFlow."""
        return cast("Network", self._module("network"))

    def _module(self, part: str) -> Any:
        return importlib.import_module(f"{training.models.__name__}.{self.name}.{part}")


def known() -> list[str]:
    """The names of all models, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(training.models.__path__) if found.ispkg)


def find(name: str) -> Model:
    """The model of that name.

    Raises: UnknownModelError, whose message lists the known ones.
    """
    if name not in known():
        raise UnknownModelError(f"there is no model {name!r}, expected one of: {', '.join(known())}")
    return Model(name)
