"""A steps template: groups one after another, the steps of a group at the same time.

Source: workflow/controller/steps.go of Argo Workflows 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workflows.local import loops, when
from workflows.local.faults import Fault, Waiting
from workflows.local.scope import resolved
from workflows.local.status import ERROR, FAILED, RUNNING, SKIPPED, SUCCEEDED, Node

if TYPE_CHECKING:
    from workflows.local.model import Call, Template
    from workflows.local.operator import Operator, Place
    from workflows.local.scope import Scope


def execute(operator: Operator, name: str, template: Template, place: Place) -> Node:
    """Brings a steps template's node on. Raises: Fault where its outputs cannot be had."""
    node = operator.status.find(name) or operator.initialize(name, "Steps", RUNNING, template.name, place)
    node.inputs = operator.inputs(template)
    operator.templates[node.id] = template
    scope = operator.scope(template)
    inside = replace(place, boundary=node.id, hooked=False, retried=False, deadline=None)
    run = _Run(operator, node, template, inside, scope)
    last: Node = node
    for index, calls in enumerate(template.steps or ()):
        group = run.group(index, last)
        run.execute(group, calls)
        last = group
        if not group.fulfilled:
            return node
        if group.unsuccessful:
            node.outbound = run.outbound(group)
            return operator.mark(node, FAILED, group.message)
        run.remember(group, calls)
    node.outbound = run.outbound(last)
    node.outputs = scope.outputs(template.outputs, operator.kept_inputs(template))
    operator.publish(node.outputs)
    return operator.mark(node, SUCCEEDED)


@dataclass
class _Run:
    """One pass over one steps template."""

    operator: Operator
    boundary: Node
    template: Template
    inside: Place
    scope: Scope

    def group(self, index: int, last: Node) -> Node:
        """The node of a group of steps, hung on what came before."""
        name = f"{self.boundary.name}[{index}]"
        group = self.operator.status.find(name)
        if group is None:
            group = self.operator.initialize(name, "StepGroup", RUNNING, "", self.inside)
            parents = [self.boundary] if index == 0 else self._ends(last) or [last]
            for parent in parents:
                self.operator.connect(parent, group.id)
        return group

    def _ends(self, group: Node) -> list[Node]:
        nodes = self.operator.status.nodes
        return [last for child in group.children if child in nodes for last in self.operator.outbound(nodes[child])]

    def outbound(self, group: Node) -> list[str]:
        """The ids of the last nodes of a group."""
        return [node.id for node in self._ends(group)]

    def execute(self, group: Node, calls: tuple[Call, ...]) -> None:
        """Brings a group on."""
        if group.fulfilled:
            return
        try:
            expanded = self._expand(group, calls)
            steps = {f"{group.name}.{call.name}": call for call in expanded}
            for name, call in steps.items():
                self._call(group, name, call)
        except Fault as fault:
            self.operator.mark(group, ERROR, str(fault))
            return
        self._end(group, steps)

    def _expand(self, group: Node, calls: tuple[Call, ...]) -> list[Call]:
        everything = {**self.operator.variables, **self.scope.parameters}
        ready = [self._with_artifacts(resolved(call, everything)) for call in calls]
        expanded = []
        for call in ready:
            found = loops.expand(call, everything)
            expanded.extend(found)
            name = f"{group.name}.{call.name}"
            if not found and self.operator.status.find(name) is None:
                message = "Skipped, empty params"
                node = self.operator.initialize(name, "Skipped", SKIPPED, call.template, self.inside, message)
                self.operator.connect(group, node.id)
        return expanded

    def _with_artifacts(self, call: Call) -> Call:
        """Finds the step's artifacts, unless it will not run."""
        try:
            runs = when.evaluate(call.when)
        except Fault as fault:
            if not call.expands:  # `when` may hold an item's tag, which is replaced later
                raise Fault(f"failed to resolve references: {fault}") from None
            runs = True
        if not runs:
            return call
        try:
            found = self.scope.resolve(call.arguments.artifacts, self.operator.kept_inputs(self.template))
        except Fault as fault:
            raise Fault(f"failed to resolve references: unable to resolve references: {fault}") from None
        return replace(call, arguments=replace(call.arguments, artifacts=found))

    def _call(self, group: Node, name: str, call: Call) -> None:
        """Raises: Fault where the group as a whole is in error."""
        try:
            runs = when.evaluate(call.when)
        except Fault as fault:
            node = self.operator.initialize(name, "Skipped", ERROR, call.template, self.inside, str(fault))
            self.operator.connect(group, node.id)
            raise
        if not runs:
            if self.operator.status.find(name) is None:
                message = f"when '{call.when}' evaluated false"
                node = self.operator.initialize(name, "Skipped", SKIPPED, call.template, self.inside, message)
                self.operator.connect(group, node.id)
            return
        try:
            node = self.operator.execute(name, call, self.inside)
        except Waiting:
            found = self.operator.status.find(name)
            if found is None:
                return
            node = found
        except Fault as fault:
            if found := self.operator.status.find(name):
                self.operator.connect(group, found.id)
            raise Fault(f"step group deemed errored due to child {name} error: {fault}") from None
        self.operator.connect(group, node.id)

    def _end(self, group: Node, steps: dict[str, Call]) -> None:
        if any(self.operator.status.find(name) is None for name in steps):
            return  # held back by a limit on parallelism
        children = [self.operator.status.nodes[child] for child in group.children]
        if not all(child.fulfilled for child in children):
            return
        for child in children:
            call = steps.get(child.name)
            if child.unsuccessful and not (call and call.continues_on(child.phase)):
                self.operator.mark(group, FAILED, f"child '{child.id}' failed")
                return
        self.operator.mark(group, SUCCEEDED)

    def remember(self, group: Node, calls: tuple[Call, ...]) -> None:
        """Adds the outputs of a group's steps to what the next groups may use."""
        status = self.operator.status
        for call in calls:
            name, prefix = f"{group.name}.{call.name}", f"steps.{call.name}"
            node = status.find(name)
            if node:
                self.scope.add_node(prefix, node, status)
                continue
            nodes = [item for item in status.nodes.values() if item.name.startswith(f"{name}(")]
            items = [item for item in nodes if item.boundary_id == self.boundary.id and item.type != "Skipped"]
            if items:
                self.scope.parameters |= loops.aggregate(prefix, items)
