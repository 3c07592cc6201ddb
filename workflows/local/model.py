"""What a workflow document says, typed: the part of Argo's API that the local engine runs.

Not here: how it is read and what is refused (document.py). All strings may still hold `{{...}}` tags.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """A named string: declared by inputs or outputs, or given by arguments."""

    name: str
    value: str | None = None
    default: str | None = None
    enum: tuple[str, ...] = ()
    path: str | None = None  # valueFrom.path: the file that a step writes
    source: str | None = None  # valueFrom.parameter: the tag that a DAG's or steps' output comes from
    fallback: str | None = None  # valueFrom.default
    global_name: str | None = None
    description: str | None = None

    def document(self) -> dict[str, Any]:
        """The parameter as Argo writes it."""
        entry: dict[str, Any] = {"name": self.name, "default": self.default, "value": self.value}
        entry |= {"enum": list(self.enum) or None, "description": self.description or None}
        return {key: value for key, value in entry.items() if value is not None}


@dataclass(frozen=True)
class Artifact:
    """A named file or folder: declared by inputs or outputs, or given by arguments."""

    name: str
    path: str | None = None
    raw: str | None = None
    source: str | None = None  # from: the tag of the artifact to hand on
    sub_path: str | None = None
    optional: bool = False
    global_name: str | None = None
    kept: Path | None = None  # set when a run has resolved `source`


@dataclass(frozen=True)
class Parameters:
    """A set of parameters and artifacts: inputs, outputs or arguments."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True)
class Sequence:
    """withSequence: numbers from start to end, or count of them, formatted."""

    start: str | None = None
    end: str | None = None
    count: str | None = None
    format: str | None = None


@dataclass(frozen=True)
class Call:
    """A task of a DAG, or a step of a steps template: which template runs, when, how often, with what."""

    name: str
    template: str
    arguments: Parameters = Parameters()
    depends: str = ""
    dependencies: tuple[str, ...] = ()
    when: str = ""
    with_items: tuple[Any, ...] | None = None
    with_param: str | None = None
    with_sequence: Sequence | None = None
    continue_on_error: bool = False
    continue_on_failed: bool = False

    @property
    def expands(self) -> bool:
        """The call stands for one call for each item of a list."""
        return bool(self.with_items) or bool(self.with_param) or self.with_sequence is not None

    def continues_on(self, phase: str) -> bool:
        """The template goes on although this call ended in `phase`."""
        return (self.continue_on_error and phase == "Error") or (self.continue_on_failed and phase == "Failed")


@dataclass(frozen=True)
class Dag:
    """Tasks and what each depends on."""

    tasks: tuple[Call, ...]
    target: str = ""
    fail_fast: bool = True


@dataclass(frozen=True)
class Process:
    """container or script: the command line of a step."""

    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    source: str | None = None  # script.source
    working_dir: str = ""


@dataclass(frozen=True)
class Retry:
    """retryStrategy."""

    limit: str | None = None
    policy: str = ""
    expression: str = ""
    duration: str = ""
    factor: str = ""
    max_duration: str = ""
    cap: str = ""
    backoff: bool = False

    @property
    def actual_policy(self) -> str:
        """The policy, or what Argo takes when none is given."""
        return self.policy or ("Always" if self.expression else "OnFailure")


@dataclass(frozen=True)
class Template:
    """One template: exactly one of process, dag and steps is set."""

    name: str
    inputs: Parameters = Parameters()
    outputs: Parameters = Parameters()
    process: Process | None = None
    dag: Dag | None = None
    steps: tuple[tuple[Call, ...], ...] | None = None
    retry: Retry | None = None
    timeout: str = ""
    active_deadline: str = ""
    parallelism: int | None = None
    fail_fast: bool = False
    mutexes: tuple[str, ...] = ()

    @property
    def node_type(self) -> str:
        """The type of the node that this template's execution makes."""
        return "Pod" if self.process else "DAG" if self.dag else "Steps"

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every task or step."""
        return self.dag.tasks if self.dag else tuple(call for group in self.steps or () for call in group)


@dataclass(frozen=True)
class Workflow:
    """A WorkflowTemplate or Workflow."""

    name: str
    namespace: str
    entrypoint: str
    templates: Mapping[str, Template]
    arguments: Parameters = Parameters()
    on_exit: str = ""
    parallelism: int | None = None
    active_deadline_seconds: float | None = None
    retry: Retry | None = None
    mutexes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    service_account: str = ""
