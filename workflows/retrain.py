"""CronWorkflow `retrain-<model>`: the same code on this week's data, which is a new version.

No commit is named: the template's own default is the branch, and the step `source` says which commit that was.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from hera.workflows.models import (
    Arguments,
    CronWorkflow,
    CronWorkflowSpec,
    ObjectMeta,
    Parameter,
    WorkflowSpec,
    WorkflowTemplateRef,
)

from workflows.platform import NAMESPACE
from workflows.submit import MODEL_LABEL, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Sequence

NIGHT_MINUTES = 6 * 60  # from midnight, UTC, on Sunday
LATE_S = 6 * 3600


def cron(model: str) -> CronWorkflow:
    """The weekly run of one model; one that could not start within six hours waits for the next week."""
    hour, minute = divmod(zlib.crc32(model.encode()) % NIGHT_MINUTES, 60)
    return CronWorkflow(
        api_version="argoproj.io/v1alpha1",
        kind="CronWorkflow",
        metadata=ObjectMeta(name=f"retrain-{model}", namespace=NAMESPACE),
        spec=CronWorkflowSpec(
            # Each model at a time of its own, which stays when other models come and go.
            schedules=[f"{minute} {hour} * * 0"],
            timezone="Etc/UTC",
            starting_deadline_seconds=LATE_S,
            concurrency_policy="Forbid",
            workflow_metadata=ObjectMeta(labels={MODEL_LABEL: model}),
            workflow_spec=WorkflowSpec(
                workflow_template_ref=WorkflowTemplateRef(name=TEMPLATE),
                arguments=Arguments(parameters=[Parameter(name="model", value=model)]),
            ),
        ),
    )


def crons(models: Sequence[str]) -> list[CronWorkflow]:
    """One for each model."""
    return [cron(model) for model in models]
