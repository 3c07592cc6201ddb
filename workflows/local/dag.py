"""A DAG template: which tasks may run now, which never will, and how the whole ends.

Source: workflow/controller/dag.go of Argo Workflows 4.0, in the same order, since the order decides who comes first
where only so many may run.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workflows.local import depends, loops, when
from workflows.local.faults import Fault, Waiting
from workflows.local.scope import Scope, attempts, resolved
from workflows.local.status import ERROR, FAILED, OMITTED, RUNNING, SKIPPED, SUCCEEDED, Node, Values, node_id
from workflows.local.substitution import substitute_text

if TYPE_CHECKING:
    from workflows.local.model import Call, Template
    from workflows.local.operator import Operator, Place

NOT_MET = "omitted: depends condition not met"


def execute(operator: Operator, name: str, template: Template, place: Place) -> Node:
    """Brings a DAG's node on. Raises: Fault where its outputs cannot be had."""
    node = operator.status.find(name) or operator.initialize(name, "DAG", RUNNING, template.name, place)
    node.inputs = operator.inputs(template)
    operator.templates[node.id] = template
    run = _Run(operator, node, template, replace(place, boundary=node.id, hooked=False, retried=False, deadline=None))
    for task in run.targets:
        run.task(task)
    if run.broken:
        raise run.broken
    phase = run.phase()
    if phase == RUNNING:
        return node
    if phase == SUCCEEDED:
        run.publish()
        node.outputs = run.outputs()
    node.outbound = [
        last.id for name in run.targets if (target := run.node(name)) for last in operator.outbound(target)
    ]
    return operator.mark(node, phase)


