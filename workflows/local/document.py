"""Reading a rendered `WorkflowTemplate` or `Workflow` into model.py, refusing by name what the engine cannot do.

Not here: whether names and tags fit together (check.py).
Source: docs/fields.md of Argo Workflows 4.0.
"""

from collections.abc import Mapping
from typing import Any

from workflows.errors import UnsupportedError, WorkflowError
from workflows.local import ignored
from workflows.local.fields import Fields, text
from workflows.local.model import Artifact, Call, Dag, Parameter, Parameters, Process, Retry, Sequence, Template
from workflows.local.model import Workflow as Model

KINDS = ("WorkflowTemplate", "ClusterWorkflowTemplate", "Workflow")
CLUSTER_SOURCES = (*ignored.STORES, "git", "http")


def read(document: Mapping[str, Any]) -> Model:
    """Reads a whole document.

    Args:
      document: The parsed YAML of one Kubernetes object.
    Raises: WorkflowError where it is malformed; UnsupportedError, naming the field, where the engine cannot do it.
    """
    top = Fields("workflow", document)
    kind = top.text("kind")
    if kind not in KINDS:
        raise WorkflowError(f"a document of kind {' or '.join(KINDS)} was expected. Received: kind={kind or 'none'}")
    top.text("apiVersion")
    top.get("status")
    metadata = Fields("workflow: metadata", top.get("metadata") or {})
    name = metadata.text("name") or metadata.text("generateName").rstrip("-") or "workflow"
    top.where = f"workflow {name}"
    spec = top.get("spec")
    top.close()
    return _spec(name, metadata, Fields(f"workflow {name}", spec, ignored.SPEC))


def _spec(name: str, metadata: Fields, spec: Fields) -> Model:
    spec.get("serviceAccountName")
    templates = spec.each("templates", lambda _, entry: _template(spec.where, entry))
    workflow = Model(
        name=name,
        namespace=metadata.text("namespace", "default"),
        entrypoint=spec.required("entrypoint"),
        templates={template.name: template for template in templates},
        arguments=_parameters(spec.mapping("arguments")),
        on_exit=spec.text("onExit"),
        parallelism=spec.number("parallelism"),
        active_deadline_seconds=spec.number("activeDeadlineSeconds"),
        retry=_retry(spec) if "retryStrategy" in spec else None,
        mutexes=_mutexes(spec),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        service_account=spec.text("serviceAccountName"),
    )
    spec.close()
    if len(workflow.templates) < len(templates):
        raise WorkflowError(f"{spec.where}: two templates have the same name; give each its own")
    return workflow


def _template(workflow: str, value: Any) -> Template:
    name = Fields(workflow, value).required("name")
    fields = Fields(f"{workflow}: template {name}", value, ignored.TEMPLATE)
    fields.refuse("daemon", "every step must end")
    kinds = [kind for kind in ("container", "script", "dag", "steps") if kind in fields]
    if len(kinds) > 1:
        raise WorkflowError(f"{fields.where}: one of container, script, dag or steps was expected. Received: {kinds}")
    template = Template(
        name=fields.required("name"),
        inputs=_parameters(fields.mapping("inputs"), inputs=True),
        outputs=_parameters(fields.mapping("outputs"), outputs=True),
        process=_process(fields, kinds[0]) if kinds[:1] in (["container"], ["script"]) else None,
        dag=_dag(fields.mapping("dag")) if "dag" in fields else None,
        steps=_steps(fields) if "steps" in fields else None,
        retry=_retry(fields) if "retryStrategy" in fields else None,
        timeout=fields.text("timeout"),
        active_deadline=fields.text("activeDeadlineSeconds"),
        parallelism=fields.number("parallelism"),
        fail_fast=fields.flag("failFast"),
        mutexes=_mutexes(fields),
    )
    fields.close()
    if not kinds:
        raise WorkflowError(f"{fields.where}: one of container, script, dag or steps was expected. Received: none")
    if not template.process and (template.timeout or template.active_deadline):
        raise UnsupportedError(f"{fields.where}: only a container or script can have a timeout, as in Argo")
    return template


def _process(fields: Fields, kind: str) -> Process:
    container = fields.mapping(kind, ignored.CONTAINER)
    process = Process(
        command=container.texts("command"),
        args=container.texts("args"),
        env=tuple(pair for pair in container.each("env", _variable) if pair is not None),
        source=container.text("source") if kind == "script" else None,
        working_dir=container.text("workingDir"),
    )
    for entry in container.list("envFrom"):
        _refuse_required_reference(f"{container.where}: envFrom", entry)
    container.close()
    if not process.command:
        raise UnsupportedError(f"{container.where}: field `command` is needed: the entrypoint of an image is not known")
    return process


def _variable(where: str, value: Any) -> tuple[str, str] | None:
    fields = Fields(where, value)
    name = fields.required("name")
    source = fields.mapping("valueFrom")
    result = (name, fields.text("value"))
    if "fieldRef" in source:
        field = source.mapping("fieldRef").text("fieldPath")
        if field not in ("metadata.name", "metadata.namespace"):
            raise UnsupportedError(f"{where}: {name}: fieldPath `{field}` is not supported by the local engine")
        result = (name, "{{pod.name}}" if field == "metadata.name" else "{{workflow.namespace}}")
    elif fields.get("valueFrom"):
        _refuse_required_reference(f"{where}: {name}", fields.get("valueFrom"))
        return None  # an optional reference that is not there sets nothing, as in Kubernetes
    fields.close()
    return result


