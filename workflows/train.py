"""WorkflowTemplate `train`: from data to a released version of one model.

             ┌► prepare ──┐
    source ──┤            ├► validate ► train ► evaluate ► gate ► export ► check ► package ► release
             └► baseline ─┘                                                    exit handler: report

Each step is one function of `training` or of `tasks.py`; this file only says what follows what and what goes where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import DAG, Artifact, Container, Parameter, Step, Steps, Task, WorkflowTemplate
from hera.workflows.models import (
    Counter,
    Gauge,
    MetricLabel,
    Metrics,
    Mutex,
    PodGC,
    Prometheus,
    Synchronization,
    TTLStrategy,
)

from training.step import Input
from training.steps import STEPS
from workflows import tasks
from workflows.platform import (
    DEFAULT_IMAGE,
    NAMESPACE,
    POD_SECURITY,
    SERVICE_ACCOUNT,
    SERVING_IMAGE,
    cpu_pool,
    gpu_pool,
)
from workflows.template import CODE, container

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The UTC creation time as YYYYMMDDhhmmss: the same when a step is retried, and in order as TensorFlow Serving needs.
VERSION = "".join(f"{{{{workflow.creationTimestamp.{part}}}}}" for part in "YmdHMS")

PARAMETERS = [
    Parameter(name="model", description="A folder of training/models"),
    Parameter(name="data", value="builtin", description="builtin, or the path of a data file"),
    Parameter(name="epochs", value="0", description="0: as many as the model's config says"),
    Parameter(name="seed", value="0"),
    Parameter(name="pool", value="gpu", enum=["gpu", "cpu"], description="Where train runs"),
    Parameter(name="release", value="true", enum=["true", "false"], description="false: stop before the commit"),
    Parameter(name="environment", value="dev", description="The overlay that a release is written to"),
    Parameter(name="repository", description="URL or path of the git remote"),
    Parameter(name="revision", value="main", description="Its branch that says what runs"),
    Parameter(
        name="store", value="oci://docker.io", description="Where versions are kept: a folder, or oci://<registry>"
    ),
    Parameter(name="source-commit", value="main", description="What the code of this run is from: a commit or branch"),
    Parameter(name="image", value=DEFAULT_IMAGE, description="The image of every step"),
    Parameter(name="serving-image", value=SERVING_IMAGE, description="What an image of a version is put upon"),
]

# By parameter of a step: where its value comes from, for every step alike. Files come from the task that wrote them.
VALUES = {
    "version": VERSION,
    "workflow": "{{workflow.name}}",
    "uid": "{{workflow.uid}}",
    "status": "{{workflow.status}}",
    "failures": "{{workflow.failures}}",
    "duration": "{{workflow.duration}}",
    "parameters": "{{workflow.parameters}}",
    **{p.name: f"{{{{workflow.parameters.{p.name}}}}}" for p in PARAMETERS},
}
DAY = 24 * 3600
OF_MODEL = MetricLabel(key="model", value="{{workflow.parameters.model}}")


def _gauge(name: str, text: str, value: str) -> Metrics:
    """What a step found out, for Prometheus, once it has."""
    found = Gauge(value=f"{{{{outputs.parameters.{value}}}}}", realtime=False)
    when = f"'{{{{outputs.parameters.{value}}}}}' != ''"
    return Metrics(prometheus=[Prometheus(name=name, help=text, labels=[OF_MODEL], gauge=found, when=when)])


def _run_metrics() -> Metrics:
    """How runs end and how long they take, by model."""
    labels = [OF_MODEL, MetricLabel(key="status", value="{{workflow.status}}")]
    seconds = Gauge(value="{{workflow.duration}}", realtime=False)
    return Metrics(
        prometheus=[
            Prometheus(name="shipway_runs", help="Runs that ended", labels=labels, counter=Counter(value="1")),
            Prometheus(name="shipway_run_seconds", help="How long the last run took", labels=labels, gauge=seconds),
        ]
    )


# What may be mounted besides: to read a private repository, to push to a registry and sign there.
SECRETS = {"source": ("repository",), "baseline": ("repository", "registry"), "package": ("registry", "cosign")}
MODULES: dict[str, dict[str, Callable[..., None]]] = {"training": STEPS, "workflows.tasks": tasks.STEPS}
METRICS = {
    "validate": _gauge(
        "shipway_drift_distance", "Drift of the data from that of the serving version", "drift-distance"
    ),
    "evaluate": _gauge("shipway_accuracy", "Accuracy of a trained model on the test split", "accuracy"),
}
BY_WORKFLOWS = [name for name in tasks.STEPS if name != "report"]
REPORTS = {name: f"{{{{workflow.outputs.artifacts.{name}-report}}}}" for name in [*STEPS, *BY_WORKFLOWS]}
REPORTS[CODE] = f"{{{{workflow.outputs.artifacts.{CODE}}}}}"
FILES = {
    CODE: "{{tasks.source.outputs.artifacts.code}}",
    "dataset": "{{tasks.prepare.outputs.artifacts.dataset}}",
    "baseline": "{{tasks.baseline.outputs.artifacts.baseline}}",
    "trained": "{{tasks.train.outputs.artifacts.trained}}",
    "evaluation": "{{tasks.evaluate.outputs.artifacts.report}}",
    "exported": "{{tasks.export.outputs.artifacts.exported}}",
    "packaged": "{{tasks.package.outputs.artifacts.report}}",
}
# A branch may move on while the run goes on, so every step but the first is told what it meant at the start.
FOUND = {"source-commit": "{{tasks.source.outputs.parameters.commit}}"}


def templates() -> dict[str, Container]:
    """The template of every step, by name; made inside a workflow, each adds itself to it."""
    return {
        name: container(step, module=module, code=_code(name), metrics=METRICS.get(name), **_pool(name))
        for module, steps in MODULES.items()
        for name, step in steps.items()
    }


def _code(step: str) -> Input | None:
    """The commit's own, but for the step that fetches it; the page is written even where that step broke."""
    return None if step == "source" else Input(optional=step == "report")


