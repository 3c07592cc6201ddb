"""How a step declares its files: `InputPath`, `OptionalInputPath`, `OutputPath` and `OutputValue` in its signature.

The command line of `python -m training` and the Argo template are both derived from these signatures, so that a
parameter has one name everywhere. Not here: what a step does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated


@dataclass(frozen=True)
class Input:
    """A file or directory that an earlier step wrote; an optional one may be missing or an empty directory."""

    optional: bool = False


@dataclass(frozen=True)
class Output:
    """A file or directory that the step writes; its parent exists."""


@dataclass(frozen=True)
class Value:
    """A file into which the step writes one value as text, for other steps' flags, `when` and the metrics of a run."""


InputPath = Annotated[Path, Input()]
OptionalInputPath = Annotated[Path, Input(optional=True)]
OutputPath = Annotated[Path, Output()]
OutputValue = Annotated[Path, Value()]
