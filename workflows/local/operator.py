"""One pass over the whole run: from the nodes as they are to what starts, ends or waits next.

As Argo's controller does, a pass begins at the entrypoint, walks down to what can move, and is repeated after every
event; so it must be cheap and must change nothing when nothing happened. dag.py and steps.py continue it for their
kind of template; pod.py runs the processes. Not here: waiting for events, signals and the exit handler (engine.py).
Source: executeTemplate and checkParallelism in workflow/controller/operator.go of Argo Workflows 4.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from workflows.local import dag, gojson, retry, steps
from workflows.local.faults import Fault, Waiting
from workflows.local.locks import Locks
from workflows.local.model import Call, Parameters, Retry, Template, Workflow
from workflows.local.pod import Pods
from workflows.local.scope import Scope, attempts
from workflows.local.status import (
    ERROR,
    FAILED,
    FULFILLED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    Kept,
    Node,
    Status,
    Values,
    node_id,
    now,
)
from workflows.local.substitution import substitute, tags
from workflows.local.variables import pod_name

ACTIVE = ("Pod", "Steps", "DAG")
FAIL_FAST = "template has failed or errored children and failFast enabled"
SEPARATOR = re.compile(r"^(\[\d+\])?\.")
RESULT = re.compile(r"(?:tasks|steps)\.(.+)\.outputs\.result")
LOOP_OR_ATTEMPT = re.compile(r"(\([^()]*\))+$")
ERROR_POLICIES = ("Always", "OnError", "OnTransientError")


@dataclass(frozen=True)
class Place:
    """Where in the run a template is executed."""

    boundary: str = ""  # the id of the DAG's or steps' node around it
    on_exit: bool = False
    hooked: bool = False
    retried: bool = False
    deadline: datetime | None = None


@dataclass
class Operator:
    """A run and what a pass over it needs."""

    workflow: Workflow
    status: Status
    variables: dict[str, str]
    pods: Pods
    locks: Locks
    shutdown: str = ""
    deadline: datetime | None = None
    due: list[datetime] = field(default_factory=list)  # when to look again, though nothing happens
    templates: dict[str, Template] = field(default_factory=dict)  # by id of the DAG's or steps' node they made
    _prepared: dict[str, Template] = field(default_factory=dict)  # DAGs and steps with their inputs, by node name
    _results: dict[str, set[str]] = field(default_factory=dict)  # the tasks whose result is used, by template name

    def execute(self, name: str, call: Call, place: Place) -> Node:
        """Brings the node called `name` on as far as it can go now, making it first where it is not there.

        Raises: Fault, after the node was marked Error; Waiting where a limit is reached.
        """
        node = self.status.find(name)
        if node and (node.fulfilled or self.pods.started(node.id)):
            return node
        try:
            template = self._prepare(name, call)
        except Fault as fault:
            self._refuse(node, name, call, place, str(fault))
            raise
        self._check_parallelism(template, node, place)
        missing = self._missing_lock(name, template)
        if missing:
            return self._wait_for_lock(name, template, missing, place)
        strategy = template.retry or self.workflow.retry
        if strategy:
            return self._execute_retried(name, call, template, strategy, place)
        return self._execute_once(name, template, None, place)

    def _execute_once(self, name: str, template: Template, strategy: Retry | None, place: Place) -> Node:
        try:
            if template.process:
                node = self._execute_pod(name, template, place)
            elif template.dag:
                node = dag.execute(self, name, template, place)
            else:
                node = steps.execute(self, name, template, place)
        except Fault as fault:
            found = self.status.find(name) or self.initialize(name, "Skipped", ERROR, template.name, place)
            node = self.mark(found, ERROR, str(fault))
            if strategy is None or strategy.actual_policy not in ERROR_POLICIES:
                raise
        return node

    def _execute_retried(self, name: str, call: Call, template: Template, strategy: Retry, place: Place) -> Node:
        # In Argo the attempts of an exit handler share its flags, and it theirs.
        flags = replace(place, retried=place.retried or place.hooked)
        parent = self.status.find(name) or self.initialize(name, "Retry", RUNNING, template.name, flags)
        parent.inputs = self.inputs(template)
        tries = attempts(parent, self.status)
        own = replace(place, retried=True)
        if tries and tries[-1].fulfilled:
            decision = self._decide(parent, strategy, tries)
            if decision is None or decision.wait_until:
                return parent
            own = replace(own, deadline=decision.deadline)
        number = len(tries) - 1 if tries and not tries[-1].fulfilled else len(tries)
        attempt = f"{name}({number})"
        self.connect(parent, node_id(self.status.name, attempt))
        scope = self._retry_variables(attempt, template, number, tries[number - 1] if number else None)
        node = self._execute_once(attempt, substitute(template, scope), strategy, own)
        return self.execute(name, call, place) if node.fulfilled else parent

    def _decide(self, parent: Node, strategy: Retry, tries: list[Node]) -> retry.Decision | None:
        """What follows the last attempt; None where the retried node has ended, as it is then marked."""
        last = tries[-1]
        if not last.unsuccessful:
            parent.outputs = last.outputs
            self.mark(parent, SUCCEEDED)
            return None
        decision = self._stopped(last)
        if decision is None:
            try:
                decision = retry.decide(strategy, tries, now())
            except Fault as fault:
                self.mark(last, ERROR, str(fault))  # Argo's, too
                self.mark(parent, ERROR, str(fault))
                raise
        if decision.phase:
            parent.outputs = last.outputs
            self.mark(parent, decision.phase, decision.message)
            return None
        if decision.wait_until:
            self.due.append(decision.wait_until)
            self.mark(parent, parent.phase, f"Backoff for {decision.wait:g} seconds")
        elif strategy.backoff:
            self.mark(parent, parent.phase, "")
        return decision

    def _stopped(self, last: Node) -> retry.Decision | None:
        if self.shutdown:
            return retry.Decision(phase=last.phase, message=f"Stopped with strategy '{self.shutdown}'")
        if self.deadline and now() > self.deadline:
            return retry.Decision(phase=last.phase, message=f"retry exceeded workflow deadline {self.deadline}")
        return None

    def _retry_variables(self, name: str, template: Template, number: int, last: Node | None) -> dict[str, str]:
        scope = {
            "retries": str(number),
            "lastRetry.exitCode": (last.outputs.exit_code if last else None) or "0",
            "lastRetry.status": last.phase if last else "",
            "lastRetry.duration": f"{last.seconds():g}" if last else "0",
            "lastRetry.message": last.message if last else "",
        }
        return scope | self._pod_variable(name, template)

    def _pod_variable(self, name: str, template: Template) -> dict[str, str]:
        if not template.process:
            return {}
        return {"pod.name": pod_name(self.status.name, template.name, node_id(self.status.name, name))}

    def _execute_pod(self, name: str, template: Template, place: Place) -> Node:
        node = self.status.find(name) or self.initialize(name, "Pod", PENDING, template.name, place)
        if node.fulfilled or self.pods.started(node.id):
            return node
        node.inputs = self.inputs(template)
        if self.shutdown == "Terminate" or (self.shutdown and not place.on_exit):
            return self.mark(node, FAILED, f"workflow shutdown with strategy: {self.shutdown}")
        if self.deadline and now() > self.deadline and not place.on_exit:
            return self.mark(node, FAILED, "Step exceeded its deadline")
        wanted = self._result_is_used(name, place)
        self.pods.start(node, template, on_exit=place.on_exit, deadline=place.deadline, result=wanted)
        self.changed()
        return node

    def _result_is_used(self, name: str, place: Place) -> bool:
        """Whether the template around a node uses its `outputs.result`: as in Argo, it is kept only then."""
        if not place.boundary:
            return False
        around = self.workflow.templates[self.status.nodes[place.boundary].template_name]
        if around.name not in self._results:
            used = (RESULT.fullmatch(tag) for tag in tags([around.dag, around.steps, around.outputs]))
            self._results[around.name] = {match[1] for match in used if match}
        return LOOP_OR_ATTEMPT.sub("", name).rpartition(".")[2] in self._results[around.name]

    def _prepare(self, name: str, call: Call) -> Template:
        """As `_with_arguments`; once only for a DAG or steps, which are looked at in every pass."""
        template = self._prepared.get(name)
        if template is None:
            template = self._with_arguments(name, call)
            if not template.process:
                self._prepared[name] = template
        return template

    def _with_arguments(self, name: str, call: Call) -> Template:
        """The template with its inputs' values, and its tags replaced. Raises: Fault where an input has none."""
        template = self.workflow.templates[call.template]
        given = {parameter.name: parameter.value for parameter in call.arguments.parameters}
        handed = {artifact.name: artifact for artifact in call.arguments.artifacts}
        parameters = []
        for item in template.inputs.parameters:
            value = given.get(item.name)
            value = value if value is not None else item.value if item.value is not None else item.default
            if value is None:
                raise Fault(f"inputs.parameters.{item.name} was not supplied")
            if item.enum and value not in item.enum:
                raise Fault(f"inputs.parameters.{item.name}: {value!r} is not one of {', '.join(item.enum)}")
            parameters.append(replace(item, value=value))
        artifacts = []
        for art in template.inputs.artifacts:
            own = handed.get(art.name, art)
            if own.kept is None and own.raw is None and not (art.optional or own.optional):
                raise Fault(f"inputs.artifacts.{art.name} was not supplied")
            artifacts.append(replace(own, path=art.path, name=art.name))
        template = replace(template, inputs=Parameters(tuple(parameters), tuple(artifacts)))
        return self._replaced(name, call, template)

    def _replaced(self, name: str, call: Call, template: Template) -> Template:
        scope = {"node.name": name, "tasks.name": call.name, "steps.name": call.name}
        template = substitute(template, scope)  # within a DAG, too: there they are the DAG's own
        scope = dict(self.variables)
        if not (template.retry or self.workflow.retry):
            scope |= self._pod_variable(name, template)
        # The tasks within get the variables when they start, as they are then.
        head = substitute(replace(template, dag=None, steps=None), scope)
        template = replace(head, dag=template.dag, steps=template.steps)
        values = {f"inputs.parameters.{item.name}": item.value or "" for item in template.inputs.parameters}
        inputs = template.inputs
        values["inputs.parameters"] = gojson.dumps([item.document() for item in inputs.parameters])
        return replace(substitute(replace(template, inputs=Parameters()), values), inputs=inputs)

    def _check_parallelism(self, template: Template, node: Node | None, place: Place) -> None:
        """Raises: Waiting where the workflow, this template or the one around it runs as much as it may."""
        if self.workflow.parallelism is not None and self._count_pods("") >= self.workflow.parallelism:
            raise Waiting
        if node and not template.process:
            self._fail_fast(template, node)
            if template.parallelism is not None and self._count_pods(node.id) >= template.parallelism:
                raise Waiting
        if place.boundary and (node is None or node.phase not in (PENDING, RUNNING)):
            around = self.templates[place.boundary]
            self._fail_fast(around, self.status.nodes[place.boundary])
            children = (item for item in self._children(place.boundary) if item.phase in (PENDING, RUNNING))
            if around.parallelism is not None and sum(1 for _ in children) >= around.parallelism:
                raise Waiting

    def _fail_fast(self, template: Template, node: Node) -> None:
        if not template.fail_fast or not any(item.unsuccessful for item in self._children(node.id)):
            return
        if self._count_pods(node.id) == 0:
            for item in list(self.status.nodes.values()):
                if item.boundary_id == node.id and item.type == "StepGroup" and not item.fulfilled:
                    self.mark(item, FAILED, FAIL_FAST)
            self.mark(node, FAILED, FAIL_FAST)
        raise Waiting

    def _children(self, boundary: str) -> list[Node]:
        return [item for item in self.status.nodes.values() if item.boundary_id == boundary and item.type in ACTIVE]

    def _count_pods(self, boundary: str) -> int:
        return sum(
            1
            for item in self.status.nodes.values()
            if item.type == "Pod"
            and item.phase in (PENDING, RUNNING)
            and not item.waiting
            and (not boundary or item.boundary_id == boundary)
        )

    def _missing_lock(self, name: str, template: Template) -> str:
        """The mutex that the node still waits for; "" where it has, or now gets, all that its template asks for."""
        node = self.status.find(name)
        missing = self.locks.acquire(node_id(self.status.name, name), template.mutexes)
        if node and node.waiting and not missing:
            node.waiting = ""
            self.mark(node, PENDING if template.process else RUNNING, "")
        return missing

    def _wait_for_lock(self, name: str, template: Template, missing: str, place: Place) -> Node:
        kind = "Retry" if template.retry or self.workflow.retry else template.node_type
        node = self.status.find(name) or self.initialize(name, kind, PENDING, template.name, place)
        if self.shutdown and not place.on_exit:
            return self.mark(node, FAILED, f"workflow shutdown with strategy: {self.shutdown}")
        if self.deadline and now() > self.deadline and not place.on_exit:
            return self.mark(node, FAILED, "Step exceeded its deadline")
        node.waiting = missing
        return self.mark(node, PENDING, f"Waiting for {missing} lock. Lock status: 0/1")

    def _refuse(self, node: Node | None, name: str, call: Call, place: Place, message: str) -> None:
        if node:
            self.mark(node, ERROR, message)
        else:
            self.initialize(name, "Skipped", ERROR, call.template, place, message)

    def initialize(  # noqa: PLR0917 - as Argo's initializeNode, in its order
        self, name: str, kind: str, phase: str, template: str, place: Place, message: str = ""
    ) -> Node:
        """Makes a node."""
        boundary = self.status.nodes.get(place.boundary)
        display = SEPARATOR.sub("", name.removeprefix(boundary.name)) if boundary else name
        node = Node(
            id=node_id(self.status.name, name),
            name=name,
            display_name=display,
            type=kind,
            phase=phase,
            started=now(),
            template_name=template,
            boundary_id=place.boundary,
            message=message,
            retried=place.retried,
            hooked=place.hooked,
        )
        if phase in FULFILLED:
            node.finished = node.started
        self.status.nodes[node.id] = node
        self.changed()
        return node

    def mark(self, node: Node, phase: str, message: str | None = None) -> Node:
        """Gives a node a phase, and a message where there is one."""
        if node.phase != phase or (message is not None and node.message != message):
            node.phase = phase
            node.message = node.message if message is None else message
            node.waiting = "" if phase in FULFILLED else node.waiting
            if phase in FULFILLED and node.finished is None:
                node.finished = now()
            self.changed()
        return node

    def connect(self, parent: Node, child: str) -> None:
        """Makes `child`, an id, a child of `parent`."""
        if child not in parent.children:
            parent.children.append(child)
            self.changed()

    def changed(self) -> None:
        """Says that the status is no longer what was last written."""
        self.status.revision += 1

    def outbound(self, node: Node) -> list[Node]:
        """The last nodes within a node, which the next ones hang on."""
        nodes = self.status.nodes
        if node.type in ("Pod", "Skipped") or (node.type == "TaskGroup" and not node.children):
            return [node]
        if node.type == "TaskGroup":
            return [last for child in node.children if child in nodes for last in self.outbound(nodes[child])]
        if node.type == "Retry" and node.children:
            return [nodes[node.children[-1]]]
        return [last for child in node.outbound for last in self.outbound(nodes[child])]

    def inputs(self, template: Template) -> Values:
        """A template's inputs as a node shows them."""
        return Values(
            tuple(Kept(item.name, item.value) for item in template.inputs.parameters),
            tuple(Kept(item.name, item.raw, item.kept, item.global_name) for item in template.inputs.artifacts),
        )

    def kept_inputs(self, template: Template) -> Mapping[str, Kept]:
        """A template's input artifacts by name, to be handed on to its tasks."""
        return {item.name: item for item in self.inputs(template).artifacts}

    def scope(self, template: Template) -> Scope:
        """An empty scope, but for the run's own outputs."""
        scope = Scope(template)
        scope.add_values("workflow", self.status.outputs)
        return scope

    def publish(self, values: Values) -> None:
        """Makes the outputs with a `globalName` the run's."""
        parameters = {item.name: item for item in self.status.outputs.parameters}
        artifacts = {item.name: item for item in self.status.outputs.artifacts}
        before = (dict(parameters), dict(artifacts))
        for item in values.parameters:
            if item.global_name and item.value is not None:
                parameters[item.global_name] = Kept(item.global_name, item.value)
                self.variables[f"workflow.outputs.parameters.{item.global_name}"] = item.value
        for item in values.artifacts:
            if item.global_name:
                artifacts[item.global_name] = replace(item, name=item.global_name, global_name=None)
        if before != (parameters, artifacts):
            self.status.outputs = Values(tuple(parameters.values()), tuple(artifacts.values()))
            self.changed()