def _refuse_required_reference(where: str, entry: Mapping[str, Any]) -> None:
    """A Secret or ConfigMap that need not be there is not there; one that must be cannot be had."""
    for key, reference in entry.items():
        if key != "prefix" and not (isinstance(reference, Mapping) and reference.get("optional")):
            raise UnsupportedError(
                f"{where}: field `{key}` is not supported by the local engine: no cluster keeps the value; "
                "mark it `optional: true` where the step can do without"
            )


def _dag(fields: Fields) -> Dag:
    dag = Dag(
        tasks=fields.each("tasks", _call),
        target=fields.text("target"),
        fail_fast=fields.flag("failFast", default=True),
    )
    fields.close()
    return dag


def _steps(fields: Fields) -> tuple[tuple[Call, ...], ...]:
    groups = [group if isinstance(group, list) else [group] for group in fields.list("steps")]
    return tuple(tuple(_call(f"{fields.where}: steps", entry) for entry in group) for group in groups)


def _call(where: str, value: Any) -> Call:
    name = Fields(where, value).required("name")
    fields = Fields(f"{where.rpartition(': ')[0]}: {where.rpartition(': ')[2].rstrip('s')} {name}", value)
    continue_on = fields.mapping("continueOn")
    call = Call(
        name=fields.required("name"),
        template=fields.required("template"),
        arguments=_parameters(fields.mapping("arguments")),
        depends=fields.text("depends"),
        dependencies=fields.texts("dependencies"),
        when=fields.text("when"),
        with_items=tuple(fields.list("withItems")) if "withItems" in fields else None,
        with_param=fields.optional_text("withParam"),
        with_sequence=_sequence(fields.mapping("withSequence")) if "withSequence" in fields else None,
        continue_on_error=continue_on.flag("error"),
        continue_on_failed=continue_on.flag("failed"),
    )
    continue_on.close()
    fields.close()
    if call.depends and call.dependencies:
        raise WorkflowError(f"{fields.where}: give either `depends` or `dependencies`, not both")
    return call


def _sequence(fields: Fields) -> Sequence:
    names = ("start", "end", "count", "format")
    sequence = Sequence(*(fields.optional_text(name) for name in names))
    fields.close()
    if (sequence.end is None) == (sequence.count is None):
        raise WorkflowError(f"{fields.where}: give either `end` or `count`")
    return sequence


def _parameters(fields: Fields, *, inputs: bool = False, outputs: bool = False) -> Parameters:
    result = Parameters(
        fields.each("parameters", lambda where, entry: _parameter(where, entry, outputs=outputs)),
        fields.each("artifacts", lambda where, entry: _artifact(where, entry, inputs=inputs, outputs=outputs)),
    )
    fields.close()
    return result


def _parameter(where: str, value: Any, *, outputs: bool) -> Parameter:
    name = Fields(where, value).required("name")
    fields = Fields(f"{where.removesuffix('s')} {name}", value)
    source = fields.mapping("valueFrom")
    parameter = Parameter(
        name=fields.required("name"),
        value=fields.optional_text("value"),
        default=fields.optional_text("default"),
        enum=fields.texts("enum"),
        path=source.optional_text("path"),
        source=source.optional_text("parameter"),
        fallback=source.optional_text("default"),
        global_name=fields.optional_text("globalName"),
        description=fields.optional_text("description"),
    )
    source.close()
    fields.close()
    if not outputs and (parameter.path or parameter.source or parameter.global_name):
        raise UnsupportedError(f"{fields.where}: `valueFrom` and `globalName` belong to outputs")
    return parameter


def _artifact(where: str, value: Any, *, inputs: bool, outputs: bool) -> Artifact:
    name = Fields(where, value).required("name")
    places = ignored.ARTIFACT | (ignored.STORES if outputs else {})
    fields = Fields(f"{where.removesuffix('s')} {name}", value, places)
    if not outputs:
        for store in CLUSTER_SOURCES:
            fields.refuse(store, "an input comes from another step, by `from`, or as `raw` text")
    raw = fields.get("raw")
    artifact = Artifact(
        name=fields.required("name"),
        path=fields.optional_text("path"),
        raw=text(raw["data"]) if raw else None,
        source=fields.optional_text("from"),
        sub_path=fields.optional_text("subPath"),
        optional=fields.flag("optional"),
        global_name=fields.optional_text("globalName"),
    )
    fields.close()
    if inputs and artifact.source:
        raise UnsupportedError(f"{fields.where}: field `from` belongs to the arguments of a task")
    return artifact


def _retry(fields: Fields) -> Retry:
    strategy = fields.mapping("retryStrategy", ignored.RETRY)
    backoff = strategy.mapping("backoff")
    retry = Retry(
        limit=strategy.optional_text("limit"),
        policy=strategy.text("retryPolicy"),
        expression=strategy.text("expression"),
        duration=backoff.text("duration"),
        factor=backoff.text("factor"),
        max_duration=backoff.text("maxDuration"),
        cap=backoff.text("cap"),
        backoff="backoff" in strategy,
    )
    backoff.close()
    strategy.close()
    return retry


def _mutexes(fields: Fields) -> tuple[str, ...]:
    synchronization = fields.mapping("synchronization")
    synchronization.refuse("semaphores", "its limit is kept in a ConfigMap of the cluster; use a mutex")
    names = synchronization.each("mutexes", _mutex)
    synchronization.close()
    return names


def _mutex(where: str, value: Any) -> str:
    fields = Fields(where, value)
    fields.refuse("database", "there is no database to lock in")
    name = fields.required("name")
    name = f"{fields.text('namespace', '{{workflow.namespace}}')}/Mutex/{name}"
    fields.close()
    return name