@dataclass
class _Run:
    """One pass over one DAG."""

    operator: Operator
    boundary: Node
    template: Template
    inside: Place
    visited: set[str] = field(default_factory=set)
    tasks: dict[str, Call] = field(init=False)
    targets: list[str] = field(init=False)
    broken: Fault | None = None  # the outputs of a task cannot be handed on, which is an error of the DAG as a whole

    def __post_init__(self) -> None:
        assert self.template.dag
        self.tasks = {task.name: task for task in self.template.dag.tasks}
        needed = {other for task in self.tasks.values() for other in depends.dependencies(task)}
        leaves = sorted(name for name in self.tasks if name not in needed)
        self.targets = substitute_text(self.template.dag.target, self.operator.variables).split() or leaves
        unknown = [target for target in self.targets if target not in self.tasks]
        if unknown:
            raise Fault(f"target '{unknown[0]}' is not defined")

    def name(self, task: str) -> str:
        return f"{self.boundary.name}.{task}"

    def node(self, task: str) -> Node | None:
        return self.operator.status.find(self.name(task))

    def task(self, name: str) -> None:
        """Runs a task, after those that it depends on; marks it where it will not run."""
        node = self.node(name)
        if name in self.visited or (node and (node.fulfilled or self.operator.pods.started(node.id))):
            return
        self.visited.add(name)
        task = self.tasks[name]
        needed = depends.dependencies(task)
        for other in needed:
            self.task(other)
        try:
            runs = self._runs(task, needed)
            if runs is None:
                return
            if runs:
                self._start(task)
            else:
                self._note(task, OMITTED, NOT_MET)
        except Fault as fault:
            self._note(task, ERROR, str(fault))

    def _runs(self, task: Call, needed: list[str]) -> bool | None:
        """Whether the task runs; None while that is not known."""
        if self.node(task.name):
            return True
        nodes = {other: self.node(other) for other in needed}
        if not all(node and node.fulfilled for node in nodes.values()):
            return None
        return depends.runs(task, self.tasks, lambda other: self._ended(nodes[other]))

    def _ended(self, node: Node | None) -> depends.Ended:
        assert node
        children = [self.operator.status.nodes[child].phase for child in node.children]
        return depends.Ended(node.phase, tuple(children) if node.type == "TaskGroup" else None)

    def _note(self, task: Call, phase: str, message: str) -> None:
        """Makes the node of a task that does not run, or marks the one that is there."""
        node = self.node(task.name)
        if node is None:
            node = self.operator.initialize(self.name(task.name), "Skipped", phase, task.template, self.inside, message)
            self._connect(task, node.id)
        else:
            self.operator.mark(node, phase, message)

    def _connect(self, task: Call, child: str) -> None:
        needed = depends.dependencies(task)
        parents = [last for other in needed if (node := self.node(other)) for last in self.operator.outbound(node)]
        for parent in parents if needed else [self.boundary]:
            self.operator.connect(parent, child)

    def _start(self, task: Call) -> None:
        try:
            scope = self._scope(task)
        except Fault as fault:
            self.broken = fault
            raise
        everything = {**self.operator.variables, **scope.parameters}
        task = self._with_artifacts(resolved(task, everything), scope)
        calls = loops.expand(task, everything)
        group = None
        if task.expands:
            if not calls:
                self._note(task, SKIPPED, "Skipped, empty params")
                return
            group = self._group(task)
        for call in calls:
            if not self._call(task, call, group):
                break
        if group:
            self._end_group(group, calls)

    def _group(self, task: Call) -> Node:
        group = self.node(task.name)
        if group is None:
            name = self.name(task.name)
            group = self.operator.initialize(name, "TaskGroup", RUNNING, task.template, self.inside)
            self._connect(task, group.id)
        return group

    def _call(self, task: Call, call: Call, group: Node | None) -> bool:
        """Brings one call of a task on; says whether the next one may be looked at."""
        name = self.name(call.name)
        if self.operator.status.find(name) is None:
            child = node_id(self.operator.status.name, name)
            if group:
                self.operator.connect(group, child)
            else:
                self._connect(task, child)
            if self._does_not_run(call, name):
                return True
        try:
            self.operator.execute(name, call, self.inside)
        except Waiting:
            return self.operator.status.find(name) is not None
        except Fault as fault:
            if found := self.operator.status.find(name):
                self.operator.mark(found, ERROR, f"task '{name}' errored: {fault}")
            return False
        return True

    def _does_not_run(self, call: Call, name: str) -> bool:
        """Makes the node of a call whose `when` says no, or says nothing that can be understood."""
        try:
            if when.evaluate(call.when):
                return False
            phase, message = SKIPPED, f"when '{call.when}' evaluated false"
        except Fault as fault:
            phase, message = ERROR, str(fault)
        self.operator.initialize(name, "Skipped", phase, call.template, self.inside, message)
        return True

    def _end_group(self, group: Node, calls: list[Call]) -> None:
        phase = SUCCEEDED
        for call in calls:
            node = self.node(call.name)
            if node is None or not node.fulfilled:
                return
            phase = node.phase if node.unsuccessful else phase
        self.operator.mark(group, phase)

    def _with_artifacts(self, task: Call, scope: Scope) -> Call:
        """Finds the task's artifacts, unless it will not run."""
        try:
            runs = when.evaluate(task.when)
        except Fault:
            if not task.expands:  # `when` may hold an item's tag, which is replaced later
                raise
            runs = True
        if not runs:
            return task
        found = scope.resolve(task.arguments.artifacts, self.operator.kept_inputs(self.template))
        return replace(task, arguments=replace(task.arguments, artifacts=found))

    def _scope(self, task: Call) -> Scope:
        """The outputs of every task that comes before `task`."""
        scope = self.operator.scope(self.template)
        ancestors: dict[str, None] = {}
        queue = deque(depends.dependencies(task))
        while queue:
            name = queue.popleft()
            if name not in ancestors:
                ancestors[name] = None
                queue.extend(depends.dependencies(self.tasks[name]))
        for name in ancestors:
            node = self.node(name)
            if node:
                self._add(scope, name, node)
        return scope

    def _add(self, scope: Scope, name: str, node: Node) -> None:
        status = self.operator.status
        if node.type == "TaskGroup":
            scope.parameters |= loops.aggregate(f"tasks.{name}", [status.nodes[child] for child in node.children])
        scope.add_node(f"tasks.{name}", node, status)

    def publish(self) -> None:
        """Makes the tasks' outputs with a global name the run's; the DAG's own are so when the one around it ends."""
        for name in self.tasks:
            if node := self.node(name):
                self.operator.publish(node.outputs)

    def outputs(self) -> Values:
        """The DAG's own outputs. Raises: Fault."""
        scope = self.operator.scope(self.template)
        for name in self.tasks:
            node = self.node(name)
            if node:
                self._add(scope, name, node)
        return scope.outputs(self.template.outputs, self.operator.kept_inputs(self.template))

    def phase(self) -> str:
        """How the DAG stands: an omitted target counts as the branch that led to it ended."""
        if self.operator.shutdown and not self.inside.on_exit and not self._anything_runs():
            return FAILED
        phases = self._branches()
        if phases is None:
            return RUNNING
        assert self.template.dag
        result = SUCCEEDED
        for target in self.targets:
            phase = phases.get(target, "")
            if not phase:
                result = RUNNING
                if not self.template.dag.fail_fast:
                    break
            elif phase in (FAILED, ERROR) and not self.tasks[target].continues_on(phase):
                result = phase
                if self.template.dag.fail_fast:
                    break
        return result

    def _anything_runs(self) -> bool:
        nodes = self.operator.status.nodes.values()
        return any(node.boundary_id == self.boundary.id and not node.fulfilled for node in nodes)

    def _branches(self) -> dict[str, str] | None:
        """The phase in which each target's branch ended; None where a node has not."""
        nodes = self.operator.status.nodes
        names = {node_id(self.operator.status.name, self.name(target)): target for target in self.targets}
        phases: dict[str, str] = {}
        queue = deque((child, SUCCEEDED) for child in self.boundary.children)
        seen = set(queue)
        while queue:
            identity, phase = queue.popleft()
            node = nodes.get(identity)
            if node is None or not node.fulfilled:
                return None
            phase = node.phase if node.completed else phase
            if identity in names and phases.get(names[identity]) not in (FAILED, ERROR):
                phases[names[identity]] = phase
            for entry in ((child, phase) for child in self._next(node)):
                if entry not in seen:
                    seen.add(entry)
                    queue.append(entry)
        return phases

    def _next(self, node: Node) -> list[str]:
        """The nodes after a node; a retried node stands for its attempts, whose failures no longer count."""
        if node.type != "Retry":
            return node.children
        return [child for attempt in attempts(node, self.operator.status) for child in attempt.children]
