"""From the signature of a step to its Argo template: one name for a parameter in Python, YAML and on the command line.

Not here: where a step runs (`platform.py`) or how steps are joined (`train.py`).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from hera.workflows import Artifact, Container, NoneArchiveStrategy, Parameter
from hera.workflows.models import ValueFrom

from training.step import Input, Output, Value

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT = "report"
CODE = "code"  # the artifact that every step but the one that fetches it runs in

Mark = Input | Output | Value | None
TAGS: dict[type[Any], str] = {
    type(None): "inputs.parameters.%s",
    Input: "inputs.artifacts.%s.path",
    Output: "outputs.artifacts.%s.path",
    Value: "outputs.parameters.%s.path",
}


def kebab(name: str) -> str:
    """The name of a Python parameter as YAML and the command line write it."""
    return name.replace("_", "-")


def marks(function: Callable[..., Any]) -> dict[str, Mark]:
    """By parameter: how it travels, as a file that is read or written, or (None) as a value."""
    hints = get_type_hints(function, include_extras=True)
    return {name: _mark(hints[name]) for name in inspect.signature(function).parameters}


def _mark(hint: Any) -> Mark:
    found = [mark for mark in get_args(hint)[1:] if isinstance(mark, Input | Output | Value)]
    return found[0] if get_origin(hint) is Annotated and found else None


def _input(name: str, mark: Input) -> Artifact:
    return Artifact(name=name, path=f"/tmp/inputs/{name}", optional=mark.optional or None)  # noqa: S108 - in the pod


def _output(step: str, name: str) -> Artifact:
    path = f"/tmp/outputs/{name}"  # noqa: S108 - in the pod
    if name != REPORT:
        return Artifact(name=name, path=path, global_name=CODE if name == CODE else None)
    # The exit handler reads every step's report through its global name; a step that broke early may have none.
    return Artifact(name=name, path=path, archive=NoneArchiveStrategy(), global_name=f"{step}-report", optional=True)


def _value(name: str) -> Parameter:
    # Empty by default: a step that failed before it wrote the value has failed for its own reason, not for this one.
    return Parameter(name=name, value_from=ValueFrom(path=f"/tmp/outputs/{name}", default=""))  # noqa: S108 - in the pod


def container(
    function: Callable[..., Any],
    *,
    module: str,
    code: Input | None,
    more_inputs: tuple[str, ...] = (),
    **pod: Any,
) -> Container:
    """The Argo template of a step: `python -m <module> <step> --<parameter>=<value or path> ...`.

    Args:
      function: The step; its annotations say what is a file (`training.step`).
      module: What `python -m` starts.
      code: How the step gets the code it runs in; None for the image's own.
      more_inputs: Parameters of the pod, not of the step (e.g. `pool`).
      pod: Arguments of Hera's `Container`, from `platform.py`.
    """
    step = kebab(function.__name__)
    by_name = {kebab(name): mark for name, mark in marks(function).items()}
    tags = {name: TAGS[type(mark)] % name for name, mark in by_name.items()}
    values = [Parameter(name=name) for name in [*(n for n, mark in by_name.items() if mark is None), *more_inputs]]
    files = {name: mark for name, mark in by_name.items() if isinstance(mark, Input)} | ({CODE: code} if code else {})
    return Container(
        name=step,
        command=["python"],
        args=["-m", module, step, *(f"--{name}={{{{{tag}}}}}" for name, tag in tags.items())],
        inputs=[*values, *(_input(name, mark) for name, mark in files.items())],
        outputs=[
            *(_output(step, name) for name, mark in by_name.items() if isinstance(mark, Output)),
            *(_value(name) for name, mark in by_name.items() if isinstance(mark, Value)),
        ],
        working_dir=f"{{{{{TAGS[Input] % CODE}}}}}" if code else None,
        **pod,
    )
