"""What the tags of a DAG's tasks or of a template's steps may be replaced with: outputs of what ran before.

Source: wfScope in workflow/controller/scope.go and buildLocalScope in operator.go of Argo Workflows 4.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from workflows.local.faults import Fault
from workflows.local.model import Artifact, Call, Parameter, Parameters, Template
from workflows.local.status import Kept, Node, Status, Values, rfc3339
from workflows.local.substitution import substitute, tags


@dataclass
class Scope:
    """Parameters and artifacts by tag, e.g. `tasks.train.outputs.artifacts.model`."""

    template: Template
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Kept] = field(default_factory=dict)

    def add_node(self, prefix: str, node: Node, status: Status) -> None:
        """Adds what is known of a node; for a retried one, of its last attempt."""
        node = last_attempt(node, status) or node
        known = {"id": node.id, "status": node.phase, "startedAt": rfc3339(node.started)}
        known |= {"finishedAt": rfc3339(node.finished)}
        self.parameters |= {f"{prefix}.{name}": value for name, value in known.items() if value}
        self.add_values(prefix, node.outputs)

    def add_values(self, prefix: str, values: Values) -> None:
        """Adds a node's outputs, or with the prefix `workflow` the run's."""
        if values.result is not None:
            self.parameters[f"{prefix}.outputs.result"] = values.result
        if values.exit_code is not None:
            self.parameters[f"{prefix}.exitCode"] = values.exit_code
        for item in values.parameters:
            if item.value is not None:
                self.parameters[f"{prefix}.outputs.parameters.{item.name}"] = item.value
        self.artifacts |= {f"{prefix}.outputs.artifacts.{item.name}": item for item in values.artifacts}

    def resolve(self, artifacts: tuple[Artifact, ...], inputs: Mapping[str, Kept]) -> tuple[Artifact, ...]:
        """Finds the file of every artifact that comes `from` somewhere; drops an optional one that is not there.

        Raises: Fault where one that is needed is not there.
        """
        found = []
        for artifact in artifacts:
            kept = self._find(artifact, inputs) if artifact.source else None
            if kept:
                found.append(replace(artifact, kept=kept.path, raw=kept.value, global_name=kept.global_name))
            elif not artifact.source:
                found.append(artifact)
            elif not artifact.optional:
                raise Fault(_unresolved(artifact.source))
        return tuple(found)

    def _find(self, artifact: Artifact, inputs: Mapping[str, Kept]) -> Kept | None:
        tag = _tag(artifact.source)
        name = tag.removeprefix("inputs.artifacts.")
        return inputs.get(name) if name != tag else self.artifacts.get(tag)

    def outputs(self, declared: Parameters, inputs: Mapping[str, Kept]) -> Values:
        """The outputs of a DAG or steps template. Raises: Fault where one is not there and has no default."""
        try:
            artifacts = self.resolve(declared.artifacts, inputs)
        except Fault as fault:
            raise Fault(f"unable to resolve outputs from scope: {fault}") from None
        return Values(
            tuple(self._output(parameter) for parameter in declared.parameters),
            tuple(Kept(item.name, item.raw, item.kept, item.global_name) for item in artifacts),
        )

    def _output(self, parameter: Parameter) -> Kept:
        value = self.parameters.get(_tag(parameter.source), parameter.fallback)
        if value is None:
            raise Fault(_unresolved(parameter.source))
        return Kept(parameter.name, value, global_name=parameter.global_name)


def resolved(call: Call, values: Mapping[str, str]) -> Call:
    """A call with its tags replaced, but for those of artifacts and of an item.

    Raises: Fault where what ran before did not give what a tag asks for. Argo 4.0 would look again for ever.
    """
    call = substitute(call, values)
    bare = replace(call, arguments=replace(call.arguments, artifacts=()))
    missing = next((tag for tag in tags(bare) if tag.startswith(("tasks.", "steps."))), None)
    if missing:
        raise Fault(
            f"failed to resolve {{{{{missing}}}}}: what ran before did not give it; on a cluster this waits for ever"
        )
    return call


def _tag(source: str | None) -> str:
    return (source or "").strip().removeprefix("{{").removesuffix("}}").strip()


def _unresolved(source: str | None) -> str:
    return f'Unable to resolve: "{_tag(source)}"'


def attempts(node: Node, status: Status) -> list[Node]:
    """The attempts of a retried node that exist, in order."""
    nodes = (status.nodes.get(child) for child in node.children)
    return [child for child in nodes if child is not None and child.retried]


def last_attempt(node: Node, status: Status) -> Node | None:
    """The last attempt of a retried node."""
    tries = attempts(node, status) if node.type == "Retry" else []
    return tries[-1] if tries else None