def _pool(step: str) -> dict[str, Any]:
    """Where a step runs; whatever is not named here needs little."""
    if step == "train":
        return {**gpu_pool(), "more_inputs": ("pool",)}
    if step == "release":
        # One release at a time: each makes its commit on the newest main.
        alone = Synchronization(mutexes=[Mutex(name="release")])
        return {**cpu_pool(secrets=("deploy-key",)), "synchronization": alone}
    if step in SECRETS:
        return cpu_pool(secrets=SECRETS[step])
    return cpu_pool(memory="4Gi" if step in {"evaluate", "export", "check"} else "2Gi")


def arguments(
    template: Container, files: Mapping[str, str] = FILES, found: Mapping[str, str] = FOUND
) -> list[Parameter | Artifact]:
    """What a step is given: every value and file that its template asks for, and nothing else."""
    asked: Any = template.inputs
    known: dict[Any, str] = {**VALUES, **found}
    values = [Parameter(name=i.name, value=known[i.name]) for i in asked if isinstance(i, Parameter)]
    given = [
        Artifact(name=i.name, from_=files[str(i.name)], optional=i.optional) for i in asked if isinstance(i, Artifact)
    ]
    return [*values, *given]


def train() -> WorkflowTemplate:
    """The WorkflowTemplate, with its steps, its order and its exit handler."""
    with WorkflowTemplate(
        name="train",
        namespace=NAMESPACE,
        entrypoint="main",
        on_exit="exit",
        service_account_name=SERVICE_ACCOUNT,
        security_context=POD_SECURITY,
        ttl_strategy=TTLStrategy(seconds_after_success=7 * DAY, seconds_after_failure=30 * DAY),
        pod_gc=PodGC(strategy="OnPodSuccess"),
        metrics=_run_metrics(),
        arguments=PARAMETERS,
    ) as template:
        by_name = templates()

        def task(name: str, depends: str | None = None, when: str | None = None) -> None:
            template = by_name[name]
            given = arguments(template, found=FOUND if depends else {})
            Task(name=name, template=template, arguments=given, depends=depends, when=when)

        with DAG(name="main"):
            task("source")
            task("prepare", depends="source")
            task("baseline", depends="source")
            task("validate", depends="prepare && baseline")
            task("train", depends="validate")
            task("evaluate", depends="train")
            task("gate", depends="evaluate")
            task("export", depends="gate")
            task("check", depends="export")
            task("package", depends="check")
            task("release", depends="package", when="{{workflow.parameters.release}} == true")
        with Steps(name="exit"):
            report = by_name["report"]
            Step(name="report", template=report, arguments=arguments(report, REPORTS, found={}))
    return template
